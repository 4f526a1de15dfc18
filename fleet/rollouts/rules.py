"""Rules of a roll-out's life: its waves, when the next one starts and when it pauses."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final, NamedTuple


class RolloutStatus(StrEnum):
    """Status of a roll-out."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    ABORTED = "aborted"


class StopReason(StrEnum):
    """Reason why a roll-out is paused or aborted."""

    FAILURES = "failures"
    EMPLOYEE = "employee"
    REFUSED = "refused"
    """Its operations are refused as a whole: for example, the employee has lost the right."""


TRANSITIONS: Final[Mapping[RolloutStatus, frozenset[RolloutStatus]]] = {
    RolloutStatus.RUNNING: frozenset(
        {RolloutStatus.PAUSED, RolloutStatus.FINISHED, RolloutStatus.ABORTED}
    ),
    RolloutStatus.PAUSED: frozenset({RolloutStatus.RUNNING, RolloutStatus.ABORTED}),
    RolloutStatus.FINISHED: frozenset(),
    RolloutStatus.ABORTED: frozenset(),
}


class TargetState(StrEnum):
    """State of one register of a roll-out: its operation's status, or why it has none."""

    WAITING = "waiting"
    REFUSED = "refused"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NEEDS_ATTENTION = "needs_attention"
    CANCELLED = "cancelled"


UNFINISHED: Final = (TargetState.WAITING, TargetState.QUEUED, TargetState.RUNNING)
FAILED_STATES: Final = (TargetState.FAILED, TargetState.NEEDS_ATTENTION)

MAX_REGISTERS: Final = 100_000
MAX_WAVES: Final = 20
DEFAULT_WAVES: Final = ("1", "10", "100", "rest")
RETRY_DELAY: Final = timedelta(minutes=5)
"""Time before the operation is ordered again for a register that was busy."""


class WavePolicy(NamedTuple):
    """Limits of a wave, in per cent.

    More failures than ``failure_percent`` pause the roll-out.  When ``pass_percent`` of a wave have
    finished, the next wave starts.
    """

    failure_percent: int
    pass_percent: int


class WaveProgress(NamedTuple):
    """Numbers of registers in a wave that has started.

    ``failed`` counts the finished ones that have failed since a person resumed the roll-out last.
    """

    size: int
    finished: int
    failed: int

    def passes(self, policy: WavePolicy) -> bool:
        """Tell whether enough of the wave has finished for the next one to start."""
        return self.finished * 100 >= policy.pass_percent * self.size

    def fails(self, policy: WavePolicy) -> bool:
        """Tell whether too much of the wave has failed.

        Failures are measured against the finished registers once the wave could pass, and against
        the whole wave before.  So a wave fails early only if its failures are too many in any case,
        and one early failure does not stop a large wave.
        """
        of = self.finished if self.passes(policy) else self.size
        return self.failed * 100 > policy.failure_percent * of


class Judgement(StrEnum):
    """Decision about a running roll-out."""

    WAIT = "wait"
    NEXT = "next"
    PAUSE = "pause"


def judge(policy: WavePolicy, waves: Sequence[WaveProgress]) -> Judgement:
    """Return the decision about the started waves, the current one last.

    Each wave is judged by its own counts: the rest of a wave that has passed may fail as well.
    """
    if any(wave.fails(policy) for wave in waves):
        return Judgement.PAUSE
    return Judgement.NEXT if waves[-1].passes(policy) else Judgement.WAIT


def wave_sizes(waves: Sequence[str], total: int) -> list[int]:
    """Return the number of registers in each wave.

    A wave is a count, a percentage of the whole («10%») or «rest»; registers left over by the waves
    form a last wave.
    """
    sizes: list[int] = []
    for wave in (*waves, "rest"):
        left = total - sum(sizes)
        if left:
            sizes.append(min(left, _size(wave, total)))
    return sizes


def _size(wave: str, total: int) -> int:
    if wave == "rest":
        return total
    if wave.endswith("%"):
        return -(-total * int(wave[:-1]) // 100)
    return int(wave)
