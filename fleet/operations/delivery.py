"""Delivery of operations to registers: answers come in, the next command goes out.

Theory of operation.  An operation is a row: status, number of the current step, the command of
that step and the progress of its type.  Nothing about it is kept in memory between two calls.

1. Due index.  At a check-in ``due.DueIndex`` tells without a query whether the register has an
   operation that is due.  If so, or if the register has answered a step, ``device_port`` puts the
   visit into a batch with those of other registers and calls ``deliver`` once: one read, one
   write, one commit.
2. Claim.  ``deliver`` locks the open operations of the batch's registers and skips the rows that
   another transaction has locked.  The first one that is due becomes RUNNING.
3. Lease.  With each command ``lease_until`` is set to now + ``rules.LEASE``.
4. Step.  ``next_step`` of the type is pure: it gets the progress and the register's answer, and
   returns the next command (``Send``), a pause until the next check-in (``Await``) or the end
   (``Done``, ``Failed``).  The step's number, its command and the progress are committed before the
   gateway sends STEP.  An answer that is not for the current step changes nothing.
5. Lost link.  If no answer comes until the lease lapses, ``service.requeue_silent`` queues the
   operation again with its step, command and progress.  The next check-in, or one before the lease
   lapses, gives the same step with the same number.  The register keeps the answers of its newest
   steps in a journal, so it repeats the answer and does not execute the command twice; if the
   answer is no longer there, it refuses the step as STALE and a person has to look.
6. Cancel.  Before the first step an operation is cancelled at once.  After it, only
   ``cancel_requested`` is set, because the register may be executing the command.  The answer then
   ends the operation as CANCELLED, after a last command if the type needs one to leave the register
   in order (``abandon``).  If the command cannot be undone (``is_committed``), it goes on.

Example: operation 7 writes two settings, and the link is lost after the first command.

    check-in           QUEUED -> RUNNING, step 1, progress {at: 0}; commit; STEP(7, 1, setting 278)
    (link lost)        the lease lapses: RUNNING -> QUEUED; step 1, command and progress stay
    check-in           QUEUED -> RUNNING; commit; STEP(7, 1, setting 278) again
    STEP_DONE(7, 1)    step 2, progress {at: 1}; commit; STEP(7, 2, setting 279)
    STEP_DONE(7, 2)    RUNNING -> SUCCEEDED with the result; commit
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
"""Key of the progress of a cancelled operation whose last command is under way."""

_OF_ITS_OWNER = (Operation.step > 0) | exists().where(
    CashRegister.serial_number == Operation.serial_number,
    CashRegister.partner_id == Operation.partner_id,
)
"""Condition of operations that may go on: none of a former owner begins, but one that has begun
ends with the register's answer."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Visit:
    """A register's visit: it has just checked in (no answer) or has answered a step."""

    serial_number: str
    platform: Platform
    answer: StepDone | StepRefused | None = None
    facts: CheckInFacts | None = None
    """The register's report about itself, with a check-in only."""
    by_assistant: bool = False
    """An Assistant speaks for the register."""


@dataclass(frozen=True, slots=True)
class StepDelivery:
    """The next step for a register, the number of operations due now, and when others are due."""

    step: Step | None = None
    pending: int = 0
    due: Due | None = None
    stream: Stream | None = None
    """Blocks of a firmware image to send before the step."""


@dataclass(slots=True)
class _Batch:
    """Changes that the visits of one batch have made."""

    now: datetime
    touched: dict[int, Work] = field(default_factory=dict)
    changes: list[StatusChange] = field(default_factory=list)
    assigned_to_assistant: list[int] = field(default_factory=list)
    """Ids of operations ordered for the cash server that an Assistant has begun."""

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
    """Take the visits' answers and save the changes; return a delivery for each visit, in order."""
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
    """Return when the earliest of these operations is due, directly and by an Assistant."""
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
    """Tell whether the operation may be given to this caller: the register or its Assistant.

    ``due.ASSISTED_TYPES`` lists what the Assistant takes over.  An operation that has begun stays
    with its caller: the Assistant and the register keep separate journals, and neither knows which
    steps the other has done.
    """
    if work.channel is Channel.ASSISTANT:
        return by_assistant
    return not by_assistant or (work.step == 0 and work.type in ASSISTED_TYPES)


def _on_answer(
    batch: _Batch, works: Sequence[Work], visit: Visit, answer: StepDone | StepRefused
) -> None:
    """Apply the answer to the operation's current step.

    Nothing changes for an answer to another step (a repetition), and for an answer to a queued
    operation while another one runs: its step is given again later.
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
    """Apply a refusal of the step: end the operation, or put it off."""
    status, cause = judge_refused_step(reason)
    if work.cancel_requested:
        batch.change_status(work, OperationStatus.CANCELLED, StatusCause(work.cancel_cause))
        return
    batch.change_status(work, status, cause)
    if status is OperationStatus.QUEUED:
        work.due_at = batch.now + REFUSED_RETRY_DELAY


def _cancel(batch: _Batch, work: Work, platform: Platform) -> None:
    """Cancel the operation after its answer, or send the command that its type needs before."""
    last = None if ABANDONING in work.progress else _abandon_command(work, platform)
    if last is None:
        batch.change_status(work, OperationStatus.CANCELLED, StatusCause(work.cancel_cause))
    else:
        _send(batch, work, Send(last.command, {**work.progress, ABANDONING: True}, work.percent))


def _next_work(batch: _Batch, works: Sequence[Work], visit: Visit) -> Work | None:
    """Return the operation whose command is to be given: the running one or the next that is due.

    Return ``None`` while an operation runs that this caller may not be given.
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
    """Begin or resume the operation; one that awaits a check-in goes on only at a check-in."""
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
    """Return the outcome that the operation's type decides.

    No operation and no answer may break its batch: every exception becomes ``Failed``.
    """
    try:
        operation_type = BY_KIND[work.type]
        return operation_type.next_step(_snapshot(operation_type, work, platform, seen), answer)
    except RemoteError as error:
        return Failed(StatusCause.BAD_ANSWER, {"code": error.code})
    except Exception:
        log.exception("operation_type_failed", operation=work.id, type=work.type)
        return Failed(StatusCause.INTERNAL_ERROR, {})


def _is_committed(work: Work, platform: Platform) -> bool:
    """Tell whether the operation's type forbids cancelling now."""
    try:
        operation_type = BY_KIND[work.type]
        return operation_type.is_committed(_snapshot(operation_type, work, platform))
    except Exception:
        log.exception("operation_type_failed", operation=work.id, type=work.type)
        return False


def _abandon_command(work: Work, platform: Platform) -> Send | None:
    """Return the type's last command for a cancelled operation, if it needs one."""
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
