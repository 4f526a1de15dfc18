"""The gateway process: listeners, the sweep, and a shutdown that loses nothing."""

import asyncio
import contextlib
from contextlib import AsyncExitStack
from time import monotonic

import structlog

from fleet.device_port import DevicePort
from gateway.edge.config import GatewayConfig
from gateway.edge.context import EdgeContext, StartTask, start_alone
from gateway.edge.transports import tcp, tls
from gateway.edge.transports.mqtt.address import BrokerAddress, configured_broker
from gateway.edge.transports.mqtt.listener import MqttListener
from protocol.conversation.seal import KeyRing
from protocol.transport import Transport

SWEEP_S = 1.0
STOP_POLL_S = 0.02

log = structlog.get_logger("gateway")


class GatewayServer:
    """Server that listens for registers and passes their messages to the device port."""

    def __init__(
        self,
        port: DevicePort,
        keys: KeyRing,
        config: GatewayConfig,
        start_task: StartTask = start_alone,
    ) -> None:
        self._edge = EdgeContext(port, keys, config)
        self._start_task = start_task
        self._listeners: list[asyncio.Server] = []
        self._sweeper: asyncio.Task[None] | None = None
        self._certificate: tls.Certificate | None = None
        self._mqtt: MqttListener | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen for TCP and start the sweep; return the port (the chosen one for port 0)."""
        listener = await tcp.listen(self._edge, host, port)
        self._sweeper = self._start_task("gateway sweep", self._sweep)
        return self._log_listening(Transport.TCP, listener, host)

    async def start_tls(self, certificate: tls.Certificate, host: str, port: int) -> int:
        """Listen on a second port with TLS; its certificate is reloaded when its files change."""
        self._certificate = certificate
        return self._log_listening(
            Transport.TLS, await tls.listen(self._edge, certificate, host, port), host
        )

    async def start_mqtt(self, broker: BrokerAddress) -> None:
        """Connect to the broker, again and again; an unavailable broker is no error."""
        self._mqtt = MqttListener(self._edge, broker, self._start_task)
        await self._mqtt.start()

    def _log_listening(self, transport: str, listener: asyncio.Server, host: str) -> int:
        self._listeners.append(listener)
        bound = int(listener.sockets[0].getsockname()[1])
        log.info("listening", road=transport, host=host, port=bound)
        return bound

    async def stop(self) -> None:
        """Accept no new conversations; open ones get ``stop_grace_s`` seconds for their reply."""
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
            conversation.on_link_lost()
        if self._mqtt is not None:
            await self._mqtt.stop()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now = monotonic()
            if self._certificate is not None:
                self._certificate.refresh()
            for conversation in list(self._edge.presence.open):
                conversation.sweep(now)


async def start_gateway(
    stack: AsyncExitStack,
    port: DevicePort,
    keys: KeyRing,
    config: GatewayConfig,
    broker: BrokerAddress | None = None,
    start_task: StartTask = start_alone,
) -> int:
    """Start a gateway and its device port, which stop with the stack; return the TCP port.

    ``broker`` is the embedded one, if there is any; otherwise the configuration may name one.
    """
    await port.start()
    stack.push_async_callback(port.close)
    server = GatewayServer(port, keys, config, start_task)
    stack.push_async_callback(server.stop)
    called = await server.start(*config.devices_address)
    if config.tls_address and config.tls_certificate and config.tls_key:
        certificate = tls.Certificate(config.tls_certificate, config.tls_key)
        await server.start_tls(certificate, *config.tls_address)
    broker = broker or configured_broker(config)
    if broker is not None:
        await server.start_mqtt(broker)
    return called
