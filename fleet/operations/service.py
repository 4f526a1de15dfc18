"""Ordering operations and changing one's mind: the people's side."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import ValidationError
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit import service as audit
from fleet.kit.actor import Actor
from fleet.kit.dialect import notify
from fleet.kit.errors import Refusal
from fleet.kit.facts import announce
from fleet.kit.validation import refuse_input
from fleet.operations.due import CHANNEL, payloads
from fleet.operations.errors import (
    ALREADY_FINISHED,
    ALREADY_STARTED,
    BLOCKED,
    CHANNEL_UNFIT,
    IN_THE_PAST,
    OPERATION_NOT_FOUND,
    REGISTER_NOT_FOUND,
    REPEATED,
    RIGHT_NEEDED,
    TOO_MANY_OPEN,
    TYPE_UNKNOWN,
)
from fleet.operations.events import Moved, OperationsMoved
from fleet.operations.models import Operation
from fleet.operations.rules import MAX_OPEN_PER_REGISTER, OPEN, Cause, Channel, Status
from fleet.operations.types import BY_KIND
from fleet.operations.types.contract import OperationType, Target
from fleet.operations.work import Change, Work, load_open, load_where, save, write_changes
from fleet.registers.models import CashRegister
from fleet.registers.rules import is_serial_number


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person orders; ``params`` are as they were sent."""

    type: str
    serial_numbers: Sequence[str]
    params: Mapping[str, Any]
    channel: Channel
    scheduled_for: datetime | None


class Refused(NamedTuple):
    """One register that does not get the operation, and why."""

    serial_number: str
    refusal: Refusal
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Created:
    """(operation id, serial number) of what was ordered, and what was not."""

    accepted: Sequence[tuple[int, str]]
    refused: Sequence[Refused]


async def create(db: AsyncSession, actor: Actor, wish: Wish, now: datetime) -> Created:
    """Order an operation for each register that can get it.

    Refuses the whole wish for an unknown type, wrong parameters, a missing right, a channel
    that does not fit or a time in the past; each register gets its own verdict.
    """
    operation_type = _type(actor, wish)
    params = _params(operation_type, wish.params)
    if wish.scheduled_for is not None and wish.scheduled_for <= now:
        raise IN_THE_PAST()
    good, refused = await _sorted_out(db, actor, operation_type, params, wish.serial_numbers)
    kept = params.model_dump(mode="json")
    rows = [_row(actor, operation_type, serial, kept, wish, now) for serial in good]
    accepted = await _insert(db, rows, now)
    await _audit(db, actor, "operations.created", accepted, now, {"type": wish.type})
    if operation_type.on_server:
        await _do_on_server(db, accepted, now)
    await _tell_gateways(db, good)
    return Created(accepted, refused)


def _type(actor: Actor, wish: Wish) -> OperationType[Any]:
    operation_type = BY_KIND.get(wish.type)
    if operation_type is None:
        raise TYPE_UNKNOWN(type=wish.type)
    if operation_type.right not in actor.rights:
        raise RIGHT_NEEDED(right=operation_type.right)
    if wish.channel not in operation_type.channels:
        raise CHANNEL_UNFIT(channels=", ".join(operation_type.channels))
    return operation_type


def _params(operation_type: OperationType[Any], params: Mapping[str, Any]) -> Any:
    try:
        return operation_type.Params.model_validate(dict(params))
    except ValidationError as error:
        raise refuse_input(error, "params") from None


async def _sorted_out(
    db: AsyncSession,
    actor: Actor,
    operation_type: OperationType[Any],
    params: Any,
    serial_numbers: Sequence[str],
) -> tuple[list[str], list[Refused]]:
    targets = await _targets(db, actor, serial_numbers)
    busy = await _open_count(db, list(targets))
    good: dict[str, None] = {}
    refused = []
    for serial in serial_numbers:
        found = targets.get(serial)
        if serial in good:
            refused.append(Refused(serial, REPEATED, {}))
        elif found is None:
            refused.append(Refused(serial, REGISTER_NOT_FOUND, {}))
        elif found.blocked:
            refused.append(Refused(serial, BLOCKED, {}))
        elif busy[serial] >= MAX_OPEN_PER_REGISTER and not operation_type.on_server:
            refused.append(Refused(serial, TOO_MANY_OPEN, {}))
        elif verdict := operation_type.verdict(_target(found), params):
            refused.append(Refused(serial, verdict.refusal, verdict.params))
        else:
            good[serial] = None
    return list(good), refused


async def _targets(
    db: AsyncSession, actor: Actor, serial_numbers: Sequence[str]
) -> dict[str, CashRegister]:
    """The partner's registers among these; another partner's is as good as none."""
    found = await db.scalars(
        select(CashRegister).where(
            CashRegister.serial_number.in_(set(filter(is_serial_number, serial_numbers))),
            CashRegister.partner_id == actor.partner_id,
        )
    )
    return {register.serial_number: register for register in found}


def _target(register: CashRegister) -> Target:
    return Target(
        register.serial_number, register.platform, register.model, register.firmware_version
    )


async def _open_count(db: AsyncSession, serial_numbers: Sequence[str]) -> Counter[str]:
    rows = await db.execute(
        select(Operation.serial_number, func.count())
        .where(Operation.serial_number.in_(serial_numbers), Operation.status.in_(OPEN))
        .group_by(Operation.serial_number)
    )
    return Counter({serial: count for serial, count in rows})


def _row(
    actor: Actor,
    operation_type: OperationType[Any],
    serial_number: str,
    params: Mapping[str, Any],
    wish: Wish,
    now: datetime,
) -> dict[str, Any]:
    due_at = wish.scheduled_for or now
    return {
        "serial_number": serial_number,
        "partner_id": actor.partner_id,
        "type": operation_type.kind,
        "channel": wish.channel,
        "params": params,
        "status": Status.QUEUED,
        "cause": Cause.CREATED,
        "scheduled_for": wish.scheduled_for,
        "due_at": due_at,
        "deadline_at": due_at + operation_type.deadline,
        "created_at": now,
        "created_by": actor.employee_id,
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
    changes = [Change(id_, None, Status.QUEUED, Cause.CREATED, None) for id_, _ in accepted]
    await write_changes(db, changes, now)
    kind = rows[0]["type"]
    moves = tuple(Moved(id_, serial, kind, Status.QUEUED) for id_, serial in accepted)
    await announce(db, OperationsMoved(now, moves))
    return accepted


async def _do_on_server(
    db: AsyncSession, accepted: Sequence[tuple[int, str]], now: datetime
) -> None:
    """«Cancel pending operations» cancels everything of its registers that came before it."""
    own = {operation_id for operation_id, _ in accepted}
    works = await load_open(db, [serial for _, serial in accepted], wait=True)
    changes = []
    for work in works:
        if work.id not in own:
            changes += _cancel(work, Cause.CANCELLED_BY_OPERATION, now)
    for work in works:
        if work.id in own:
            changes.append(work.move(Status.RUNNING, Cause.TAKEN, now))
            changes.append(work.move(Status.SUCCEEDED, Cause.DONE, now))
    await save(db, works, changes, now)


async def cancel(db: AsyncSession, actor: Actor, operation_id: int, now: datetime) -> None:
    """Cancel an operation.

    One that has not begun is cancelled at once; one whose command has left is cancelled when the
    register has said what became of it.  Repeating the request changes nothing.
    """
    work = await _own(db, actor, operation_id)
    if work.status in OPEN and work.cancel_requested:
        return
    if work.status in OPEN or work.status is Status.NEEDS_ATTENTION:
        await save(db, [work], _cancel(work, Cause.CANCELLED_BY_EMPLOYEE, now), now)
        await _audit(db, actor, "operations.cancelled", [(work.id, work.serial_number)], now)
        await _tell_gateways(db, [work.serial_number])
    elif work.status is not Status.CANCELLED:
        raise ALREADY_FINISHED(id=operation_id)


def _cancel(work: Work, cause: Cause, now: datetime) -> list[Change]:
    if work.step == 0 or work.status is Status.NEEDS_ATTENTION:
        return [work.move(Status.CANCELLED, cause, now)]
    work.cancel_requested = True
    return []


async def reschedule(
    db: AsyncSession, actor: Actor, operation_id: int, scheduled_for: datetime, now: datetime
) -> None:
    """Move the start of an operation that has not begun; only later than now."""
    if scheduled_for <= now:
        raise IN_THE_PAST()
    work = await _own(db, actor, operation_id)
    if work.status is not Status.QUEUED or work.step:
        raise ALREADY_STARTED(id=operation_id)
    before = {"scheduled_for": work.due_at.isoformat()}
    work.deadline_at += scheduled_for - work.due_at
    work.scheduled_for = work.due_at = scheduled_for
    await save(db, [work], [], now)
    after = {"scheduled_for": scheduled_for.isoformat()}
    done = [(work.id, work.serial_number)]
    await _audit(db, actor, "operations.rescheduled", done, now, after, before)
    await _tell_gateways(db, [work.serial_number])


async def _own(db: AsyncSession, actor: Actor, operation_id: int) -> Work:
    """The partner's operation, locked; waits for a check-in that holds it."""
    own = (Operation.id == operation_id) & (Operation.partner_id == actor.partner_id)
    kind = await db.scalar(select(Operation.type).where(own))
    if kind is None:
        raise OPERATION_NOT_FOUND(id=operation_id)
    if BY_KIND[kind].right not in actor.rights:
        raise RIGHT_NEEDED(right=BY_KIND[kind].right)
    return (await load_where(db, own, wait=True))[0]


async def lapse(db: AsyncSession, now: datetime) -> int:
    """Queue again what has heard nothing from its register; returns how many."""
    works = await load_where(db, Operation.status == Status.RUNNING, Operation.lease_until <= now)
    changes = [work.move(Status.QUEUED, Cause.LINK_LOST, now) for work in works]
    await save(db, works, changes, now)
    await _tell_gateways(db, [work.serial_number for work in works])
    return len(works)


async def expire(db: AsyncSession, now: datetime) -> int:
    """End what is past its deadline: failed, or for a person to look at if it had begun."""
    works = await load_where(db, Operation.status.in_(OPEN), Operation.deadline_at <= now)
    changes = [
        work.move(
            Status.NEEDS_ATTENTION if work.step else Status.FAILED,
            Cause.DEADLINE,
            now,
            {"started": work.step > 0},
        )
        for work in works
    ]
    await save(db, works, changes, now)
    await _tell_gateways(db, [work.serial_number for work in works])
    return len(works)


async def _tell_gateways(db: AsyncSession, serial_numbers: Sequence[str]) -> None:
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
