"""When a wave passes, when a roll-out pauses, and how waves are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.kit.language import Language
from fleet.operations.rules import OperationStatus
from fleet.rollouts.errors import wrong_status
from fleet.rollouts.rules import (
    DEFAULT_WAVES,
    TRANSITIONS,
    Judgement,
    RolloutStatus,
    TargetState,
    WavePolicy,
    WaveProgress,
    judge,
    wave_sizes,
)

WAIT, NEXT, PAUSE = Judgement.WAIT, Judgement.NEXT, Judgement.PAUSE


@pytest.mark.parametrize(
    ("waves", "total", "sizes"),
    [
        (DEFAULT_WAVES, 500, [1, 10, 100, 389]),
        (DEFAULT_WAVES, 5, [1, 4]),
        (["10%", "50%"], 200, [20, 100, 80]),
        (["1%", "rest"], 3, [1, 2]),
        (["rest", "10"], 7, [7]),
        (["100%"], 9, [9]),
    ],
)
def test_registers_are_divided_into_waves(waves: list[str], total: int, sizes: list[int]) -> None:
    assert wave_sizes(waves, total) == sizes


@given(
    st.lists(st.sampled_from(["1", "7", "300", "1%", "33%", "100%", "rest"]), max_size=9),
    st.integers(1, 1000),
)
def test_every_register_is_in_exactly_one_wave(waves: list[str], total: int) -> None:
    sizes = wave_sizes(waves, total)
    assert sum(sizes) == total and all(size > 0 for size in sizes)


@pytest.mark.parametrize(
    ("wave", "policy", "judgement"),
    [
        (WaveProgress(10, 0, 0), WavePolicy(5, 100), WAIT),
        (WaveProgress(10, 9, 0), WavePolicy(5, 100), WAIT),
        (WaveProgress(10, 10, 0), WavePolicy(5, 100), NEXT),
        (WaveProgress(10, 10, 1), WavePolicy(10, 100), NEXT),
        (WaveProgress(10, 10, 1), WavePolicy(9, 100), PAUSE),
        (WaveProgress(10, 10, 1), WavePolicy(100, 100), NEXT),
        # One early failure does not stop a large wave, too many for the whole of it do.
        (WaveProgress(100, 1, 1), WavePolicy(5, 100), WAIT),
        (WaveProgress(100, 5, 5), WavePolicy(5, 100), WAIT),
        (WaveProgress(100, 6, 6), WavePolicy(5, 100), PAUSE),
        # Registers that are away do not hold the others up.
        (WaveProgress(100, 80, 0), WavePolicy(5, 80), NEXT),
        (WaveProgress(100, 79, 0), WavePolicy(5, 80), WAIT),
        (WaveProgress(100, 80, 5), WavePolicy(5, 80), PAUSE),
    ],
)
def test_wave_is_judged_by_its_counts(
    wave: WaveProgress, policy: WavePolicy, judgement: Judgement
) -> None:
    assert judge(policy, [wave]) is judgement
    assert judge(policy, [WaveProgress(10, 10, 0), wave]) is judgement


def test_failures_in_a_passed_wave_count() -> None:
    assert judge(WavePolicy(10, 50), [WaveProgress(6, 6, 3), WaveProgress(100, 0, 0)]) is PAUSE


def test_every_operation_status_is_a_target_state() -> None:
    assert {status.value for status in OperationStatus} <= {state.value for state in TargetState}


def test_finished_and_aborted_allow_no_transition() -> None:
    assert set(TRANSITIONS) == set(RolloutStatus)
    assert [status for status in RolloutStatus if not TRANSITIONS[status]] == [
        RolloutStatus.FINISHED,
        RolloutStatus.ABORTED,
    ]


@pytest.mark.parametrize("status", RolloutStatus)
def test_refusal_names_the_status_and_the_allowed_changes(status: RolloutStatus) -> None:
    told = wrong_status(7, status).message(Language.RU)
    assert told.startswith("Поэтапное обновление 7 ") and str(status) not in told
    assert ("начните новое" in told) is (not TRANSITIONS[status])
