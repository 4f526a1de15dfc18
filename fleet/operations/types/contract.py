"""What an operation type is: pure rules that turn answers into the next command.

A type never meets the database, the network or the clock.  ``next_step`` gets what has been
kept so far and the register's answer, and says what to do now; the engine commits that
before anything leaves.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from fleet.accounts.roles import Right
from fleet.kit.errors import Refusal
from fleet.kit.input import Input
from fleet.operations.rules import Channel, OperationStatus, StatusCause
from fleet.subscriptions.entitlements import BY_OPERATION_TYPE, Entitlement
from protocol.platforms import Platform

P = TypeVar("P", bound=Input)
Progress = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CheckInFacts:
    """What a register has said of itself in this conversation."""

    firmware_version: str
    key_generation: int


@dataclass(frozen=True, slots=True)
class Stream:
    """Blocks ``first`` to ``last`` of a firmware image, sent before the command and unanswered."""

    image_id: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class TargetRegister:
    """What is known of a register when an operation is ordered."""

    serial_number: str
    platform: Platform | None
    """``None``: the register has not called yet."""
    model: int | None
    firmware_version: str


@dataclass(frozen=True, slots=True)
class OperationSnapshot(Generic[P]):
    """An operation under way, as its type sees it."""

    platform: Platform
    params: P
    progress: Progress = field(default_factory=dict)
    """What the type kept with the last command; empty at the start."""

    facts: CheckInFacts | None = None
    """Known when the register has just checked in, not while it answers steps."""


@dataclass(frozen=True, slots=True)
class Send:
    """Give the register one application command; ``percent`` of the work is done."""

    command: bytes
    progress: Progress
    percent: int
    stream: Stream | None = None


@dataclass(frozen=True, slots=True)
class Await:
    """Nothing to send now: the register is away (it reboots) and is asked again when it calls."""

    progress: Progress
    percent: int


@dataclass(frozen=True, slots=True)
class Done:
    """The operation has succeeded."""

    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """The operation has failed for good; ``detail`` fills the sentence of the cause."""

    cause: StatusCause
    detail: Mapping[str, Any]


StepOutcome = Send | Await | Done | Failed


@dataclass(frozen=True, slots=True)
class DeadlineOutcome:
    """How an operation ends that has not begun when its time runs out."""

    status: OperationStatus
    cause: StatusCause


DEADLINE_AFTER_START = DeadlineOutcome(OperationStatus.NEEDS_ATTENTION, StatusCause.DEADLINE)


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a register cannot get this operation."""

    refusal: Refusal
    params: Mapping[str, Any] = field(default_factory=dict)


class OperationType(ABC, Generic[P]):
    """One kind of order; one object of each class stands in ``types.TYPES``."""

    kind: ClassVar[str]
    label_ru: ClassVar[str]
    label_en: ClassVar[str]
    right: ClassVar[Right]
    channels: ClassVar[tuple[Channel, ...]] = (Channel.CASH_SERVER,)
    deadline: ClassVar[timedelta] = timedelta(days=7)
    """After this, counted from the time it is due, an open operation is ended."""
    deadline_outcome: ClassVar[DeadlineOutcome] = DeadlineOutcome(
        OperationStatus.FAILED, StatusCause.DEADLINE
    )
    """How, if it has not begun; one that has begun is for a person to look at."""
    on_server: ClassVar[bool] = False
    """Done by the fleet itself at once; the register is not asked."""
    clears_queue: ClassVar[bool] = False
    """With ``on_server``: cancels what was ordered for its registers before."""
    one_register_only: ClassVar[bool] = False
    """For one register at a time."""

    retryable: ClassVar[bool] = True
    """Whether a failed one, or one that needs attention, may be ordered anew as it was."""

    Params: type[P]

    @abstractmethod
    def objection(self, target: TargetRegister, params: P) -> Objection | None:
        """Why this register cannot get it, or ``None``."""

    @abstractmethod
    def next_step(self, order: OperationSnapshot[P], answer: bytes | None) -> StepOutcome:
        """What to do after ``answer`` to the last command; ``None`` before the first one and at
        the check-in that was awaited.

        Raises ``protocol.errors.RemoteError`` for an answer that is not one.
        """

    def required_services(self, params: P) -> tuple[Entitlement, ...]:
        """The paid services that a register must have for it when it begins."""
        needed = BY_OPERATION_TYPE.get(self.kind)
        return () if needed is None else (needed,)

    def earliest_start(self, params: P) -> datetime | None:
        """A moment in the parameters that it may not begin before."""
        return None

    def server_result(self, serial_number: str, params: P) -> Mapping[str, Any]:
        """With ``on_server``: the result."""
        return {}

    def is_committed(self, order: OperationSnapshot[P]) -> bool:
        """Whether what was given to the register cannot be taken back: the operation then goes on
        to its end, cancelled or not."""
        return False

    def abandon(self, order: OperationSnapshot[P]) -> Send | None:
        """A last command that leaves a register in order when its operation is cancelled.

        Its answer ends the operation, whatever it says.
        """
        return None

    def local_requests(self, order: OperationSnapshot[P]) -> list[dict[str, Any]]:
        """The operation as requests to the driver v10 (JSON tasks), for ``Channel.LOCAL``."""
        raise LookupError(f"{self.kind} cannot be said to the driver")

    def local_outcome(
        self, order: OperationSnapshot[P], results: Sequence[Mapping[str, Any]]
    ) -> Done | Failed:
        """What the driver's good results, one for each of ``local_requests``, come to.

        ``LookupError``, ``TypeError`` or ``ValueError`` for results that are not such.
        """
        raise LookupError(f"{self.kind} cannot be said to the driver")

    def without_secrets(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters or a result, for those who may look but not order."""
        return dict(values)
