"""Hostile links between a register and a gateway.

``Fault`` describes what a link does wrong, ``BadLink`` applies it to bytes in memory,
``BadLinkProxy`` to a TCP connection. Positions are bytes counted from the start of the
conversation, over the directions that the fault concerns.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Flag, auto
from types import TracebackType
from typing import Final, Self, cast


class Direction(Flag):
    """The direction of bytes; ``UP`` is from the register to the gateway."""

    UP = auto()
    DOWN = auto()
    BOTH = UP | DOWN


@dataclass(frozen=True, slots=True)
class Fault:
    """The faults of a link, which can be combined.

    * ``cut_after``: the link breaks after so many bytes.
    * ``dead_after``: after so many bytes the link stays open but delivers nothing.
    * ``garbage_at`` with ``garbage``: foreign bytes come before the byte at that position.
    * ``flip_at``: the lowest bit of the byte at that position is flipped.
    * ``repeat_chunk``: the chunk of that number (from 0) comes twice.
    * ``drip``: bytes come one at a time. ``delay_s``: everything comes later.
    """

    direction: Direction = Direction.BOTH
    cut_after: int | None = None
    dead_after: int | None = None
    garbage_at: int | None = None
    garbage: bytes = b""
    flip_at: int | None = None
    repeat_chunk: int | None = None
    drip: bool = False
    delay_s: float = 0.0


# Frames begin with FE; these bytes look like one, like none, and like an old serial exchange.
_FALSE_START: Final = bytes.fromhex("fe7f7ff0")
_NOISE: Final = bytes(range(0x00, 0x40))
_SERIAL_EXCHANGE: Final = bytes.fromhex("0506021f00ff0304")

# fmt: off
FAULTS: Final[dict[str, Fault]] = {
    "none":                  Fault(),
    "drip":                  Fault(drip=True),
    "late":                  Fault(delay_s=0.05),
    "late_drip_up":          Fault(Direction.UP, drip=True, delay_s=0.001),
    "cut_at_once":           Fault(cut_after=0),
    "cut_in_hello":          Fault(Direction.UP, cut_after=20),
    "cut_in_challenge":      Fault(Direction.DOWN, cut_after=20),
    "cut_in_check_in":       Fault(Direction.UP, cut_after=200),
    "cut_in_accepted":       Fault(Direction.DOWN, cut_after=60),
    "dead_at_once":          Fault(dead_after=0),
    "dead_before_challenge": Fault(Direction.DOWN, dead_after=0),
    "dead_before_accepted":  Fault(Direction.DOWN, dead_after=48),
    "noise_before_hello":    Fault(Direction.UP, garbage_at=0, garbage=_NOISE),
    "serial_before_hello":   Fault(Direction.UP, garbage_at=0, garbage=_SERIAL_EXCHANGE),
    "noise_in_check_in":     Fault(Direction.UP, garbage_at=150, garbage=_NOISE),
    "noise_before_challenge": Fault(Direction.DOWN, garbage_at=0, garbage=_NOISE),
    "false_start_up":        Fault(Direction.UP, garbage_at=0, garbage=_FALSE_START),
    "false_start_down":      Fault(Direction.DOWN, garbage_at=0, garbage=_FALSE_START),
    "flip_in_hello":         Fault(Direction.UP, flip_at=12),
    "flip_in_challenge":     Fault(Direction.DOWN, flip_at=30),
    "flip_in_check_in":      Fault(Direction.UP, flip_at=300),
    "repeat_hello":          Fault(Direction.UP, repeat_chunk=0),
    "repeat_challenge":      Fault(Direction.DOWN, repeat_chunk=0),
    "repeat_check_in":       Fault(Direction.UP, repeat_chunk=1),
}
# fmt: on


class BadLink:
    """A fault applied to the bytes of one conversation, in memory."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.cut = False
        self.dead = False
        self._passed = 0
        self._chunks = 0

    def transfer(self, direction: Direction, data: bytes) -> list[bytes]:
        """Return the chunks that come out at the other end.

        Set ``cut`` when the link breaks, and ``dead`` when it only looks alive: then neither end
        learns that the other one has left.
        """
        if self.cut:
            return []
        if direction not in self.fault.direction:
            return [data]
        chunks = [self._damage(copy) for copy in self._copies(data)]
        return [piece for chunk in chunks for piece in self._pieces(chunk)]

    def _copies(self, data: bytes) -> list[bytes]:
        number, self._chunks = self._chunks, self._chunks + 1
        return [data, data] if number == self.fault.repeat_chunk else [data]

    def _damage(self, data: bytes) -> bytes:
        """Return the damaged data; positions count the bytes before any damage."""
        start, self._passed = self._passed, self._passed + len(data)
        fault = self.fault
        end = min(_within(fault.cut_after, start, data), _within(fault.dead_after, start, data))
        self.cut = fault.cut_after is not None and self._passed >= fault.cut_after
        self.dead = fault.dead_after is not None and self._passed >= fault.dead_after
        damaged = _flipped(data, fault.flip_at, start)[:end]
        return _with_garbage(damaged, fault.garbage, fault.garbage_at, start)

    def _pieces(self, chunk: bytes) -> Iterator[bytes]:
        if self.fault.drip:
            yield from (chunk[at : at + 1] for at in range(len(chunk)))
        elif chunk:
            yield chunk


def _within(limit: int | None, start: int, data: bytes) -> int:
    """Return how many of the bytes lie before the limit."""
    return len(data) if limit is None else max(0, min(len(data), limit - start))


def _flipped(data: bytes, position: int | None, start: int) -> bytes:
    at = -1 if position is None else position - start
    if not 0 <= at < len(data):
        return data
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def _with_garbage(data: bytes, garbage: bytes, position: int | None, start: int) -> bytes:
    at = -1 if position is None else position - start
    return data[:at] + garbage + data[at:] if 0 <= at < len(data) else data


class BadLinkProxy:
    """A TCP proxy on 127.0.0.1 that applies a fault to every connection through it.

    Use ``async with BadLinkProxy(host, port, fault) as proxy`` and connect to ``proxy.host`` and
    ``proxy.port``. ``fault`` may be changed between connections; each one counts its bytes from 0.
    """

    def __init__(self, to_host: str, to_port: int, fault: Fault) -> None:
        self.host, self.port = "127.0.0.1", 0
        self.fault = fault
        self.connections = 0
        self._to = to_host, to_port
        self._server: asyncio.Server | None = None
        self._ends: set[_ProxyEnd] = set()
        self._dialling: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for dialling in list(self._dialling):
            dialling.cancel()
        for end in list(self._ends):
            end.abort()

    @property
    def open_ends(self) -> int:
        """Return how many sockets are open now."""
        return len(self._ends)

    def _accept(self) -> "_ProxyEnd":
        self.connections += 1
        link = BadLink(self.fault)
        near = _ProxyEnd(link, Direction.UP, self._ends)
        far = _ProxyEnd(link, Direction.DOWN, self._ends)
        near.other, far.other = far, near
        dialling = asyncio.ensure_future(self._dial(near, far))
        self._dialling.add(dialling)
        dialling.add_done_callback(self._dialling.discard)
        return near

    async def _dial(self, near: "_ProxyEnd", far: "_ProxyEnd") -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: far, *self._to)
        except OSError:
            near.abort()


class _ProxyEnd(asyncio.Protocol):
    """One socket of the proxy; it passes its bytes to the other one through the bad link."""

    other: "_ProxyEnd"

    def __init__(self, link: BadLink, direction: Direction, ends: "set[_ProxyEnd]") -> None:
        self._link, self._direction, self._ends = link, direction, ends
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._pumping = self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ends.add(self)
        self._pump()

    def data_received(self, data: bytes) -> None:
        for chunk in self._link.transfer(self._direction, data):
            self.other.deliver(chunk, self._link.fault.delay_s)
        if self._link.cut:
            self.other.finish()
            self.finish()

    def connection_lost(self, error: Exception | None) -> None:
        self._ends.discard(self)
        self._transport = None
        if not self._link.dead:
            self.other.finish()

    def deliver(self, chunk: bytes, delay_s: float) -> None:
        """Send the chunk after the delay, in order, one chunk per turn of the loop."""
        self._waiting.append((self._loop.time() + delay_s, chunk))
        self._wake(delay_s)

    def finish(self) -> None:
        """Close the socket after sending everything that is queued."""
        self._closing = True
        self._wake(0)

    def abort(self) -> None:
        """Close the socket now."""
        self._waiting.clear()
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def _wake(self, after_s: float) -> None:
        if not self._pumping:
            self._pumping = True
            self._loop.call_later(after_s, self._pump)

    def _pump(self) -> None:
        self._pumping = False
        if self._transport is None:
            return
        if self._waiting and self._waiting[0][0] <= self._loop.time():
            self._transport.write(self._waiting.popleft()[1])
        if self._waiting:
            self._wake(max(0.0, self._waiting[0][0] - self._loop.time()))
        elif self._closing:
            self._transport.close()
