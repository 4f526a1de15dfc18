"""The life of a roll-out: its waves, when the next one starts and when it pauses."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final, NamedTuple


class RolloutStatus(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    ABORTED = "aborted"


class StopReason(StrEnum):
    """Why a roll-out stands."""

    FAILURES = "failures"
    EMPLOYEE = "employee"
    REFUSED = "refused"
    """Its operations are refused as a whole: the employee has lost the right, for example."""


TRANSITIONS: Final[Mapping[RolloutStatus, frozenset[RolloutStatus]]] = {
    RolloutStatus.RUNNING: frozenset(
        {RolloutStatus.PAUSED, RolloutStatus.FINISHED, RolloutStatus.ABORTED}
    ),
    RolloutStatus.PAUSED: frozenset({RolloutStatus.RUNNING, RolloutStatus.ABORTED}),
    RolloutStatus.FINISHED: frozenset(),
    RolloutStatus.ABORTED: frozenset(),
}


class TargetState(StrEnum):
    """Where one register of a roll-out stands: its operation's status, or why it has none."""

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
"""How long a register that is busy with something else is left alone."""


class WavePolicy(NamedTuple):
    """``failure_percent``: more failures than this pause; ``pass_percent``: when so much of a
    wave has finished, the next one starts."""

    failure_percent: int
    pass_percent: int


class WaveProgress(NamedTuple):
    """Registers of a wave that has started: all, those that have finished, and those of them that
    have failed since a person resumed the roll-out last."""

    size: int
    finished: int
    failed: int

    def passes(self, policy: WavePolicy) -> bool:
        return self.finished * 100 >= policy.pass_percent * self.size

    def fails(self, policy: WavePolicy) -> bool:
        """Failures are measured against what has finished once the wave could pass, and against
        the whole wave before: then they are too many however the rest ends, and one early failure
        does not stop a large wave."""
        of = self.finished if self.passes(policy) else self.size
        return self.failed * 100 > policy.failure_percent * of


class Judgement(StrEnum):
    WAIT = "wait"
    NEXT = "next"
    PAUSE = "pause"


def judge(policy: WavePolicy, waves: Sequence[WaveProgress]) -> Judgement:
    """What the waves that have started mean, each by its own counts: what is left of a wave that
    has passed may fail as well.  The last of them is the current one."""
    if any(wave.fails(policy) for wave in waves):
        return Judgement.PAUSE
    return Judgement.NEXT if waves[-1].passes(policy) else Judgement.WAIT


def wave_sizes(waves: Sequence[str], total: int) -> list[int]:
    """Registers in each wave.  A wave is a count, a percentage of the whole («10%») or «rest»;
    what the waves leave over is a last wave of its own."""
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
