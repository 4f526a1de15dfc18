"""The gateway process: listeners, the sweep, and a stop that loses nothing."""

import asyncio
import contextlib
from contextlib import AsyncExitStack
from time import monotonic

import structlog

from fleet.device_port import DevicePort
from gateway.config import GatewayConfig
from gateway.edge import Edge
from gateway.listeners import tcp
from protocol.seal import KeyRing

SWEEP_S = 1.0
STOP_POLL_S = 0.02

log = structlog.get_logger("gateway")


class GatewayServer:
    """Listens for registers and hands their words to the device port."""

    def __init__(self, port: DevicePort, keys: KeyRing, config: GatewayConfig) -> None:
        self._edge = Edge(port, keys, config)
        self._listeners: list[asyncio.Server] = []
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        """Begins to listen; returns the port (asked for 0, the system chose it)."""
        listener = await tcp.listen(self._edge, host, port)
        self._listeners.append(listener)
        self._sweeper = asyncio.create_task(self._sweep(), name="gateway sweep")
        bound = int(listener.sockets[0].getsockname()[1])
        log.info("listening", road="tcp", host=host, port=bound)
        return bound

    async def stop(self) -> None:
        """No new conversations; those under way get ``stop_grace_s`` to hear their reply."""
        self._edge.stopping = True
        for listener in self._listeners:
            listener.close()
        conversations = self._edge.presence.open
        deadline = monotonic() + self._edge.config.stop_grace_s
        while conversations and monotonic() < deadline:
            for conversation in list(conversations):
                conversation.stop()
            await asyncio.sleep(STOP_POLL_S)
        for conversation in list(conversations):
            conversation.lost()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now = monotonic()
            for conversation in list(self._edge.presence.open):
                conversation.sweep(now)


async def start_gateway(
    stack: AsyncExitStack, port: DevicePort, keys: KeyRing, config: GatewayConfig
) -> int:
    """A gateway that ends with the stack, its device port after it; returns its port number."""
    await port.start()
    stack.push_async_callback(port.close)
    server = GatewayServer(port, keys, config)
    stack.push_async_callback(server.stop)
    return await server.start(*config.devices_address)
