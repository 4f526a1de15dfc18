"""Targets that fuzz whole ends of a line, which must still work after any input.

An input is a sequence of pieces. The first byte of a piece gives its size (low seven bits) and
tells whether it is sent in a valid frame (high bit) or as it is. Time is virtual.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any, Final

from fleet.device_port import DevicePort
from fleet.kit.clock import utc_now
from fleet.kit.database import Database
from gateway.assistant.driver.client import _parsed, _results, _task_result
from gateway.assistant.driver.reading import PORT, READING_TASKS, reading_from
from gateway.assistant.kktpc.events import CommandAnswered, CommandUnanswered, Event
from gateway.assistant.kktpc.host_v3 import MOST_RELAYED, HostV3
from gateway.assistant.register_connection import RegisterUnreachable
from gateway.edge.config import GatewayConfig
from gateway.edge.context import EdgeContext
from gateway.edge.transports.http import HttpLink
from gateway.edge.transports.tcp import TcpLink
from protocol import telemetry
from protocol.conversation.seal import KeyRing
from protocol.kktpc import buffer
from protocol.kktpc import frame_v2 as v2
from protocol.kktpc.commands import with_password
from protocol.kktpc.frame import ASYNC_ID, LAST_HOST_ID, MAX_DATA, encode
from protocol.platforms import Platform
from simulator.kktpc.line_v2 import LineV2
from simulator.kktpc.line_v3 import SILENCE_S, LineV3
from simulator.kktpc.relay import MOST_PIECES
from simulator.kktpc.task_buffer import CAPACITY
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.edge.transports.test_http import HEAD, Wire, read_answers

NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
HEADER_BYTES, BODY_BYTES = 512, 1024
READ_STATE: Final = with_password(b"\x45", "0000")
TIMEOUT_S, ENDLESS_S = 10.0, 120.0
GIVES_UP_S: Final = 60


def sayings(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield the pieces in order, each with the flag that it is sent in a valid frame."""
    while data:
        size, wrapped = data[0] & 0x7F, bool(data[0] & 0x80)
        yield data[1 : 1 + size], wrapped
        data = data[1 + size :]


def must(holds: bool, promise: str) -> None:
    """Raise ``AssertionError`` unless the promise holds, also under ``-O``."""
    if not holds:
        raise AssertionError(promise)


def a_register() -> SimulatedRegister:
    return SimulatedRegister("00106101234567", Platform.V2_5, 61, Random(1), NOON)


# ---- HTTP ---------------------------------------------------------------------------------------


@cache
def _edge() -> EdgeContext:
    """Return a gateway's edge over a fleet that is not started: no input reaches a reading."""
    port = DevicePort(Database("sqlite+aiosqlite:///nowhere.db", {}), utc_now)
    config = GatewayConfig(http_header_bytes=HEADER_BYTES, http_body_bytes=BODY_BYTES)
    return EdgeContext(port, KeyRing({1: bytes(range(32))}), config)


def http_entry(data: bytes) -> None:
    """Fuzz the gateway's plain port: whole requests, and bytes after the beginning of one."""
    edge, wire = _edge(), Wire()
    link = TcpLink(edge)
    link.connection_made(wire)
    for turn, (said, wrapped) in enumerate(sayings(data)):
        if wire.closed:
            break
        if wrapped:
            said = b"%sContent-Length: %d\r\n\r\n%s" % (HEAD, len(said), said)
        elif turn == 0:
            said = (HEAD if len(said) % 2 else b"POST ") + said
        link.data_received(said)
        entry = getattr(link._take, "__self__", None)
        if isinstance(entry, HttpLink):
            kept = len(entry._head) + len(entry._answer) + len(entry._http.trailing_data[0])
            must(kept <= 2 * HEADER_BYTES + BODY_BYTES, f"{kept} bytes are kept")
    link.connection_lost(None)
    must(not edge.presence.open, "a conversation outlives its connection")
    read_answers(wire.said)


# ---- a register's end of a line -----------------------------------------------------------------


def task_buffer(data: bytes) -> None:
    """Fuzz KKT-PC v3: packets and junk, with commands executed; then Abort must be answered."""
    line, now_s = LineV3(a_register()), 0.0
    for number, (said, wrapped) in enumerate(sayings(data)):
        line.receive(encode(number % (LAST_HOST_ID + 1), said) if wrapped else said, now_s)
        line.work(NOON, now_s)
        line.tick(NOON, now_s)
        now_s += 0.1
        must(len(line.buffer) <= CAPACITY, "the buffer has overflowed")
        must(line._reader.pending <= 2 * (MAX_DATA + 1) + 4, "the reader keeps too much")
        must(len(line.relay._pieces) <= MOST_PIECES, "the relay keeps too much")
    now_s += SILENCE_S
    line.tick(NOON, now_s)
    done = encode(0, buffer.encode(buffer.Result(b"")))
    must(done in line.receive(encode(0, buffer.encode(buffer.Abort())), now_s), "it is stuck")
    line.work(NOON, now_s)
    must(not line.busy, "it works for nobody")


def line_v2(data: bytes) -> None:
    """Fuzz lower level v2: whole exchanges and junk; then a new ENQ must be answered."""
    line, now_s = LineV2(a_register()), 0.0
    for said, wrapped in sayings(data):
        whole = bytes((v2.ENQ,)), v2.encode(said or b"\0"), bytes((v2.EOT,))
        for each in whole if wrapped else (said,):
            line.receive(each, now_s)
            must(line._reader.pending <= 2 * v2.MAX_DATA + 4, "the reader keeps too much")
        line.work(NOON, now_s)
        line.tick(NOON, now_s)
        now_s += 0.1
    for _ in range(GIVES_UP_S):
        now_s += 1.0
        line.tick(NOON, now_s)
        line.work(NOON, now_s)
    must(line.quiet, "it waits for ever")
    must(line.receive(bytes((v2.ENQ,)), now_s) == bytes((v2.ACK,)), "it lets nobody speak")


# ---- the Assistant's end of a line --------------------------------------------------------------


def host_v3(data: bytes) -> None:
    """Fuzz the Assistant's host and relay: any command must end.

    A second command, which a register answers correctly, must end with that answer.
    """
    host, now = HostV3(jitter=lambda: 0.5), 100.0
    host.set_relay(True, now)
    host.ask(READ_STATE, now, TIMEOUT_S)
    events: list[Event] = []
    for number, (said, wrapped) in enumerate(sayings(data)):
        packet_id = ASYNC_ID if number % 3 == 2 else _asked(host.to_send())
        host.receive(encode(packet_id, said) if wrapped else said, now)
        must(host._reader.pending <= 2 * (MAX_DATA + 1) + 4, "the reader keeps too much")
        must(host.relay_backlog <= MOST_RELAYED + 1, "the relay keeps too much")
        events += host.events()
        now += 0.05
    now = _until_over(host, events, now, lambda _: b"")
    host.set_relay(False, now)
    host.ask(READ_STATE, now, TIMEOUT_S)
    events = []
    _until_over(host, events, now + 1.0, LineOfRegister())
    must(any(isinstance(each, CommandAnswered) for each in events), "an honest answer is not heard")


class LineOfRegister:
    """A line that answers as a register does."""

    def __init__(self) -> None:
        self._line = LineV3(a_register())

    def __call__(self, wire: bytes) -> bytes:
        said = self._line.receive(wire, 0.0)
        return said + self._line.work(NOON, 0.0)


VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    0,
    7,
    1 << 70,
    1e308,
    float("nan"),
    "",
    "0",
    "²",
    "1.05",
    "osn",
    "Ж\0\ud800" * 100,
    "opened",
    "1970-01-01T00:00:00+00:00",
    "2026-11-20T12:34:56+14:00",
    "9999-12-31T23:59:59-23:59",
    "2026-11-20T12:34:56",
    [],
    ["osn", "patent", 1, None, {}],
    {},
)
"""Values of JSON, among them words of the driver."""


class Said(dict[str, Any]):
    """A JSON object that has every field asked for; the input's bytes choose the values."""

    def __init__(self, choices: Iterator[int]) -> None:
        super().__init__()
        self._choices = choices

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self:
            choice = next(self._choices, 0)
            known = choice < len(VALUES)
            self[name] = VALUES[choice] if known else Said(self._choices)
        return self[name]


def web_body(data: bytes) -> None:
    """Fuzz the answers of the driver's web service: refused, or read into a valid reading."""
    with suppress(RegisterUnreachable):
        for each in _results(_parsed(data)):
            _task_result(each)
    choices = iter(data)
    answers = {str(question["type"]): Said(choices) for question in READING_TASKS}
    telemetry.encode(reading_from({PORT: Said(choices), **answers}, 1))


def _until_over(
    host: HostV3, events: list[Event], now: float, answer: Callable[[bytes], bytes]
) -> float:
    """Advance the time until the command has ended, once; return that time."""
    end = now + ENDLESS_S
    while not any(isinstance(each, CommandAnswered | CommandUnanswered) for each in events):
        must(now < end, "the question never ends")
        host.receive(answer(host.to_send()), now)
        host.tick(now)
        events += host.events()
        now += 0.1
    ends = sum(isinstance(each, CommandAnswered | CommandUnanswered) for each in events)
    must(ends == 1, f"one question has {ends} ends")
    return now


def _asked(wire: bytes) -> int:
    """Return the id of the packet on the line, or 0."""
    return wire[3] if len(wire) > 3 else 0
