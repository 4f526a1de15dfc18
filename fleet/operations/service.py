"""Operations after they were ordered (``ordering``): cancelling, retrying, moving, deadlines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, update

from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.operations import ordering
from fleet.operations.due import notify_gateways
from fleet.operations.errors import (
    ALREADY_FINISHED,
    ALREADY_RETRIED,
    ALREADY_STARTED,
    NO_TIME,
    NOT_RETRYABLE,
    OPERATION_NOT_FOUND,
    REGISTER_NOT_FOUND,
    right_needed,
)
from fleet.operations.models import Operation
from fleet.operations.ordering import OperationRequest
from fleet.operations.preparation import read_params
from fleet.operations.queries import operations_visible_to
from fleet.operations.rules import OPEN, RETRYABLE, OperationStatus, StatusCause
from fleet.operations.timing import asked_start, check_times, earliest_start, wall_time_objection
from fleet.operations.types import BY_KIND
from fleet.operations.types.contract import DEADLINE_AFTER_START
from fleet.operations.work import StatusChange, Work, load_open, load_where, save
from fleet.registers.events import RegistersHandedOver
from fleet.registers.queries import find_own


async def cancel(act: Act, operation_id: int) -> None:
    """Cancel an operation.

    An operation that has not begun is cancelled at once.  One whose command has left is cancelled
    when the register has reported the outcome.  Repeating the request changes nothing.  Raise
    ``ALREADY_FINISHED`` for one that has ended in another way.
    """
    work = await _lock_own(act, operation_id)
    if work.status in OPEN and work.cancel_requested:
        return
    if work.status in OPEN or work.status is OperationStatus.NEEDS_ATTENTION:
        await save(act, [work], work.cancel(StatusCause.CANCELLED_BY_EMPLOYEE, act.now))
        await audit.write(act, "operations.cancelled", [f"operation:{work.id}"])
        await notify_gateways(act.db, [work.serial_number])
    elif work.status is not OperationStatus.CANCELLED:
        raise ALREADY_FINISHED(id=operation_id)


async def retry(act: Act, operation_id: int) -> int:
    """Order again an operation that failed or needs attention; return the new operation's id.

    It is a new operation, not the old one queued again: the register's journal remembers the steps
    of the old one, and its history is kept.  An old one that needed attention is cancelled with the
    number of its successor.  Raise ``NOT_RETRYABLE``, ``ALREADY_RETRIED`` or the refusal of the
    register.
    """
    work = await _lock_own(act, operation_id)
    if work.status not in RETRYABLE or not BY_KIND[work.type].retryable:
        raise NOT_RETRYABLE(id=operation_id)
    known = await act.db.scalar(select(Operation.id).where(Operation.retry_of == operation_id))
    if known is not None:
        raise ALREADY_RETRIED(id=operation_id, retry_id=known)
    request = OperationRequest(work.type, [work.serial_number], work.params, work.channel, None)
    created = await ordering.create(act, request, retry_of=operation_id)
    for each in created.refused:
        raise each.refusal(**each.params)
    new_id = created.accepted[0][0]
    if work.status is OperationStatus.NEEDS_ATTENTION:
        change = work.change_status(
            OperationStatus.CANCELLED, StatusCause.REPLACED, act.now, {"operation_id": new_id}
        )
        await save(act, [work], [change])
    return new_id


async def reschedule(
    act: Act,
    operation_id: int,
    scheduled_for: datetime | None,
    scheduled_local: datetime | None = None,
) -> None:
    """Move the start of an operation that has not begun, and its deadline by as much.

    The new start is a moment or a wall time (naive) in the register's zone, later than now.  Raise
    ``ALREADY_STARTED`` for an operation that has begun or ended.
    """
    check_times(scheduled_for, scheduled_local, act.now)
    work = await _lock_own(act, operation_id)
    if work.status is not OperationStatus.QUEUED or work.step:
        raise ALREADY_STARTED(id=operation_id)
    begins = await _new_start(act, work, scheduled_for, scheduled_local)
    before = {"scheduled_for": work.due_at.isoformat()}
    times = {"scheduled_for": begins, "deadline_at": work.deadline_at + (begins - work.due_at)}
    await act.db.execute(update(Operation).where(Operation.id == work.id).values(times))
    work.due_at = begins
    await save(act, [work], [])
    after = {"scheduled_for": begins.isoformat()}
    moved = [f"operation:{work.id}"]
    await audit.write(act, "operations.rescheduled", moved, before=before, after=after)
    await notify_gateways(act.db, [work.serial_number])


async def _new_start(
    act: Act, work: Work, scheduled_for: datetime | None, scheduled_local: datetime | None
) -> datetime:
    """Return when the operation begins; raise a refusal if the register may not have it then."""
    serial = work.serial_number
    register = (await find_own(act.db, act.actor, [serial])).get(serial)
    if register is None:
        raise REGISTER_NOT_FOUND(serial_number=serial)
    if untimely := wall_time_objection(register, scheduled_local, act.now):
        raise untimely.refusal(**untimely.params, serial_number=serial)
    asked = asked_start(register, scheduled_for, scheduled_local)
    if asked is None:
        raise NO_TIME()
    operation_type = BY_KIND[work.type]
    params = read_params(operation_type, work.params)
    begins = earliest_start(operation_type, params, asked)
    lacking = await ordering.service_objection(act, operation_type, params, register, begins)
    if lacking is not None:
        raise lacking.refusal(**lacking.params, serial_number=serial)
    return begins


async def _lock_own(act: Act, operation_id: int) -> Work:
    """Return the partner's operation, locked; wait for a check-in that has locked it.

    Raise ``OPERATION_NOT_FOUND``, or a refusal if the actor may not order this type.
    """
    own = (Operation.id == operation_id) & operations_visible_to(act.actor)
    kind = await act.db.scalar(select(Operation.type).where(own))
    if kind is None:
        raise OPERATION_NOT_FOUND(id=operation_id)
    if BY_KIND[kind].right not in act.actor.rights:
        raise right_needed(BY_KIND[kind].right)
    return (await load_where(act.db, own, wait=True))[0]


async def cancel_not_begun(act: Act, ids: Select[Any], portion: int) -> list[int]:
    """Cancel a portion of the operations ``ids`` that have not begun; return their ids."""
    unbegun = (Operation.status == OperationStatus.QUEUED) & (Operation.step == 0)
    works = await load_where(act.db, Operation.id.in_(ids), unbegun, limit=portion, wait=True)
    cancelled = OperationStatus.CANCELLED, StatusCause.CANCELLED_BY_ROLLOUT
    await _save_and_notify(act, works, [work.change_status(*cancelled, act.now) for work in works])
    return [work.id for work in works]


async def cancel_handed_over(act: Act, fact: RegistersHandedOver) -> None:
    """Cancel the operations that former partners ordered for registers that were handed over.

    An operation that has begun ends when its register has answered.
    """
    moved = [move.serial_number for move in fact.hand_overs if move.from_partner_id is not None]
    works = await load_open(act.db, moved, wait=True)
    changes = [change for work in works for change in work.cancel(StatusCause.HANDED_OVER, act.now)]
    await save(act, works, changes)
    await notify_gateways(act.db, moved)


async def requeue_silent(act: Act, portion: int) -> int:
    """Queue again the operations whose lease has lapsed; return how many."""
    silent = (Operation.status == OperationStatus.RUNNING) & (Operation.lease_until <= act.now)
    works = await load_where(act.db, silent, limit=portion)
    lost = OperationStatus.QUEUED, StatusCause.LINK_LOST
    await _save_and_notify(act, works, [work.change_status(*lost, act.now) for work in works])
    return len(works)


async def end_overdue(act: Act, portion: int) -> int:
    """End the operations that are past their deadline; return how many.

    One that has not begun ends as its type defines, one that has begun needs a person's attention.
    """
    late = Operation.status.in_(OPEN) & (Operation.deadline_at <= act.now)
    works = await load_where(act.db, late, limit=portion)
    changes = []
    for work in works:
        ending = DEADLINE_AFTER_START if work.step else BY_KIND[work.type].deadline_outcome
        told = {"started": work.step > 0}
        changes.append(work.change_status(ending.status, ending.cause, act.now, told))
    await _save_and_notify(act, works, changes)
    return len(works)


async def _save_and_notify(
    act: Act, works: Sequence[Work], changes: Sequence[StatusChange]
) -> None:
    await save(act, works, changes)
    await notify_gateways(act.db, [work.serial_number for work in works])
