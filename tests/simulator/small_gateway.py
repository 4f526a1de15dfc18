"""A small gateway for the simulator's tests: the protocol's own end without a fleet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from protocol import telemetry
from protocol.conversation.connection import GatewayEnd
from protocol.conversation.messages import (
    Accepted,
    CheckIn,
    Farewell,
    Hello,
    Keepalive,
    Message,
    RefusalReason,
    Step,
    StepDone,
    StepRefused,
)
from protocol.conversation.seal import KeyRing
from protocol.errors import ProtocolError

KEY_RING = KeyRing({1: bytes(range(32))})
ScriptedStep = tuple[int, int, bytes]


@dataclass
class GatewayScript:
    """The gateway's behaviour towards every register, and what it has received."""

    steps: list[ScriptedStep] = field(default_factory=list)
    next_check_in_s: int = 1
    hold: bool = False
    refuse: tuple[RefusalReason, int] | None = None
    silent: bool = False
    readings: dict[str, list[int]] = field(default_factory=dict)
    answers: dict[tuple[int, int], bytes] = field(default_factory=dict)
    refusals: list[StepRefused] = field(default_factory=list)
    keepalives: int = 0


class SmallGateway:
    """One conversation: bytes in, bytes out."""

    def __init__(self, orders: GatewayScript, keys: KeyRing = KEY_RING) -> None:
        self.end = GatewayEnd(keys)
        self.closed = False
        self._orders = orders
        self._serial_number = ""
        self._waiting = [step for step in orders.steps if step[:2] not in orders.answers]

    def receive(self, data: bytes) -> bytes:
        """Return the bytes to send; set ``closed`` when the conversation is over."""
        if self._orders.silent:
            return b""
        try:
            return b"".join(self._answer(message) for message in self.end.receive(data))
        except ProtocolError:
            self.closed = True
            return self.end.refuse(RefusalReason.MALFORMED, 2)

    def send_unprompted(self, message: Message) -> bytes:
        """Return a message sent out of turn."""
        return self.end.send(message)

    def _answer(self, message: Message) -> bytes:
        orders = self._orders
        if isinstance(message, Hello):
            self._serial_number = message.serial_number
            return self.end.refuse(*orders.refuse) if orders.refuse else self.end.challenge()
        if isinstance(message, CheckIn):
            return self._accept(message)
        if isinstance(message, Keepalive):
            orders.keepalives += 1
            return b""
        if isinstance(message, StepDone):
            orders.answers[message.operation_id, message.step] = message.answer
        if isinstance(message, StepRefused):
            orders.refusals.append(message)
        return self._go_on()

    def _accept(self, message: CheckIn) -> bytes:
        reading = telemetry.decode(message.block_version, message.block)
        self._orders.readings.setdefault(self._serial_number, []).append(reading["reading_number"])
        accepted = Accepted(0, self._orders.next_check_in_s, self._orders.hold, len(self._waiting))
        return self.end.send(accepted) + (self._go_on() if self._waiting else b"")

    def _go_on(self) -> bytes:
        if self._waiting:
            return self.end.send(Step(*self._waiting.pop(0)))
        return b"" if self._orders.hold else self.end.send(Farewell(self._orders.next_check_in_s))


class _Socket(asyncio.Protocol):
    def __init__(self, listener: "Listener") -> None:
        self._listener = listener
        self.gateway = SmallGateway(listener.orders, listener.keys)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._listener.open.add(self)

    def data_received(self, data: bytes) -> None:
        self.transport.write(self.gateway.receive(data))
        if self.gateway.closed:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._listener.open.discard(self)


class Listener:
    """The port and its open sockets."""

    def __init__(self, orders: GatewayScript) -> None:
        self.orders = orders
        self.keys = KEY_RING
        self.open: set[_Socket] = set()
        self.host, self.port = "127.0.0.1", 0

    def accept(self) -> _Socket:
        """Return a protocol for a new socket."""
        return _Socket(self)


@asynccontextmanager
async def running_small_gateway(orders: GatewayScript) -> AsyncIterator[Listener]:
    """Run a gateway on a free port of 127.0.0.1."""
    listener = Listener(orders)
    server = await asyncio.get_running_loop().create_server(listener.accept, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()
        for one in list(listener.open):
            one.transport.abort()
