"""Ordering operations and changing one's mind: the people's side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit import service as audit
from fleet.kit.actor import Actor
from fleet.kit.dialect import notify
from fleet.kit.facts import announce
from fleet.kit.validation import refuse_input
from fleet.operations.due import CHANNEL, payloads
from fleet.operations.errors import (
    ALREADY_FINISHED,
    ALREADY_RETRIED,
    ALREADY_STARTED,
    NOT_RETRYABLE,
    OPERATION_NOT_FOUND,
    REGISTER_NOT_FOUND,
    TYPE_UNKNOWN,
    channel_unfit,
    right_needed,
)
from fleet.operations.events import ChangedOperation, OperationStatusesChanged
from fleet.operations.from_template import with_template_content
from fleet.operations.models import Operation
from fleet.operations.preparation import prepare, prepare_each
from fleet.operations.queries import operations_visible_to
from fleet.operations.rules import OPEN, RETRYABLE, OperationStatus, StatusCause
from fleet.operations.timing import check_times, earliest_start, utc_at_register
from fleet.operations.types import BY_KIND
from fleet.operations.types.contract import DEADLINE_AFTER_START, OperationType
from fleet.operations.verdicts import OperationRequest as OperationRequest
from fleet.operations.verdicts import RefusedRegister, judge_registers, service_objection
from fleet.operations.work import StatusChange, Work, load_open, load_where, save, write_changes
from fleet.registers.events import RegistersHandedOver
from fleet.registers.queries import find_own


@dataclass(frozen=True, slots=True)
class OrderResult:
    """(operation id, serial number) of what was ordered, and what was not."""

    accepted: Sequence[tuple[int, str]]
    refused: Sequence[RefusedRegister]


async def create(
    db: AsyncSession,
    actor: Actor,
    request: OperationRequest,
    now: datetime,
    *,
    retry_of: int | None = None,
) -> OrderResult:
    """Order an operation for each register that can get it.

    Refuses the whole wish for an unknown type, wrong parameters, a missing right, a channel
    that does not fit or a time in the past; each register gets its own verdict.
    """
    operation_type, params = await read_request(db, actor, request)
    check_times(request.scheduled_for, request.scheduled_local, now)
    own = await prepare_each(db, params, request.serial_numbers)
    good, refused = await judge_registers(db, actor, request, operation_type, params, now, own)
    kept = {
        "partner_id": actor.partner_id,
        "type": operation_type.kind,
        "channel": request.channel,
        "params": params.model_dump(mode="json"),
        "created_by": actor.employee_id,
        "retry_of": retry_of,
    }
    rows = [
        {
            **kept,
            **_times(operation_type, params, asked, now),
            **({"params": own[serial].model_dump(mode="json")} if serial in own else {}),
            "serial_number": serial,
        }
        for serial, asked in good.items()
    ]
    accepted = await _insert(db, rows, now)
    await _audit(db, actor, "operations.created", accepted, now, {"type": request.type})
    if operation_type.on_server:
        await _complete_on_server(db, operation_type, params, accepted, now)
    await _notify_gateways(db, list(good))
    return OrderResult(accepted, refused)


async def read_request(
    db: AsyncSession, actor: Actor, request: OperationRequest
) -> tuple[OperationType[Any], Any]:
    """The type and the parameters of a wish, whichever its registers are; refuses an unknown
    type, wrong parameters, a missing right and a channel that does not fit."""
    operation_type = _type(actor, request)
    given = await with_template_content(db, actor, operation_type.kind, request.params)
    params = _params(operation_type, given)
    return operation_type, await prepare(db, actor, operation_type.kind, params)


def _type(actor: Actor, request: OperationRequest) -> OperationType[Any]:
    operation_type = BY_KIND.get(request.type)
    if operation_type is None:
        raise TYPE_UNKNOWN(type=request.type)
    if operation_type.right not in actor.rights:
        raise right_needed(operation_type.right)
    if request.channel not in operation_type.channels:
        raise channel_unfit(operation_type.channels)
    return operation_type


def _params(operation_type: OperationType[Any], params: Mapping[str, Any]) -> Any:
    try:
        return operation_type.Params.model_validate(dict(params))
    except ValidationError as error:
        raise refuse_input(error, "params") from None


def _times(
    operation_type: OperationType[Any], params: Any, scheduled_for: datetime | None, now: datetime
) -> dict[str, Any]:
    due_at = earliest_start(operation_type, params, scheduled_for or now)
    return {
        "status": OperationStatus.QUEUED,
        "cause": StatusCause.CREATED,
        "scheduled_for": scheduled_for,
        "due_at": due_at,
        "deadline_at": due_at + operation_type.deadline,
        "created_at": now,
        "changed_at": now,
    }


async def _insert(
    db: AsyncSession, rows: Sequence[dict[str, Any]], now: datetime
) -> list[tuple[int, str]]:
    if not rows:
        return []
    inserted = await db.execute(
        insert(Operation).returning(Operation.id, Operation.serial_number), rows
    )
    accepted = sorted((operation_id, serial) for operation_id, serial in inserted)
    changes = [
        StatusChange(id_, None, OperationStatus.QUEUED, StatusCause.CREATED, None)
        for id_, _ in accepted
    ]
    await write_changes(db, changes, now)
    kind = rows[0]["type"]
    moves = tuple(
        ChangedOperation(id_, serial, kind, OperationStatus.QUEUED) for id_, serial in accepted
    )
    await announce(db, OperationStatusesChanged(now, moves))
    return accepted


async def _complete_on_server(
    db: AsyncSession,
    operation_type: OperationType[Any],
    params: Any,
    accepted: Sequence[tuple[int, str]],
    now: datetime,
) -> None:
    """Its result now; one that clears the queue cancels everything that came before it."""
    own = {operation_id for operation_id, _ in accepted}
    works = await load_open(db, [serial for _, serial in accepted], wait=True)
    changes = []
    for work in works:
        if work.id not in own and operation_type.clears_queue:
            changes += _cancel(work, StatusCause.CANCELLED_BY_OPERATION, now)
    for work in works:
        if work.id in own:
            work.result = operation_type.server_result(work.serial_number, params)
            changes.append(work.change_status(OperationStatus.RUNNING, StatusCause.TAKEN, now))
            changes.append(work.change_status(OperationStatus.SUCCEEDED, StatusCause.DONE, now))
    await save(db, works, changes, now)


async def cancel(db: AsyncSession, actor: Actor, operation_id: int, now: datetime) -> None:
    """Cancel an operation.

    One that has not begun is cancelled at once; one whose command has left is cancelled when the
    register has said what became of it.  Repeating the request changes nothing.
    """
    work = await _lock_own(db, actor, operation_id)
    if work.status in OPEN and work.cancel_requested:
        return
    if work.status in OPEN or work.status is OperationStatus.NEEDS_ATTENTION:
        await save(db, [work], _cancel(work, StatusCause.CANCELLED_BY_EMPLOYEE, now), now)
        await _audit(db, actor, "operations.cancelled", [(work.id, work.serial_number)], now)
        await _notify_gateways(db, [work.serial_number])
    elif work.status is not OperationStatus.CANCELLED:
        raise ALREADY_FINISHED(id=operation_id)


def _cancel(work: Work, cause: StatusCause, now: datetime) -> list[StatusChange]:
    if work.step == 0 or work.status is OperationStatus.NEEDS_ATTENTION:
        return [work.change_status(OperationStatus.CANCELLED, cause, now)]
    work.cancel_requested, work.cancel_cause = True, work.cancel_cause or cause
    return []


async def retry(db: AsyncSession, actor: Actor, operation_id: int, now: datetime) -> int:
    """Order anew, as it was, an operation that failed or needs attention; the new one's id.

    A new operation, not the old one queued again: the register's journal remembers the steps of
    the old one, and its history stays what it was.  One that needed attention is thereby
    attended to: cancelled, with the number of its successor.
    """
    work = await _lock_own(db, actor, operation_id)
    if work.status not in RETRYABLE or not BY_KIND[work.type].retryable:
        raise NOT_RETRYABLE(id=operation_id)
    known = await db.scalar(select(Operation.id).where(Operation.retry_of == operation_id))
    if known is not None:
        raise ALREADY_RETRIED(id=operation_id, retry_id=known)
    wish = OperationRequest(work.type, [work.serial_number], work.params, work.channel, None)
    created = await create(db, actor, wish, now, retry_of=operation_id)
    for serial, refusal, params in created.refused:
        raise refusal(**params, serial_number=serial)
    new_id = created.accepted[0][0]
    if work.status is OperationStatus.NEEDS_ATTENTION:
        change = work.change_status(
            OperationStatus.CANCELLED, StatusCause.REPLACED, now, {"operation_id": new_id}
        )
        await save(db, [work], [change], now)
    return new_id


async def reschedule(
    db: AsyncSession,
    actor: Actor,
    operation_id: int,
    scheduled_for: datetime | None,
    now: datetime,
    scheduled_local: datetime | None = None,
) -> None:
    """Move the start of an operation that has not begun: to a moment, or to a wall time (naive)
    of the register's zone; only later than now."""
    check_times(scheduled_for, scheduled_local, now)
    work = await _lock_own(db, actor, operation_id)
    if work.status is not OperationStatus.QUEUED or work.step:
        raise ALREADY_STARTED(id=operation_id)
    register = (await find_own(db, actor, [work.serial_number])).get(work.serial_number)
    if register is None:
        raise REGISTER_NOT_FOUND(serial_number=work.serial_number)
    operation_type = BY_KIND[work.type]
    params = _params(operation_type, work.params)
    asked = scheduled_for or utc_at_register(register, scheduled_local, now)
    begins = earliest_start(operation_type, params, asked)
    lacking = await service_objection(db, operation_type, params, register, begins, now)
    if lacking is not None:
        raise lacking.refusal(**lacking.params, serial_number=work.serial_number)
    before = {"scheduled_for": work.due_at.isoformat()}
    times = {"scheduled_for": begins, "deadline_at": work.deadline_at + (begins - work.due_at)}
    await db.execute(update(Operation).where(Operation.id == work.id).values(times))
    work.due_at = begins
    await save(db, [work], [], now)
    after = {"scheduled_for": begins.isoformat()}
    done = [(work.id, work.serial_number)]
    await _audit(db, actor, "operations.rescheduled", done, now, after, before)
    await _notify_gateways(db, [work.serial_number])


async def _lock_own(db: AsyncSession, actor: Actor, operation_id: int) -> Work:
    """The partner's operation, locked; waits for a check-in that holds it."""
    own = (Operation.id == operation_id) & operations_visible_to(actor)
    kind = await db.scalar(select(Operation.type).where(own))
    if kind is None:
        raise OPERATION_NOT_FOUND(id=operation_id)
    if BY_KIND[kind].right not in actor.rights:
        raise right_needed(BY_KIND[kind].right)
    return (await load_where(db, own, wait=True))[0]


async def cancel_not_begun(db: AsyncSession, ids: Select[Any], now: datetime) -> list[int]:
    """Cancel a portion of those of ``ids`` that have not begun; returns which."""
    unbegun = (Operation.status == OperationStatus.QUEUED) & (Operation.step == 0)
    works = await load_where(db, Operation.id.in_(ids), unbegun, wait=True)
    changes = [
        work.change_status(OperationStatus.CANCELLED, StatusCause.CANCELLED_BY_ROLLOUT, now)
        for work in works
    ]
    await save(db, works, changes, now)
    await _notify_gateways(db, [work.serial_number for work in works])
    return [work.id for work in works]


async def cancel_handed_over(db: AsyncSession, fact: RegistersHandedOver) -> None:
    """Cancel what former partners ordered; what has begun ends with the register's word."""
    moved = [move.serial_number for move in fact.hand_overs if move.from_partner_id is not None]
    works = await load_open(db, moved, wait=True)
    changes = [
        change for work in works for change in _cancel(work, StatusCause.HANDED_OVER, fact.at)
    ]
    await save(db, works, changes, fact.at)
    await _notify_gateways(db, moved)


async def requeue_silent(db: AsyncSession, now: datetime) -> int:
    """Queue again what has heard nothing from its register; returns how many."""
    works = await load_where(
        db, Operation.status == OperationStatus.RUNNING, Operation.lease_until <= now
    )
    changes = [
        work.change_status(OperationStatus.QUEUED, StatusCause.LINK_LOST, now) for work in works
    ]
    await save(db, works, changes, now)
    await _notify_gateways(db, [work.serial_number for work in works])
    return len(works)


async def end_overdue(db: AsyncSession, now: datetime) -> int:
    """End what is past its deadline: as its type says, or for a person to look at if it had
    begun."""
    works = await load_where(db, Operation.status.in_(OPEN), Operation.deadline_at <= now)
    changes = []
    for work in works:
        ending = DEADLINE_AFTER_START if work.step else BY_KIND[work.type].deadline_outcome
        changes.append(
            work.change_status(ending.status, ending.cause, now, {"started": work.step > 0})
        )
    await save(db, works, changes, now)
    await _notify_gateways(db, [work.serial_number for work in works])
    return len(works)


async def _notify_gateways(db: AsyncSession, serial_numbers: Sequence[str]) -> None:
    for payload in payloads(serial_numbers):
        await notify(db, CHANNEL, payload)


async def _audit(
    db: AsyncSession,
    actor: Actor,
    what: str,
    operations: Sequence[tuple[int, str]],
    now: datetime,
    after: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
) -> None:
    objects = [f"operation:{operation_id}" for operation_id, _ in operations]
    await audit.write(db, actor, now, what, objects, before=before, after=after)
