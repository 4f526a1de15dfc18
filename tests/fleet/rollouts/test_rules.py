"""When a wave passes, when a roll-out pauses, and how waves are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.operations.rules import Status
from fleet.rollouts.rules import (
    TRANSITIONS,
    USUAL_WAVES,
    Judgement,
    Policy,
    RolloutStatus,
    TargetState,
    judge,
    wave_sizes,
)

WAIT, NEXT, PAUSE = Judgement.WAIT, Judgement.NEXT, Judgement.PAUSE


@pytest.mark.parametrize(
    ("waves", "total", "sizes"),
    [
        (USUAL_WAVES, 500, [1, 10, 100, 389]),
        (USUAL_WAVES, 5, [1, 4]),
        (["10%", "50%"], 200, [20, 100, 80]),
        (["1%", "rest"], 3, [1, 2]),
        (["rest", "10"], 7, [7]),
        (["100%"], 9, [9]),
    ],
)
def test_waves_are_cut(waves: list[str], total: int, sizes: list[int]) -> None:
    assert wave_sizes(waves, total) == sizes


@given(
    st.lists(st.sampled_from(["1", "7", "300", "1%", "33%", "100%", "rest"]), max_size=9),
    st.integers(1, 1000),
)
def test_every_register_is_in_one_wave(waves: list[str], total: int) -> None:
    sizes = wave_sizes(waves, total)
    assert sum(sizes) == total and all(size > 0 for size in sizes)


@pytest.mark.parametrize(
    ("succeeded", "failed", "queued", "policy", "forgiven", "judgement"),
    [
        (0, 0, 10, Policy(5, 100), 0, WAIT),
        (9, 0, 1, Policy(5, 100), 0, WAIT),
        (10, 0, 0, Policy(5, 100), 0, NEXT),
        (9, 1, 0, Policy(10, 100), 0, NEXT),
        (9, 1, 0, Policy(9, 100), 0, PAUSE),
        (9, 1, 0, Policy(0, 100), 1, NEXT),
        (9, 1, 0, Policy(100, 100), 0, NEXT),
        # One early failure does not stop a large wave, too many for the whole of it do.
        (0, 1, 99, Policy(5, 100), 0, WAIT),
        (0, 5, 95, Policy(5, 100), 0, WAIT),
        (0, 6, 94, Policy(5, 100), 0, PAUSE),
        # Registers that are away do not hold the others up.
        (80, 0, 20, Policy(5, 80), 0, NEXT),
        (79, 0, 21, Policy(5, 80), 0, WAIT),
        (75, 5, 20, Policy(5, 80), 0, PAUSE),
    ],
)
def test_the_wave_is_judged(
    succeeded: int, failed: int, queued: int, policy: Policy, forgiven: int, judgement: Judgement
) -> None:
    wave = {
        TargetState.SUCCEEDED: succeeded,
        TargetState.FAILED: failed,
        TargetState.QUEUED: queued,
    }
    assert judge(policy, wave, forgiven) is judgement


def test_every_status_of_an_operation_is_a_state() -> None:
    assert {status.value for status in Status} <= {state.value for state in TargetState}


def test_the_ends_are_ends() -> None:
    assert set(TRANSITIONS) == set(RolloutStatus)
    assert [status for status in RolloutStatus if not TRANSITIONS[status]] == [
        RolloutStatus.FINISHED,
        RolloutStatus.ABORTED,
    ]
