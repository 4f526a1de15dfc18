"""The task buffer: every status of KKT-PC 1.3 by a test, and a machine that tries all orders."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from protocol.kktpc.buffer import (
    Abort,
    Ack,
    AckAdd,
    Add,
    AsyncError,
    AsyncResult,
    BufferMessage,
    InProgress,
    Request,
    encode,
)
from simulator.kktpc.task_buffer import Slot, TaskBuffer
from tests.examples import examples

NEED, IGNORE, WAIT = 1, 2, 4


def pending() -> bytes:
    return b"\xa1"


def in_progress() -> bytes:
    return b"\xa2"


def result(data: bytes) -> bytes:
    return b"\xa3" + data


def error(data: bytes) -> bytes:
    return b"\xa4" + data


def stopped() -> bytes:
    return b"\xa5"


def waiting() -> bytes:
    return b"\xa8"


def overflow() -> bytes:
    return b"\xb1"


def already_exists() -> bytes:
    return b"\xb2"


def not_found() -> bytes:
    return b"\xb3"


def illegal_value(parameter: int) -> bytes:
    return b"\xb4" + bytes((parameter,))


DONE = result(b"")


class OnTheWire:
    """The buffer with its replies as bytes: messages without fields are all equal."""

    def __init__(self, capacity: int = 4) -> None:
        self.inside = TaskBuffer(capacity)
        self.finish, self.deliver = self.inside.finish, self.inside.deliver

    def answer(self, message: BufferMessage) -> bytes:
        return encode(self.inside.answer(message))

    def __len__(self) -> int:
        return len(self.inside)

    @property
    def running(self) -> Slot | None:
        return self.inside.running


@pytest.fixture
def buffer() -> OnTheWire:
    return OnTheWire()


def add(task_id: int, flags: int = NEED, command: bytes = b"\x45") -> Add:
    return Add(flags, task_id, b"\0\0" + command)


def test_the_first_command_runs_and_the_next_waits(buffer: OnTheWire) -> None:
    assert buffer.answer(add(0)) == in_progress()
    assert buffer.answer(add(1)) == pending()
    assert [buffer.answer(Request(each)) for each in (0, 1)] == [in_progress(), pending()]
    assert buffer.finish(b"\x55\0", failed=False) == AsyncResult(0, b"\x55\0")
    assert buffer.answer(Request(1)) == in_progress()


def test_a_result_stays_until_it_is_acknowledged(buffer: OnTheWire) -> None:
    buffer.answer(add(7))
    buffer.finish(b"\x55\0", failed=False)
    assert [buffer.answer(Request(7)) for _ in range(2)] == [result(b"\x55\0")] * 2
    assert buffer.answer(Ack(7)) == DONE
    assert buffer.answer(Request(7)) == not_found()
    assert buffer.answer(add(7)) == in_progress()


def test_a_failure_stops_what_was_pending(buffer: OnTheWire) -> None:
    for task_id in range(3):
        buffer.answer(add(task_id))
    assert buffer.finish(b"\x55\x66", failed=True) == AsyncError(0, b"\x55\x66")
    assert buffer.answer(Request(0)) == error(b"\x55\x66")
    assert [buffer.answer(Request(each)) for each in (1, 2)] == [stopped(), stopped()]
    assert buffer.running is None
    assert buffer.answer(Ack(1)) == DONE
    assert buffer.answer(add(1)) == in_progress()


def test_an_ignored_failure_is_a_result_and_stops_nothing(buffer: OnTheWire) -> None:
    buffer.answer(add(0, NEED | IGNORE))
    buffer.answer(add(1))
    assert buffer.finish(b"\x55\x66", failed=True) == AsyncResult(0, b"\x55\x66")
    assert buffer.answer(Request(1)) == in_progress()


def test_a_command_without_need_result_reports_only_failures(buffer: OnTheWire) -> None:
    buffer.answer(add(0, 0))
    assert buffer.finish(b"\x55\0", failed=False) is None and len(buffer) == 0
    buffer.answer(add(1, 0))
    assert buffer.finish(b"\x55\x13", failed=True) == AsyncError(1, b"\x55\x13")
    buffer.answer(Abort())
    buffer.answer(add(2, IGNORE))
    assert buffer.finish(b"\x55\x13", failed=True) is None and len(buffer) == 0


def test_an_armed_slot_waits_without_blocking_commands(buffer: OnTheWire) -> None:
    assert buffer.answer(add(0xDE, NEED | IGNORE | WAIT, b"")) == waiting()
    assert buffer.answer(add(0)) == in_progress()
    assert buffer.deliver(b"\xda\x42\0") == AsyncResult(0xDE, b"\xda\x42\0")
    assert buffer.deliver(b"\xda\x42\0") is None
    assert buffer.answer(Request(0xDE)) == result(b"\xda\x42\0")
    assert buffer.answer(Ack(0xDE)) == DONE


def test_an_armed_slot_can_be_acknowledged_away(buffer: OnTheWire) -> None:
    buffer.answer(add(0xDE, NEED | IGNORE | WAIT, b""))
    assert buffer.answer(Ack(0xDE)) == DONE
    assert buffer.deliver(b"\xda\x42\0") is None


def test_a_full_buffer_overflows(buffer: OnTheWire) -> None:
    for task_id in range(4):
        buffer.answer(add(task_id))
    assert buffer.answer(add(4)) == overflow()
    assert buffer.answer(Request(4)) == not_found()
    buffer.finish(b"\x55\0", failed=False)
    buffer.answer(Ack(0))
    assert buffer.answer(add(4)) == pending()


def test_a_task_id_in_use_is_refused(buffer: OnTheWire) -> None:
    buffer.answer(add(0))
    assert buffer.answer(add(0)) == already_exists()


@pytest.mark.parametrize(
    ("message", "reply"),
    [
        (add(0, flags=8), illegal_value(0)),
        (add(0xE0), illegal_value(1)),
        (Ack(0xFF), illegal_value(1)),
        (Ack(5), not_found()),
        (Request(0xE0), illegal_value(1)),
        (Request(5), not_found()),
        (AckAdd(5, NEED, 6, b"\0\0\x45"), not_found()),
        (InProgress(), illegal_value(0)),
    ],
)
def test_impossible_messages_are_refused_and_change_nothing(
    buffer: OnTheWire, message: BufferMessage, reply: bytes
) -> None:
    assert buffer.answer(message) == reply
    assert len(buffer) == 0 and buffer.running is None


def test_an_early_acknowledgement_gets_the_commands_state(buffer: OnTheWire) -> None:
    buffer.answer(add(0))
    buffer.answer(add(1))
    assert [buffer.answer(Ack(each)) for each in (0, 1)] == [in_progress(), pending()]
    assert len(buffer) == 2


def test_acknowledge_and_add_are_both_or_neither(buffer: OnTheWire) -> None:
    buffer.answer(add(0))
    buffer.finish(b"\x55\0", failed=False)
    assert buffer.answer(AckAdd(0, 8, 1, b"\0\0\x45")) == illegal_value(0)
    assert buffer.answer(Request(0)) == result(b"\x55\0")
    assert buffer.answer(AckAdd(0, NEED, 1, b"\0\0\x45")) == in_progress()
    assert buffer.answer(Request(0)) == not_found()


def test_abort_empties_the_buffer_and_drops_the_running_answer(buffer: OnTheWire) -> None:
    buffer.answer(add(0))
    buffer.answer(add(1))
    assert buffer.answer(Abort()) == DONE
    assert len(buffer) == 0
    assert buffer.answer(add(0)) == pending()
    assert buffer.finish(b"old", failed=False) is None
    assert buffer.answer(Request(0)) == in_progress()
    assert buffer.finish(b"new", failed=False) == AsyncResult(0, b"new")


TASK_IDS = st.sampled_from((0, 1, 2, 3, 4, 0xDE, 0xDF, 0xE0, 0xFF))


class AnyOrder(RuleBasedStateMachine):
    """Against a model that only remembers which ids may be answered, and how."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = OnTheWire(capacity=3)
        self.answers: dict[int, bytes] = {}
        self.kept: set[int] = set()
        self.serial = 0

    @rule(task_id=TASK_IDS, flags=st.integers(0, 9), command=st.sampled_from((b"", b"\x45")))
    def add(self, task_id: int, flags: int, command: bytes) -> None:
        reply = self.buffer.answer(add(task_id, flags, command))
        if flags > 7:
            assert reply == illegal_value(0)
        elif task_id > 0xDF:
            assert reply == illegal_value(1)
        elif task_id in self.kept:
            assert reply == already_exists()
        elif len(self.kept) == 3:
            assert reply == overflow()
        else:
            assert reply in (pending(), in_progress(), waiting())
            self.kept.add(task_id)

    @rule(task_id=TASK_IDS)
    def ack(self, task_id: int) -> None:
        settled = self.buffer.answer(Request(task_id))[:1] in b"\xa3\xa4\xa5\xa8"
        reply = self.buffer.answer(Ack(task_id))
        assert (reply == DONE) == settled
        if settled:
            self.kept.discard(task_id)
            self.answers.pop(task_id, None)

    @rule()
    def abort(self) -> None:
        assert self.buffer.answer(Abort()) == DONE
        self.kept.clear()
        self.answers.clear()

    @precondition(lambda self: self.buffer.running is not None)
    @rule(failed=st.booleans())
    def finish(self, failed: bool) -> None:
        slot = self.buffer.running
        assert slot is not None
        self.serial += 1
        answer = b"%d" % self.serial
        told = self.buffer.finish(answer, failed)
        if told is not None:
            assert told.task_id == slot.task_id and told.data == answer
            self.answers[slot.task_id] = answer
        elif self.buffer.answer(Request(slot.task_id)) == not_found():
            self.kept.discard(slot.task_id)

    @rule(data=st.binary(min_size=1, max_size=3))
    def deliver(self, data: bytes) -> None:
        told = self.buffer.deliver(data)
        if told is not None:
            self.answers[told.task_id] = data

    @invariant()
    def it_answers_what_it_told_and_keeps_no_more_than_it_may(self) -> None:
        assert len(self.buffer) == len(self.kept) <= 3
        for task_id, answer in self.answers.items():
            assert self.buffer.answer(Request(task_id)) in (result(answer), error(answer))


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=examples(60), stateful_step_count=30, deadline=None)
