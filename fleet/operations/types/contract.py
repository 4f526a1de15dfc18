"""Contract of an operation type: pure rules that turn a register's answers into the next command.

A type never touches the database, the network or the clock.  ``next_step`` gets the progress kept
so far and the register's answer, and returns what to do now; ``delivery`` commits that before
anything leaves.
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
    """A register's report about itself in this conversation."""

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
    """Facts known about a register when an operation is ordered."""

    serial_number: str
    platform: Platform | None
    """``None``: the register has not checked in yet."""
    model: int | None
    firmware_version: str


@dataclass(frozen=True, slots=True)
class OperationSnapshot(Generic[P]):
    """An operation under way, as its type sees it."""

    platform: Platform
    params: P
    progress: Progress = field(default_factory=dict)
    """Values that the type kept with the last command; empty at the start."""

    facts: CheckInFacts | None = None
    """Known when the register has just checked in, not while it answers steps."""


@dataclass(frozen=True, slots=True)
class Send:
    """Outcome: give the register one application command; ``percent`` of the work is done."""

    command: bytes
    progress: Progress
    percent: int
    stream: Stream | None = None


@dataclass(frozen=True, slots=True)
class Await:
    """Outcome: send nothing now; the register is away (it reboots) until its next check-in."""

    progress: Progress
    percent: int


@dataclass(frozen=True, slots=True)
class Done:
    """Outcome: the operation has succeeded."""

    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """Outcome: the operation has failed for good; ``detail`` fills the cause's sentence."""

    cause: StatusCause
    detail: Mapping[str, Any]


StepOutcome = Send | Await | Done | Failed


@dataclass(frozen=True, slots=True)
class DeadlineOutcome:
    """End of an operation that has not begun when its time runs out."""

    status: OperationStatus
    cause: StatusCause


DEADLINE_AFTER_START = DeadlineOutcome(OperationStatus.NEEDS_ATTENTION, StatusCause.DEADLINE)


@dataclass(frozen=True, slots=True)
class Objection:
    """Reason why a register cannot get an operation."""

    refusal: Refusal
    params: Mapping[str, Any] = field(default_factory=dict)


class OperationType(ABC, Generic[P]):
    """A type of operation; ``types.TYPES`` holds one object of each class."""

    kind: ClassVar[str]
    label_ru: ClassVar[str]
    label_en: ClassVar[str]
    right: ClassVar[Right]
    channels: ClassVar[tuple[Channel, ...]] = (Channel.CASH_SERVER,)
    deadline: ClassVar[timedelta] = timedelta(days=7)
    """Time, counted from the moment when it is due, after which an open operation is ended."""
    deadline_outcome: ClassVar[DeadlineOutcome] = DeadlineOutcome(
        OperationStatus.FAILED, StatusCause.DEADLINE
    )
    """End of an operation that has not begun by the deadline; one that has begun needs a
    person's attention."""
    on_server: ClassVar[bool] = False
    """True: the server carries the operation out at once, without the register."""
    clears_queue: ClassVar[bool] = False
    """True, with ``on_server``: the operation cancels those ordered earlier for its registers."""
    one_register_only: ClassVar[bool] = False
    """True: the operation is ordered for one register at a time."""

    retryable: ClassVar[bool] = True
    """True: an operation that failed or needs attention may be ordered again with its
    parameters."""

    Params: type[P]

    @abstractmethod
    def objection(self, target: TargetRegister, params: P) -> Objection | None:
        """Return why this register cannot get the operation, or ``None``."""

    @abstractmethod
    def next_step(self, order: OperationSnapshot[P], answer: bytes | None) -> StepOutcome:
        """Return what to do after ``answer`` to the last command.

        ``answer`` is ``None`` before the first command and at a check-in that was awaited.  Raise
        ``protocol.errors.RemoteError`` for an answer that breaks the protocol.
        """

    def required_services(self, params: P) -> tuple[Entitlement, ...]:
        """Return the paid services that a register must have when the operation begins."""
        needed = BY_OPERATION_TYPE.get(self.kind)
        return () if needed is None else (needed,)

    def earliest_start(self, params: P) -> datetime | None:
        """Return the moment that the parameters name as the earliest start, if any."""
        return None

    def server_result(self, serial_number: str, params: P) -> Mapping[str, Any]:
        """Return the result of an operation that the server carries out itself."""
        return {}

    def is_committed(self, order: OperationSnapshot[P]) -> bool:
        """Tell whether the last command cannot be undone.

        Such an operation goes on to its end even if its cancellation was requested.
        """
        return False

    def abandon(self, order: OperationSnapshot[P]) -> Send | None:
        """Return a last command that leaves the register in order when its operation is cancelled.

        Any answer to it ends the operation.  Return ``None`` if no such command is needed.
        """
        return None

    def local_requests(self, order: OperationSnapshot[P]) -> list[dict[str, Any]]:
        """Return the operation as JSON tasks for the driver v10, for ``Channel.LOCAL``.

        Raise ``LookupError`` if the type has no such tasks.
        """
        raise LookupError(f"{self.kind} cannot be said to the driver")

    def local_outcome(
        self, order: OperationSnapshot[P], results: Sequence[Mapping[str, Any]]
    ) -> Done | Failed:
        """Return the outcome of the driver's successful results, one for each local request.

        Raise ``LookupError``, ``TypeError`` or ``ValueError`` for results of another shape.
        """
        raise LookupError(f"{self.kind} cannot be said to the driver")

    def without_secrets(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return parameters or a result for people who may not order the operation."""
        return dict(values)
