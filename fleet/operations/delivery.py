"""The register's side of operations: answers come in, the next command goes out.

Works on a batch of visits with one read and one write.  Everything here happens before the
commit; the commands leave after it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import exists

from fleet.kit.act import Act
from fleet.operations.due import ASSISTED_TYPES, Due
from fleet.operations.models import Operation
from fleet.operations.rules import (
    LEASE,
    REFUSED_RETRY_DELAY,
    Channel,
    OperationStatus,
    StatusCause,
    judge_refused_step,
)
from fleet.operations.types import BY_KIND
from fleet.operations.types.contract import (
    Await,
    CheckInFacts,
    Done,
    Failed,
    OperationSnapshot,
    OperationType,
    Send,
    StepOutcome,
    Stream,
)
from fleet.operations.work import StatusChange, Work, assign_to_assistant, load_open, save
from fleet.registers.models import CashRegister
from protocol.conversation.messages import Step, StepDone, StepRefused
from protocol.errors import RemoteError
from protocol.platforms import Platform

ABANDONING = "abandoning"
"""Key of the progress of an operation whose last, leaving command is under way."""

_OF_ITS_OWNER = (Operation.step > 0) | exists().where(
    CashRegister.serial_number == Operation.serial_number,
    CashRegister.partner_id == Operation.partner_id,
)
"""Nothing of a former owner's begins; what has begun before ends with the register's word."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Visit:
    """A register is here: it has just checked in (no answer) or answered a step."""

    serial_number: str
    platform: Platform
    answer: StepDone | StepRefused | None = None
    facts: CheckInFacts | None = None
    """With a check-in: what the register said of itself."""
    by_assistant: bool = False
    """An Assistant speaks for it."""


@dataclass(frozen=True, slots=True)
class StepDelivery:
    """What to give the register now, how many operations are due, and when the next ones are."""

    step: Step | None = None
    pending: int = 0
    due: Due | None = None
    stream: Stream | None = None
    """What goes before the step."""


@dataclass(slots=True)
class _Batch:
    """What the visits of one batch have changed."""

    now: datetime
    touched: dict[int, Work] = field(default_factory=dict)
    changes: list[StatusChange] = field(default_factory=list)
    assigned_to_assistant: list[int] = field(default_factory=list)
    """Operations for the cash server that an Assistant has begun."""

    def change_status(
        self,
        work: Work,
        to: OperationStatus,
        cause: StatusCause,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        self.touched[work.id] = work
        self.changes.append(work.change_status(to, cause, self.now, detail))


async def deliver(act: Act, visits: Sequence[Visit]) -> list[StepDelivery]:
    """One delivery for each visit, in their order."""
    works: dict[str, list[Work]] = defaultdict(list)
    called = sorted({visit.serial_number for visit in visits})
    for work in await load_open(act.db, called, _OF_ITS_OWNER):
        if work.channel is not Channel.LOCAL:
            works[work.serial_number].append(work)
    batch = _Batch(act.now)
    deliveries = [_deliver_to(batch, works[visit.serial_number], visit) for visit in visits]
    await save(act, list(batch.touched.values()), batch.changes)
    if batch.assigned_to_assistant:
        await assign_to_assistant(act.db, batch.assigned_to_assistant)
    return deliveries


def _deliver_to(batch: _Batch, works: Sequence[Work], visit: Visit) -> StepDelivery:
    if visit.answer is not None:
        _on_answer(batch, works, visit, visit.answer)
    work = _next_work(batch, works, visit)
    step = None if work is None else Step(work.id, work.step, work.command or b"")
    stream = None if work is None or work.stream is None else Stream(**work.stream)
    open_works = [
        work for work in works if work.status in (OperationStatus.QUEUED, OperationStatus.RUNNING)
    ]
    its_own = [work.due_at for work in open_works if _is_deliverable(work, visit.by_assistant)]
    return StepDelivery(step, sum(due <= batch.now for due in its_own), _due(open_works), stream)


def _due(works: Sequence[Work]) -> Due | None:
    if not works:
        return None
    return Due(
        *(
            min(
                (work.due_at for work in works if _is_deliverable(work, by_assistant)), default=None
            )
            for by_assistant in (False, True)
        )
    )


def _is_deliverable(work: Work, by_assistant: bool) -> bool:
    """Whether it may go this way (``due.ASSISTED_TYPES``).

    What has begun goes on the same way: the Assistant and the register each have a journal of
    their own, and neither knows which steps the other has done.
    """
    if work.channel is Channel.ASSISTANT:
        return by_assistant
    return not by_assistant or (work.step == 0 and work.type in ASSISTED_TYPES)


def _on_answer(
    batch: _Batch, works: Sequence[Work], visit: Visit, answer: StepDone | StepRefused
) -> None:
    """Take an answer; one to a step that is not awaited (a repetition) changes nothing.

    Neither does one to a queued operation while another one runs: its step is given again.
    """
    work = next((work for work in works if work.id == answer.operation_id), None)
    if work is None or work.command is None or not _is_deliverable(work, visit.by_assistant):
        return
    if isinstance(answer, StepDone) and answer.step != work.step:
        return
    if any(other.status is OperationStatus.RUNNING for other in works if other is not work):
        return
    if work.status is OperationStatus.QUEUED:
        batch.change_status(work, OperationStatus.RUNNING, StatusCause.ANSWER_CAME)
    if isinstance(answer, StepRefused):
        _on_step_refused(batch, work, answer.reason)
    elif work.cancel_requested and not _is_committed(work, visit.platform):
        _cancel(batch, work, visit.platform)
    else:
        _continue(batch, work, visit.platform, answer.answer)


def _on_step_refused(batch: _Batch, work: Work, reason: int) -> None:
    status, cause = judge_refused_step(reason)
    if work.cancel_requested:
        batch.change_status(work, OperationStatus.CANCELLED, StatusCause(work.cancel_cause))
        return
    batch.change_status(work, status, cause)
    if status is OperationStatus.QUEUED:
        work.due_at = batch.now + REFUSED_RETRY_DELAY


def _cancel(batch: _Batch, work: Work, platform: Platform) -> None:
    last = None if ABANDONING in work.progress else _abandon_command(work, platform)
    if last is None:
        batch.change_status(work, OperationStatus.CANCELLED, StatusCause(work.cancel_cause))
    else:
        _send(batch, work, Send(last.command, {**work.progress, ABANDONING: True}, work.percent))


def _next_work(batch: _Batch, works: Sequence[Work], visit: Visit) -> Work | None:
    """The operation whose outstanding command is to be given: the one under way, or the next.

    Nothing while one is under way on the other way.
    """
    running = [work for work in works if work.status is OperationStatus.RUNNING]
    if not all(_is_deliverable(work, visit.by_assistant) for work in running):
        return None
    for work in (*running, *(work for work in works if _is_deliverable(work, visit.by_assistant))):
        if work.status is OperationStatus.QUEUED and work.due_at <= batch.now:
            _begin_or_resume(batch, work, visit)
        if work.status is OperationStatus.RUNNING and work.command is not None:
            batch.touched[work.id] = work
            work.lease_until = batch.now + LEASE
            return work
    return None


def _begin_or_resume(batch: _Batch, work: Work, visit: Visit) -> None:
    """Begin or resume; one that awaits a check-in is asked only at a check-in."""
    if work.step and work.command is not None:
        batch.change_status(work, OperationStatus.RUNNING, StatusCause.TAKEN)
        return
    if work.step and visit.facts is None:
        return
    outcome = _next_outcome(work, visit.platform, None, visit.facts)
    if work.step and isinstance(outcome, Await):
        return
    batch.change_status(work, OperationStatus.RUNNING, StatusCause.TAKEN)
    if visit.by_assistant and work.channel is not Channel.ASSISTANT:
        work.channel = Channel.ASSISTANT
        batch.assigned_to_assistant.append(work.id)
    _apply(batch, work, outcome)


def _continue(batch: _Batch, work: Work, platform: Platform, answer: bytes) -> None:
    _apply(batch, work, _next_outcome(work, platform, answer, None))


def _apply(batch: _Batch, work: Work, outcome: StepOutcome) -> None:
    if isinstance(outcome, Send):
        _send(batch, work, outcome)
    elif isinstance(outcome, Await):
        work.command = work.stream = None
        work.progress, work.percent = outcome.progress, outcome.percent
        batch.change_status(work, OperationStatus.QUEUED, StatusCause.AWAITING_CALL)
    elif isinstance(outcome, Done):
        work.result = outcome.result
        batch.change_status(work, OperationStatus.SUCCEEDED, StatusCause.DONE)
    else:
        batch.change_status(work, OperationStatus.FAILED, outcome.cause, outcome.detail)


def _send(batch: _Batch, work: Work, send: Send) -> None:
    batch.touched[work.id] = work
    work.step += 1
    work.command, work.progress, work.percent = send.command, send.progress, send.percent
    work.stream = None if send.stream is None else asdict(send.stream)


def _next_outcome(
    work: Work, platform: Platform, answer: bytes | None, seen: CheckInFacts | None
) -> StepOutcome:
    """The type's word.  No operation and no answer may break the batch it came in."""
    try:
        operation_type = BY_KIND[work.type]
        return operation_type.next_step(_snapshot(operation_type, work, platform, seen), answer)
    except RemoteError as error:
        return Failed(StatusCause.BAD_ANSWER, {"code": error.code})
    except Exception:
        log.exception("operation_type_failed", operation=work.id, type=work.type)
        return Failed(StatusCause.INTERNAL_ERROR, {})


def _is_committed(work: Work, platform: Platform) -> bool:
    """Whether its type says that it cannot be taken back."""
    try:
        operation_type = BY_KIND[work.type]
        return operation_type.is_committed(_snapshot(operation_type, work, platform))
    except Exception:
        log.exception("operation_type_failed", operation=work.id, type=work.type)
        return False


def _abandon_command(work: Work, platform: Platform) -> Send | None:
    """How its type leaves a cancelled operation."""
    try:
        operation_type = BY_KIND[work.type]
        return operation_type.abandon(_snapshot(operation_type, work, platform))
    except Exception:
        log.exception("operation_type_failed", operation=work.id, type=work.type)
        return None


def _snapshot(
    operation_type: OperationType[Any],
    work: Work,
    platform: Platform,
    seen: CheckInFacts | None = None,
) -> OperationSnapshot[Any]:
    return OperationSnapshot(
        platform, operation_type.Params.model_validate(work.params), work.progress, seen
    )
