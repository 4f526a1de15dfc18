"""The host of lower level v2 against a register written from the specification, in virtual time."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.assistant.kktpc.errors import CommandNotDone, CommandOutcomeUnknown
from gateway.assistant.kktpc.events import CommandAnswered, CommandUnanswered, Event
from gateway.assistant.kktpc.host_v2 import HostV2
from tests.examples import examples
from tests.gateway.assistant.kktpc.scripted_v2 import ScriptedV2, framed

STATE = b"\x00\x00\x45"


class Bench:
    """A host and a register joined in memory; time jumps to where something happens."""

    def __init__(self, register: ScriptedV2 | None = None) -> None:
        self.register = register or ScriptedV2()
        self.host = HostV2(jitter=lambda: 0.0)
        self.now = 0.0
        self.down: Callable[[bytes], bytes] = bytes
        self.up: Callable[[bytes], bytes] = bytes
        self.sent = b""

    def ask(self, command: bytes, timeout_s: float = 10.0) -> Event:
        self.host.ask(command, self.now, timeout_s)
        end = self.now + timeout_s + 40
        while not (events := self._step()):
            times = [self.host.wake_at, self.register.next_at, end]
            self.now = max(self.now, min(time for time in times if time is not None))
            assert self.now < end, "the host hangs"
            self.host.tick(self.now)
            self.host.receive(self.up(self.register.tick(self.now)), self.now)
        return events[0]

    def _step(self) -> list[Event]:
        while wire := self.host.to_send():
            self.sent += wire
            self.host.receive(self.up(self.register.feed(self.down(wire), self.now)), self.now)
        return self.host.events()


def test_an_exchange_is_byte_for_byte_that_of_the_specification() -> None:
    host = HostV2()
    host.ask(bytes.fromhex("1f00ff1002031a"), 0.0, 3.0)
    assert host.to_send().hex() == "05"
    host.receive(b"\x06", 0.1)
    assert host.to_send().hex(" ") == "02 1f 00 ff 10 10 02 10 03 1a 03 e8"
    host.receive(b"\x06", 0.2)
    assert host.to_send().hex() == "04"
    host.receive(b"\x05", 0.3)
    assert host.to_send().hex() == "06"
    host.receive(framed(b"\x55\x00\x03"), 0.4)
    assert host.to_send().hex() == "06"
    assert host.events() == []
    host.receive(b"\x04", 0.5)
    assert host.events() == [CommandAnswered(b"\x55\x00\x03")]


@pytest.mark.parametrize(
    "register",
    [
        ScriptedV2(),
        ScriptedV2(busy=4),
        ScriptedV2(deaf=9),
        ScriptedV2(calls_first=True),
        ScriptedV2(busy=1, deaf=1, calls_first=True),
    ],
)
def test_a_busy_deaf_or_calling_register_answers_in_the_end(register: ScriptedV2) -> None:
    bench = Bench(register)
    for number in range(3):
        command = bytes([0x46, number, 3, 16])
        assert bench.ask(b"\x00\x00" + command) == CommandAnswered(b"\x55\x00" + command)
    assert len(register.executed) == 3


@pytest.mark.parametrize(
    ("register", "why"),
    [(ScriptedV2(busy=99), CommandNotDone), (ScriptedV2(deaf=99), CommandNotDone)],
)
def test_a_permanent_refusal_is_reported_as_not_done(register: ScriptedV2, why: type) -> None:
    outcome = Bench(register).ask(STATE)
    assert isinstance(outcome, CommandUnanswered) and isinstance(outcome.error, why)
    assert register.executed == []


def test_silence_after_the_frame_leaves_the_outcome_unknown() -> None:
    bench = Bench()
    bench.up = lambda data: b"" if bench.register.executed else data
    outcome = bench.ask(STATE, timeout_s=3)
    assert isinstance(outcome, CommandUnanswered) and isinstance(
        outcome.error, CommandOutcomeUnknown
    )
    assert bench.register.executed == [b"\x45"]
    bench.up = bytes
    assert bench.ask(b"\x00\x00\x46") == CommandAnswered(b"\x55\x00\x46")


@settings(max_examples=examples(200), deadline=None)
@given(
    down=st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=4),
    up=st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=4),
)
def test_lost_bytes_never_repeat_a_command(
    down: list[tuple[int, bool]], up: list[tuple[int, bool]]
) -> None:
    # No zeros: a XOR does not see that one is lost, and the level has nothing better.
    bench = Bench(ScriptedV2(good=b"\x55\x21"))
    bench.down, bench.up = lossy(down), lossy(up)
    for number in range(3):
        command = bytes([0x46, 0x61 + number])
        outcome = bench.ask(b"\x12\x34" + command)
        times = bench.register.executed.count(command)
        if isinstance(outcome, CommandAnswered):
            assert outcome.data == b"\x55\x21" + command
            assert times == 1
        else:
            assert isinstance(outcome, CommandUnanswered)
            assert times <= (0 if isinstance(outcome.error, CommandNotDone) else 1)


def lossy(where: list[tuple[int, bool]]) -> Callable[[bytes], bytes]:
    """Drops a byte, or all of the piece from there on."""
    faults, position = dict(where), 0

    def pass_on(data: bytes) -> bytes:
        nonlocal position
        out = b""
        for byte in data:
            position += 1
            if position in faults:
                if faults[position]:
                    break
                continue
            out += bytes([byte])
        return out

    return pass_on


@settings(max_examples=examples(200), deadline=None)
@given(data=st.lists(st.binary(max_size=12) | st.sampled_from([b"\x05", b"\x06", b"\x15"])))
def test_any_bytes_leave_the_host_working(data: list[bytes]) -> None:
    host, now = HostV2(), 0.0
    host.ask(STATE, now, 3.0)
    for piece in data:
        now += 0.3
        host.receive(piece, now)
        host.tick(now)
        host.to_send()
    for _ in range(100):
        now += 5
        host.receive(b"\x05", now)
        host.tick(now)
    assert host.events()
