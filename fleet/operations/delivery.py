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
from fleet.operations.rules import LEASE, REFUSED_RETRY, Cause, Channel, Status, refused
from fleet.operations.types import BY_KIND
from fleet.operations.types.contract import (
    Await,
    Done,
    Failed,
    OperationType,
    Order,
    Outcome,
    Seen,
    Send,
    Stream,
)
from fleet.operations.work import Change, Work, load_open, save, turn_to_assistant
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
    seen: Seen | None = None
    """With a check-in: what the register said of itself."""
    by_assistant: bool = False
    """An Assistant speaks for it."""


@dataclass(frozen=True, slots=True)
class Delivery:
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
    changes: list[Change] = field(default_factory=list)
    taken_over: list[int] = field(default_factory=list)
    """Operations for the cash server that an Assistant has begun."""

    def move(
        self, work: Work, to: Status, cause: Cause, detail: Mapping[str, Any] | None = None
    ) -> None:
        self.touched[work.id] = work
        self.changes.append(work.move(to, cause, self.now, detail))


async def deliver(act: Act, visits: Sequence[Visit]) -> list[Delivery]:
    """One delivery for each visit, in their order."""
    works: dict[str, list[Work]] = defaultdict(list)
    called = sorted({visit.serial_number for visit in visits})
    for work in await load_open(act.db, called, _OF_ITS_OWNER):
        if work.channel is not Channel.LOCAL:
            works[work.serial_number].append(work)
    batch = _Batch(act.now)
    deliveries = [_visit(batch, works[visit.serial_number], visit) for visit in visits]
    await save(act, list(batch.touched.values()), batch.changes)
    if batch.taken_over:
        await turn_to_assistant(act.db, batch.taken_over)
    return deliveries


def _visit(batch: _Batch, works: Sequence[Work], visit: Visit) -> Delivery:
    if visit.answer is not None:
        _hear(batch, works, visit, visit.answer)
    work = _next(batch, works, visit)
    step = None if work is None else Step(work.id, work.step, work.command or b"")
    stream = None if work is None or work.stream is None else Stream(**work.stream)
    open_works = [work for work in works if work.status in (Status.QUEUED, Status.RUNNING)]
    its_own = [work.due_at for work in open_works if _is_for(work, visit.by_assistant)]
    return Delivery(step, sum(due <= batch.now for due in its_own), _due(open_works), stream)


def _due(works: Sequence[Work]) -> Due | None:
    if not works:
        return None
    return Due(
        *(
            min((work.due_at for work in works if _is_for(work, by_assistant)), default=None)
            for by_assistant in (False, True)
        )
    )


def _is_for(work: Work, by_assistant: bool) -> bool:
    """Whether it may go this way (``due.ASSISTED_TYPES``).

    What has begun goes on the same way: the Assistant and the register each have a journal of
    their own, and neither knows which steps the other has done.
    """
    if work.channel is Channel.ASSISTANT:
        return by_assistant
    return not by_assistant or (work.step == 0 and work.type in ASSISTED_TYPES)


def _hear(
    batch: _Batch, works: Sequence[Work], visit: Visit, answer: StepDone | StepRefused
) -> None:
    """Take an answer; one to a step that is not awaited (a repetition) changes nothing.

    Neither does one to a queued operation while another one runs: its step is given again.
    """
    work = next((work for work in works if work.id == answer.operation_id), None)
    if work is None or work.command is None or not _is_for(work, visit.by_assistant):
        return
    if isinstance(answer, StepDone) and answer.step != work.step:
        return
    if any(other.status is Status.RUNNING for other in works if other is not work):
        return
    if work.status is Status.QUEUED:
        batch.move(work, Status.RUNNING, Cause.ANSWER_CAME)
    if isinstance(answer, StepRefused):
        _put_off(batch, work, answer.reason)
    elif work.cancel_requested and not _is_committed(work, visit.platform):
        _cancel(batch, work, visit.platform)
    else:
        _go_on(batch, work, visit.platform, answer.answer)


def _put_off(batch: _Batch, work: Work, reason: int) -> None:
    status, cause = refused(reason)
    if work.cancel_requested:
        batch.move(work, Status.CANCELLED, Cause(work.cancel_cause))
        return
    batch.move(work, status, cause)
    if status is Status.QUEUED:
        work.due_at = batch.now + REFUSED_RETRY


def _cancel(batch: _Batch, work: Work, platform: Platform) -> None:
    last = None if ABANDONING in work.progress else _last_command(work, platform)
    if last is None:
        batch.move(work, Status.CANCELLED, Cause(work.cancel_cause))
    else:
        _send(batch, work, Send(last.command, {**work.progress, ABANDONING: True}, work.percent))


def _next(batch: _Batch, works: Sequence[Work], visit: Visit) -> Work | None:
    """The operation whose outstanding command is to be given: the one under way, or the next.

    Nothing while one is under way on the other way.
    """
    running = [work for work in works if work.status is Status.RUNNING]
    if not all(_is_for(work, visit.by_assistant) for work in running):
        return None
    for work in (*running, *(work for work in works if _is_for(work, visit.by_assistant))):
        if work.status is Status.QUEUED and work.due_at <= batch.now:
            _take(batch, work, visit)
        if work.status is Status.RUNNING and work.command is not None:
            batch.touched[work.id] = work
            work.lease_until = batch.now + LEASE
            return work
    return None


def _take(batch: _Batch, work: Work, visit: Visit) -> None:
    """Begin or resume; one that awaits a check-in is asked only at a check-in."""
    if work.step and work.command is not None:
        batch.move(work, Status.RUNNING, Cause.TAKEN)
        return
    if work.step and visit.seen is None:
        return
    outcome = _outcome(work, visit.platform, None, visit.seen)
    if work.step and isinstance(outcome, Await):
        return
    batch.move(work, Status.RUNNING, Cause.TAKEN)
    if visit.by_assistant and work.channel is not Channel.ASSISTANT:
        work.channel = Channel.ASSISTANT
        batch.taken_over.append(work.id)
    _follow(batch, work, outcome)


def _go_on(batch: _Batch, work: Work, platform: Platform, answer: bytes) -> None:
    _follow(batch, work, _outcome(work, platform, answer, None))


def _follow(batch: _Batch, work: Work, outcome: Outcome) -> None:
    if isinstance(outcome, Send):
        _send(batch, work, outcome)
    elif isinstance(outcome, Await):
        work.command = work.stream = None
        work.progress, work.percent = outcome.progress, outcome.percent
        batch.move(work, Status.QUEUED, Cause.AWAITING_CALL)
    elif isinstance(outcome, Done):
        work.result = outcome.result
        batch.move(work, Status.SUCCEEDED, Cause.DONE)
    else:
        batch.move(work, Status.FAILED, outcome.cause, outcome.detail)


def _send(batch: _Batch, work: Work, send: Send) -> None:
    batch.touched[work.id] = work
    work.step += 1
    work.command, work.progress, work.percent = send.command, send.progress, send.percent
    work.stream = None if send.stream is None else asdict(send.stream)


def _outcome(work: Work, platform: Platform, answer: bytes | None, seen: Seen | None) -> Outcome:
    """The type's word.  No operation and no answer may break the batch it came in."""
    try:
        operation_type = BY_KIND[work.type]
        return operation_type.next_step(_order(operation_type, work, platform, seen), answer)
    except RemoteError as error:
        return Failed(Cause.BAD_ANSWER, {"code": error.code})
    except Exception:
        log.exception("operation_type_failed", operation=work.id, type=work.type)
        return Failed(Cause.OUR_MISTAKE, {})


def _is_committed(work: Work, platform: Platform) -> bool:
    """Whether its type says that it cannot be taken back."""
    try:
        operation_type = BY_KIND[work.type]
        return operation_type.is_committed(_order(operation_type, work, platform))
    except Exception:
        log.exception("operation_type_failed", operation=work.id, type=work.type)
        return False


def _last_command(work: Work, platform: Platform) -> Send | None:
    """How its type leaves a cancelled operation."""
    try:
        operation_type = BY_KIND[work.type]
        return operation_type.abandon(_order(operation_type, work, platform))
    except Exception:
        log.exception("operation_type_failed", operation=work.id, type=work.type)
        return None


def _order(
    operation_type: OperationType[Any], work: Work, platform: Platform, seen: Seen | None = None
) -> Order[Any]:
    return Order(platform, operation_type.Params.model_validate(work.params), work.progress, seen)
