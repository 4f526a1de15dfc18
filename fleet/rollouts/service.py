"""Changing roll-outs: starting, stopping, and carrying them on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts.models import Employee
from fleet.accounts.service import to_actor
from fleet.audit import service as audit
from fleet.kit.actor import Actor
from fleet.kit.database import table_of
from fleet.kit.dialect import Columns, insert_columns, select_for_update, update_columns
from fleet.kit.errors import DomainError
from fleet.kit.language import Language
from fleet.operations import service as operations
from fleet.operations.errors import right_needed
from fleet.operations.events import OperationStatusesChanged
from fleet.operations.from_template import with_template_content
from fleet.operations.rules import Channel, OperationStatus
from fleet.operations.service import OperationRequest
from fleet.operations.types import BY_KIND
from fleet.operations.verdicts import TRANSIENT_REFUSALS, RefusedRegister
from fleet.operations.work import PORTION
from fleet.registers.models import CashRegister
from fleet.rollouts.errors import NO_REGISTERS, ROLLOUT_NOT_FOUND, wrong_status
from fleet.rollouts.models import Rollout, RolloutTarget
from fleet.rollouts.queries import is_open, started_waves, visible_to
from fleet.rollouts.rules import (
    RETRY_DELAY,
    TRANSITIONS,
    Judgement,
    RolloutStatus,
    StopReason,
    WavePolicy,
    judge,
    wave_sizes,
)

_TARGETS = table_of(RolloutTarget)

ROLLOUTS_PORTION: Final = 5
"""Roll-outs that one transaction of the worker carries on."""

FAILED_STATUSES: Final = (OperationStatus.FAILED, OperationStatus.NEEDS_ATTENTION)


@dataclass(frozen=True, slots=True)
class RolloutRequest:
    """What a person wants rolled out; ``serial_numbers`` are the partner's, each once."""

    type: str
    channel: Channel
    params: Mapping[str, Any]
    serial_numbers: Sequence[str]
    waves: Sequence[str]
    policy: WavePolicy


async def start(db: AsyncSession, actor: Actor, request: RolloutRequest, now: datetime) -> int:
    """A new roll-out; the worker orders its first wave.  Returns its id.

    A template's content is copied now, so that every wave gets the same.  Refuses what no
    register could be ordered: unknown type, wrong parameters, a missing right.
    """
    params = await with_template_content(db, actor, request.type, request.params)
    wish = OperationRequest(request.type, request.serial_numbers, params, request.channel, None)
    await operations.read_request(db, actor, wish)
    if not request.serial_numbers:
        raise NO_REGISTERS()
    sizes = wave_sizes(request.waves, len(request.serial_numbers))
    rollout = Rollout(
        partner_id=actor.partner_id,
        created_by=actor.employee_id,
        type=request.type,
        channel=request.channel,
        params=dict(params),
        **request.policy._asdict(),
        status=RolloutStatus.RUNNING,
        wave=0,
        wave_count=len(sizes),
        withdrawing=False,
        looked_at=now,
        created_at=now,
        changed_at=now,
    )
    db.add(rollout)
    await db.flush()
    numbers = [number for number, size in enumerate(sizes) for _ in range(size)]
    columns = {"serial_number": request.serial_numbers, "wave": numbers}
    await insert_columns(db, _TARGETS, columns, {"rollout_id": rollout.id, "due_at": now})
    await _audit(db, actor, rollout, now, "rollouts.started")
    return rollout.id


async def pause(db: AsyncSession, actor: Actor, rollout_id: int, now: datetime) -> None:
    """No new operations; those that have not begun are taken back."""
    rollout = await _own(db, actor, rollout_id)
    _set_status(rollout, RolloutStatus.PAUSED, now, StopReason.EMPLOYEE)
    await _audit(db, actor, rollout, now, "rollouts.paused")


async def resume(db: AsyncSession, actor: Actor, rollout_id: int, now: datetime) -> None:
    """Go on; the failures so far are forgiven, and the orders are the actor's from now on: who
    started it may have lost the right, or left."""
    rollout = await _own(db, actor, rollout_id)
    _set_status(rollout, RolloutStatus.RUNNING, now)
    rollout.resumed_at, rollout.resumed_by = now, actor.employee_id
    await _audit(db, actor, rollout, now, "rollouts.resumed")


async def abort(db: AsyncSession, actor: Actor, rollout_id: int, now: datetime) -> None:
    """For ever; what has begun in a register ends there."""
    rollout = await _own(db, actor, rollout_id)
    _set_status(rollout, RolloutStatus.ABORTED, now, StopReason.EMPLOYEE)
    await _audit(db, actor, rollout, now, "rollouts.aborted")


async def _own(db: AsyncSession, actor: Actor, rollout_id: int) -> Rollout:
    own = select(Rollout).where(Rollout.id == rollout_id, visible_to(actor))
    rollout: Rollout | None = await db.scalar(select_for_update(db, own, wait=True))
    if rollout is None:
        raise ROLLOUT_NOT_FOUND(id=rollout_id)
    if BY_KIND[rollout.type].right not in actor.rights:
        raise right_needed(BY_KIND[rollout.type].right)
    return rollout


def _set_status(
    rollout: Rollout, to: RolloutStatus, now: datetime, reason: StopReason | None = None
) -> None:
    """Into another status; refuses where none leads there."""
    if to not in TRANSITIONS[rollout.status]:
        raise wrong_status(rollout.id, rollout.status)
    rollout.status, rollout.reason, rollout.changed_at = to, reason, now
    rollout.withdrawing = to in (RolloutStatus.PAUSED, RolloutStatus.ABORTED)
    if not TRANSITIONS[to]:
        rollout.finished_at = now


async def on_operation_statuses_changed(db: AsyncSession, fact: OperationStatusesChanged) -> None:
    """Operations failed: pause at once the roll-outs for which they are too many.

    A roll-out that somebody holds is left to the worker: a check-in waits for nobody.
    """
    failed = [move.operation_id for move in fact.changes if move.status in FAILED_STATUSES]
    if not failed:
        return
    touched = select(RolloutTarget.rollout_id).where(RolloutTarget.operation_id.in_(failed))
    statement = select(Rollout).where(
        Rollout.id.in_(touched), Rollout.status == RolloutStatus.RUNNING
    )
    for rollout in (await db.scalars(select_for_update(db, statement, wait=False))).all():
        await _judge(db, rollout, fact.at)


async def advance_rollouts(db: AsyncSession, now: datetime) -> int:
    """Order what is to be ordered and take back what is to be taken back, a portion of each
    roll-out; returns the number of registers.  Repeating it does no harm.

    All registers are held at once and before any operation, as a batch of calls and a hand-over
    hold them.
    """
    busy = or_(Rollout.status == RolloutStatus.RUNNING, Rollout.withdrawing)
    statement = select(Rollout).where(busy).order_by(Rollout.looked_at).limit(ROLLOUTS_PORTION)
    rollouts: Sequence[Rollout] = (
        await db.scalars(select_for_update(db, statement, wait=False))
    ).all()
    withdrawing = [rollout for rollout in rollouts if rollout.withdrawing]
    ordering = []
    for rollout in rollouts:
        rollout.looked_at = now
        if not rollout.withdrawing:
            await _judge(db, rollout, now)
        if rollout.status is RolloutStatus.RUNNING:
            ordering.append((rollout, await _waiting_targets(db, rollout, now)))
    await _lock_registers(db, [serial for _, waiting in ordering for serial in waiting])
    ordered = [await _order(db, rollout, waiting, now) for rollout, waiting in ordering]
    return sum(ordered) + await _withdraw(db, withdrawing, now)


async def _lock_registers(db: AsyncSession, serial_numbers: Collection[str]) -> None:
    """Nobody hands these registers over until the commit, as when one operation is ordered."""
    these = select(CashRegister.serial_number).where(CashRegister.serial_number.in_(serial_numbers))
    ordered = these.order_by(CashRegister.serial_number)
    await db.execute(select_for_update(db, ordered, wait=True, shared=True))


async def _judge(db: AsyncSession, rollout: Rollout, now: datetime) -> None:
    policy = WavePolicy(rollout.failure_percent, rollout.pass_percent)
    judgement = judge(policy, await started_waves(db, rollout))
    if judgement is Judgement.PAUSE:
        await _pause(db, rollout, now, StopReason.FAILURES)
    elif judgement is Judgement.NEXT and rollout.wave + 1 < rollout.wave_count:
        rollout.wave, rollout.changed_at = rollout.wave + 1, now
    elif judgement is Judgement.NEXT and not await is_open(db, rollout):
        _set_status(rollout, RolloutStatus.FINISHED, now)
        await _audit(db, None, rollout, now, "rollouts.finished")


async def _pause(db: AsyncSession, rollout: Rollout, now: datetime, reason: StopReason) -> None:
    """By the server itself."""
    _set_status(rollout, RolloutStatus.PAUSED, now, reason)
    await _audit(db, None, rollout, now, "rollouts.paused")


async def _order(
    db: AsyncSession, rollout: Rollout, waiting: Mapping[str, int], now: datetime
) -> int:
    if not waiting:
        return 0
    try:
        actor = await _ordering_actor(db, rollout)
        wish = OperationRequest(rollout.type, list(waiting), rollout.params, rollout.channel, None)
        created = await operations.create(db, actor, wish, now)
    except DomainError:  # of the whole wish; nothing was written
        await _pause(db, rollout, now, StopReason.REFUSED)
        return 0
    await _record_outcomes(db, created, waiting, now)
    return len(waiting)


async def _record_outcomes(
    db: AsyncSession, created: operations.OrderResult, targets: Mapping[str, int], now: datetime
) -> None:
    """What became of each target; a refusal that time mends only puts it off."""
    if created.accepted:
        columns = {
            "id": [targets[serial] for _, serial in created.accepted],
            "operation_id": [operation_id for operation_id, _ in created.accepted],
        }
        await update_columns(db, _TARGETS, "id", columns, {})
    put_off = [targets[each.serial_number] for each in created.refused if _is_transient(each)]
    later = update(RolloutTarget).where(RolloutTarget.id.in_(put_off))
    await db.execute(later.values(due_at=now + RETRY_DELAY))
    if left_out := [each for each in created.refused if not _is_transient(each)]:
        told: Columns = {
            "id": [targets[each.serial_number] for each in left_out],
            "refusal": [each.refusal.code for each in left_out],
            "why": [_in_words(each) for each in left_out],
        }
        await update_columns(db, _TARGETS, "id", told, {})


def _is_transient(refused: RefusedRegister) -> bool:
    return refused.refusal.code in TRANSIENT_REFUSALS


def _in_words(refused: RefusedRegister) -> dict[str, str]:
    serial, refusal, params = refused
    return {
        language.value: refusal.message(language, **params, serial_number=serial)
        for language in Language
    }


async def _waiting_targets(db: AsyncSession, rollout: Rollout, now: datetime) -> dict[str, int]:
    """A portion of registers that are to get their operations: serial number -> id of the row."""
    rows = await db.execute(
        select(RolloutTarget.serial_number, RolloutTarget.id)
        .where(
            RolloutTarget.rollout_id == rollout.id,
            RolloutTarget.wave <= rollout.wave,
            RolloutTarget.operation_id.is_(None),
            RolloutTarget.refusal.is_(None),
            RolloutTarget.due_at <= now,
        )
        .order_by(RolloutTarget.wave, RolloutTarget.id)
        .limit(PORTION)
    )
    return {serial: target_id for serial, target_id in rows}


async def _ordering_actor(db: AsyncSession, rollout: Rollout) -> Actor:
    """In whose name it orders, with the rights of today: none for one who was dismissed."""
    employee = await db.get_one(Employee, rollout.ordered_by)
    actor = to_actor(employee, 0, "")
    if not employee.active:
        raise right_needed(BY_KIND[rollout.type].right)
    return actor


async def _withdraw(db: AsyncSession, rollouts: Sequence[Rollout], now: datetime) -> int:
    """Take back a portion of what has not begun; a paused roll-out will order it anew.

    In one statement: whoever holds several operations holds them in the order of their numbers.
    """
    if not rollouts:
        return 0
    of_them = RolloutTarget.rollout_id.in_([rollout.id for rollout in rollouts])
    taken = await operations.cancel_not_begun(
        db, select(RolloutTarget.operation_id).where(of_them), now
    )
    for rollout in rollouts:
        rollout.withdrawing = len(taken) == PORTION
    paused = [each.id for each in rollouts if each.status is RolloutStatus.PAUSED]
    theirs = RolloutTarget.rollout_id.in_(paused) & RolloutTarget.operation_id.in_(taken)
    await db.execute(update(RolloutTarget).where(theirs).values(operation_id=None))
    return len(taken)


async def _audit(
    db: AsyncSession, actor: Actor | None, rollout: Rollout, now: datetime, what: str
) -> None:
    told = ("status", "reason", "type", "wave", "ordered_by")
    await audit.write(
        db,
        actor,
        now,
        what,
        [f"rollout:{rollout.id}"],
        after={name: getattr(rollout, name) for name in told},
        partner_id=rollout.partner_id,
    )
