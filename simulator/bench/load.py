"""A load of check-ins from one process, as light as Python sockets can be.

The work is the same for each server: the bare server's answers are as long as the gateway's, and
the client neither proves nor opens anything. ``simulator.bench.check_ins`` checks afterwards in the
database that the gateway's ACCEPTED were true.

``python -m simulator.bench.load`` reads one JSON command per line from stdin (``Round``) and
answers each with one JSON line (``Result``).
"""

import json
import select
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Final

from protocol.conversation.messages import (
    DOWN_PREFIX,
    ROWS,
    UP_PREFIX,
    VERSION,
    CheckIn,
    Farewell,
    FrameKind,
    Hello,
    Step,
    StepDone,
    parse_sealed,
)
from protocol.conversation.seal import DOWN, NONCE_SIZE, UP, KeyRing, Seal
from protocol.kktpc.commands import encode_answer
from protocol.kktpc.frame import ASYNC_ID, Frame, FrameReader, encode
from protocol.rows import build
from protocol.telemetry import BLOCK, BLOCK_VERSION
from protocol.telemetry import encode as encode_block
from simulator.demo import DemoRegisters
from simulator.register.simulated_register import SimulatedRegister

TARGETS: Final = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
"""Several addresses of one machine, because a pair of addresses has only 28,000 client ports."""

QUIET_S: Final = 5.0
_CHALLENGE: Final = DOWN_PREFIX + bytes((FrameKind.CHALLENGE,))
_SEALED: Final = DOWN_PREFIX + bytes((FrameKind.SEALED,))
_DONE: Final = encode_answer("write_setting")
_READING_NUMBER: Final = BLOCK.profile_size
"""The first live field of the block is the reading's number, four bytes."""


@dataclass(frozen=True, slots=True)
class Round:
    """A round: call ``port`` for ``seconds``, or until every register has called ``each`` times.

    With ``steps`` a call continues until its FAREWELL, and every STEP is answered as done.
    """

    port: int
    seconds: float
    each: int = 0
    steps: bool = False


@dataclass(slots=True)
class Result:
    """The results of a round; times in seconds, from the dial to the ACCEPTED or FAREWELL."""

    accepted: int = 0
    steps: int = 0
    failed: int = 0
    seconds: float = 0.0
    times: list[float] = field(default_factory=list)


@dataclass(slots=True)
class _Register:
    serial: bytes
    key: bytes
    hello: bytes
    block: bytes
    readings: "count[int]" = field(default_factory=lambda: count(1))

    def next_block(self) -> bytes:
        """Return the block with the next reading number."""
        number = next(self.readings).to_bytes(4, "big")
        return self.block[:_READING_NUMBER] + number + self.block[_READING_NUMBER + 4 :]


@dataclass(slots=True)
class _Call:
    link: socket.socket
    register: _Register
    began: float
    follows: bool
    reader: FrameReader = field(default_factory=FrameReader)
    dialled: bool = False
    seals: tuple[Seal, Seal] | None = None
    """The seals of both directions, up and down, once the gateway's nonce is known."""


class Load:
    """Registers ``first``, ``first + step``, … below ``total``, ``connections`` calls at once."""

    def __init__(self, keys: KeyRing, total: int, first: int, step: int, connections: int) -> None:
        born = DemoRegisters(total)
        self._registers = [
            _make_registers(keys, born[index]) for index in range(first, total, step)
        ]
        self._connections = min(connections, len(self._registers))
        self._epoll = select.epoll()
        self._calls: dict[int, _Call] = {}
        self._addresses = _forever(TARGETS)

    def run(self, wanted: Round) -> Result:
        """Run one round; a broken call counts as failed and the next one begins."""
        result = Result()
        queue = self._queue(wanted)
        began = perf_counter()
        until = began + wanted.seconds
        for _ in range(self._connections):
            self._dial(queue, wanted)
        while self._calls:
            events = self._epoll.poll(QUIET_S)
            if not events:
                break
            now = perf_counter()
            for number, event in events:
                if self._go_on(self._calls[number], event, result, now) and now < until:
                    self._dial(queue, wanted)
        result.failed += len(self._calls)
        for call in list(self._calls.values()):
            self._hang_up(call)
        result.seconds = perf_counter() - began
        return result

    def _queue(self, wanted: Round) -> Iterator[_Register]:
        if not wanted.each:
            return _forever(self._registers)
        return iter([one for one in self._registers for _ in range(wanted.each)])

    def _dial(self, queue: Iterator[_Register], wanted: Round) -> None:
        register = next(queue, None)
        if register is None:
            return
        link = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        link.connect_ex((next(self._addresses), wanted.port))
        self._calls[link.fileno()] = _Call(link, register, perf_counter(), wanted.steps)
        self._epoll.register(link.fileno(), select.EPOLLOUT)

    def _go_on(self, call: _Call, event: int, result: Result, now: float) -> bool:
        """Continue a call and tell whether it has ended."""
        try:
            if not call.dialled:
                call.link.send(call.register.hello)
                call.dialled = True
                self._epoll.modify(call.link.fileno(), select.EPOLLIN)
                return False
            ended = self._hear(call, call.link.recv(4096), result)
        except OSError:
            ended, result.failed = True, result.failed + 1
        else:
            if ended:
                result.accepted += 1
                result.times.append(now - call.began)
        if ended:
            self._hang_up(call)
        return ended

    def _hear(self, call: _Call, data: bytes, result: Result) -> bool:
        if not data:
            raise ConnectionResetError
        for frame in call.reader.feed(data):
            if not isinstance(frame, Frame):
                raise ConnectionResetError
            if call.seals is None:
                call.link.send(_check_in(call, frame.data))
            elif not call.follows or _answer(call, frame.data, result):
                return True
        return False

    def _hang_up(self, call: _Call) -> None:
        del self._calls[call.link.fileno()]
        call.link.close()


def _forever(items: "list[_Register] | tuple[str, ...]") -> Iterator:  # type: ignore[type-arg]
    while True:
        yield from items


def _make_registers(keys: KeyRing, who: SimulatedRegister) -> _Register:
    serial = bytes.fromhex(who.serial_number)
    key = keys.register_key(keys.current, serial)
    if key is None:
        raise ValueError("the key ring has no current key")
    hello = Hello(
        VERSION, who.platform.wire_code, serial, who.model, 2, keys.current, bytes(NONCE_SIZE)
    )
    frame = encode(ASYNC_ID, UP_PREFIX + bytes((FrameKind.HELLO,)) + build(ROWS[Hello], hello))
    return _Register(serial, key, frame, encode_block(who.reading(who.born_at)))


def _check_in(call: _Call, challenge: bytes) -> bytes:
    """Return CHECK_IN under keys derived from the nonce of a CHALLENGE, which is not verified."""
    if not challenge.startswith(_CHALLENGE):
        raise ConnectionResetError
    start = len(_CHALLENGE)
    nonces = bytes(NONCE_SIZE) + challenge[start : start + NONCE_SIZE]
    key = call.register.key
    call.seals = Seal(key, UP, nonces), Seal(key, DOWN, nonces)
    return _sealed(call, CheckIn(BLOCK_VERSION, call.register.next_block()))


def _answer(call: _Call, data: bytes, result: Result) -> bool:
    """Answer a STEP without doing anything; tell whether the message is a FAREWELL."""
    if call.seals is None or not data.startswith(_SEALED):
        raise ConnectionResetError
    plain = call.seals[1].open(data[len(_SEALED) :], _associated(call))
    message = parse_sealed(plain)
    if isinstance(message, Step):
        result.steps += 1
        call.link.send(_sealed(call, StepDone(message.operation_id, message.step, _DONE)))
    return isinstance(message, Farewell)


def _sealed(call: _Call, message: CheckIn | StepDone) -> bytes:
    if call.seals is None:
        raise ConnectionResetError
    row = ROWS[type(message)]
    plain = bytes((row.code,)) + build(row, message)
    sealed = call.seals[0].seal(plain, _associated(call))
    return encode(ASYNC_ID, UP_PREFIX + bytes((FrameKind.SEALED,)) + sealed)


def _associated(call: _Call) -> bytes:
    return bytes((FrameKind.SEALED,)) + call.register.serial


def main(arguments: list[str]) -> None:
    """Run the rounds on stdin; arguments are ``key-ring total first step connections``."""
    path, *numbers = arguments
    load = Load(KeyRing.load(Path(path)), *map(int, numbers))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(asdict(load.run(Round(**json.loads(line))))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
