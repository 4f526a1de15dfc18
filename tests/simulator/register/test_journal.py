"""The journal: each step takes effect at most once, whatever is repeated, reordered or lost."""

from random import Random
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from protocol.conversation.messages import StepDone, StepRefusal, StepRefused
from protocol.kktpc.commands import encode_request
from protocol.platforms import Platform
from simulator.register.journal import KEPT_ANSWERS
from simulator.register.simulated_register import SimulatedRegister
from tests.simulator.conftest import NOON, MakeRegister


def write_port(port: int) -> bytes:
    """A command whose effect shows: the cabinet's port of platform 5.0."""
    return encode_request("write_setting", number=279, value=port.to_bytes(4, "big"))


def test_a_repeated_step_is_answered_and_not_done_again(make_register: MakeRegister) -> None:
    register = make_register(Platform.V5_0)
    first = register.do_step(7, 0, write_port(8080), NOON)
    register.do_step(8, 0, write_port(9090), NOON)
    assert register.do_step(7, 0, write_port(8080), NOON) == first
    assert first == StepDone(7, 0, b"\x55\x00\x00")
    assert register.memory.value(279) == 9090
    assert register.journal.effects == {(7, 0): 1, (8, 0): 1}


def test_a_failed_command_is_an_answer_too(make_register: MakeRegister) -> None:
    register = make_register(Platform.V5_0)
    answers = [register.do_step(7, 0, b"\xef", NOON) for _ in range(2)]
    assert answers == [StepDone(7, 0, b"\x55\x66\x00")] * 2
    assert register.journal.effects == {(7, 0): 1}


def test_a_step_whose_answer_was_dropped_is_refused_as_stale(make_register: MakeRegister) -> None:
    register = make_register(Platform.V5_0)
    for step in range(KEPT_ANSWERS + 1):
        register.do_step(7, step, write_port(1000 + step), NOON)
    assert register.do_step(7, 0, write_port(1000), NOON) == StepRefused(7, StepRefusal.STALE)
    assert isinstance(register.do_step(7, 1, write_port(1001), NOON), StepDone)
    assert register.memory.value(279) == 1000 + KEPT_ANSWERS


def test_a_step_that_was_skipped_is_never_done_later(make_register: MakeRegister) -> None:
    register = make_register(Platform.V5_0)
    register.do_step(7, 5, write_port(5), NOON)
    assert register.do_step(7, 4, write_port(4), NOON) == StepRefused(7, StepRefusal.STALE)
    assert register.memory.value(279) == 5


@pytest.mark.parametrize("reason", list(StepRefusal))
def test_a_refused_step_leaves_no_trace(make_register: MakeRegister, reason: StepRefusal) -> None:
    register = make_register(Platform.V5_0)
    register.faults.refuse_steps = reason
    assert register.do_step(7, 0, write_port(8080), NOON) == StepRefused(7, reason)
    assert (register.journal.effects, register.memory.value(279)) == ({}, 80)
    register.faults.refuse_steps = None
    assert isinstance(register.do_step(7, 0, write_port(8080), NOON), StepDone)


class JournalMachine(RuleBasedStateMachine):
    """A gateway without memory: any step of any operation, in any order, with power cuts."""

    def __init__(self) -> None:
        super().__init__()
        self.register = SimulatedRegister("00105701234567", Platform.V5_0, 57, Random(1), NOON)
        self.answers: dict[tuple[int, int], Any] = {}
        self.last_written = 80

    @rule(operation_id=st.integers(1, 4), step=st.integers(0, 40), port=st.integers(1, 0xFFFF))
    def step(self, operation_id: int, step: int, port: int) -> None:
        key, done = (operation_id, step), dict(self.register.journal.effects)
        result = self.register.do_step(operation_id, step, write_port(port), NOON)
        if key in done:
            assert result in (self.answers[key], StepRefused(operation_id, StepRefusal.STALE))
        elif isinstance(result, StepDone):
            self.answers[key] = result
            self.last_written = port
        else:
            assert any(other > step for one, other in done if one == operation_id)

    @rule(count=st.integers(1, KEPT_ANSWERS + 1))
    def another_long_operation(self, count: int) -> None:
        operation_id = 100 + len(self.answers)
        for step in range(count):
            self.answers[operation_id, step] = self.register.do_step(
                operation_id, step, write_port(step + 1), NOON
            )
        self.last_written = count

    @rule()
    def power_cut(self) -> None:
        self.register.power_cycle()

    @invariant()
    def at_most_once(self) -> None:
        effects = self.register.journal.effects
        assert set(effects.values()) <= {1}
        assert set(effects) == set(self.answers)
        assert self.register.memory.value(279) == self.last_written


TestJournalMachine = JournalMachine.TestCase
