"""Changes of roll-outs: starting, stopping and advancing them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts.models import Employee
from fleet.accounts.service import to_actor
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import table_of
from fleet.kit.dialect import Columns, insert_columns, select_for_update, update_columns
from fleet.kit.errors import DomainError
from fleet.kit.language import Language
from fleet.kit.verdicts import RefusedItem
from fleet.operations import ordering
from fleet.operations import service as operations
from fleet.operations.errors import right_needed
from fleet.operations.events import OperationStatusesChanged
from fleet.operations.ordering import TRANSIENT_REFUSALS, OperationRequest, OrderResult
from fleet.operations.rules import Channel, OperationStatus
from fleet.operations.types import BY_KIND
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
"""Number of roll-outs that one transaction of the worker advances."""

FAILED_STATUSES: Final = (OperationStatus.FAILED, OperationStatus.NEEDS_ATTENTION)


@dataclass(frozen=True, slots=True)
class RolloutRequest:
    """A person's request for a roll-out; ``serial_numbers`` are the partner's, each once."""

    type: str
    channel: Channel
    params: Mapping[str, Any]
    serial_numbers: Sequence[str]
    waves: Sequence[str]
    policy: WavePolicy


async def start(act: Act, request: RolloutRequest) -> int:
    """Start a roll-out and return its id; the worker orders its first wave.

    A template's content is copied now, so that every wave gets the same.  Raise a refusal for an
    unknown type, wrong parameters, a missing right or no registers.
    """
    wanted = OperationRequest(
        request.type, request.serial_numbers, request.params, request.channel, None
    )
    prepared = await ordering.read_request(act, wanted)
    if not request.serial_numbers:
        raise NO_REGISTERS()
    sizes = wave_sizes(request.waves, len(request.serial_numbers))
    rollout = Rollout(
        partner_id=act.actor.partner_id,
        created_by=act.actor.employee_id,
        type=request.type,
        channel=request.channel,
        params=dict(prepared.given),
        **request.policy._asdict(),
        status=RolloutStatus.RUNNING,
        wave=0,
        wave_count=len(sizes),
        withdrawing=False,
        looked_at=act.now,
        created_at=act.now,
        changed_at=act.now,
    )
    act.db.add(rollout)
    await act.db.flush()
    numbers = [number for number, size in enumerate(sizes) for _ in range(size)]
    columns = {"serial_number": request.serial_numbers, "wave": numbers}
    constants = {"rollout_id": rollout.id, "due_at": act.now}
    await insert_columns(act.db, _TARGETS, columns, constants)
    await _log(act, rollout, "rollouts.started")
    return rollout.id


async def pause(act: Act, rollout_id: int) -> None:
    """Pause the roll-out: order nothing new and cancel operations that have not begun."""
    rollout = await _own(act, rollout_id)
    _set_status(rollout, RolloutStatus.PAUSED, act.now, StopReason.EMPLOYEE)
    await _log(act, rollout, "rollouts.paused")


async def resume(act: Act, rollout_id: int) -> None:
    """Resume the roll-out; earlier failures do not count any more.

    From now on it orders in the actor's name: its author may have lost the right, or left.
    """
    rollout = await _own(act, rollout_id)
    _set_status(rollout, RolloutStatus.RUNNING, act.now)
    rollout.resumed_at, rollout.resumed_by = act.now, act.actor.employee_id
    await _log(act, rollout, "rollouts.resumed")


async def abort(act: Act, rollout_id: int) -> None:
    """Abort the roll-out for good; operations that have begun in a register end there."""
    rollout = await _own(act, rollout_id)
    _set_status(rollout, RolloutStatus.ABORTED, act.now, StopReason.EMPLOYEE)
    await _log(act, rollout, "rollouts.aborted")


async def _own(act: Act, rollout_id: int) -> Rollout:
    own = select(Rollout).where(Rollout.id == rollout_id, visible_to(act.actor))
    rollout: Rollout | None = await act.db.scalar(select_for_update(act.db, own, wait=True))
    if rollout is None:
        raise ROLLOUT_NOT_FOUND(id=rollout_id)
    if BY_KIND[rollout.type].right not in act.actor.rights:
        raise right_needed(BY_KIND[rollout.type].right)
    return rollout


def _set_status(
    rollout: Rollout, to: RolloutStatus, now: datetime, reason: StopReason | None = None
) -> None:
    """Move the roll-out to another status; raise a refusal if the rules do not allow it."""
    if to not in TRANSITIONS[rollout.status]:
        raise wrong_status(rollout.id, rollout.status)
    rollout.status, rollout.reason, rollout.changed_at = to, reason, now
    rollout.withdrawing = to in (RolloutStatus.PAUSED, RolloutStatus.ABORTED)
    if not TRANSITIONS[to]:
        rollout.finished_at = now


async def on_operation_statuses_changed(act: Act, fact: OperationStatusesChanged) -> None:
    """Pause at once the roll-outs in which too many operations have failed.

    A roll-out that another transaction has locked is left to the worker: a check-in must not wait.
    """
    failed = [move.operation_id for move in fact.changes if move.status in FAILED_STATUSES]
    if not failed:
        return
    touched = select(RolloutTarget.rollout_id).where(RolloutTarget.operation_id.in_(failed))
    statement = select(Rollout).where(
        Rollout.id.in_(touched), Rollout.status == RolloutStatus.RUNNING
    )
    for rollout in (await act.db.scalars(select_for_update(act.db, statement, wait=False))).all():
        await _judge(act, rollout)


async def advance_rollouts(act: Act, portion: int) -> int:
    """Order and withdraw a portion of each roll-out's operations; return the number of registers.

    Repeating it does no harm.  All registers are locked together and before any operation, in the
    order in which a batch of check-ins and a hand-over lock them.
    """
    busy = or_(Rollout.status == RolloutStatus.RUNNING, Rollout.withdrawing)
    statement = select(Rollout).where(busy).order_by(Rollout.looked_at).limit(ROLLOUTS_PORTION)
    held = select_for_update(act.db, statement, wait=False)
    rollouts: Sequence[Rollout] = (await act.db.scalars(held)).all()
    withdrawing = [rollout for rollout in rollouts if rollout.withdrawing]
    due = []
    for rollout in rollouts:
        rollout.looked_at = act.now
        if not rollout.withdrawing:
            await _judge(act, rollout)
        if rollout.status is RolloutStatus.RUNNING:
            due.append((rollout, await _waiting_targets(act, rollout, portion)))
    await _lock_registers(act.db, [serial for _, waiting in due for serial in waiting])
    ordered = [await _order(act, rollout, waiting) for rollout, waiting in due]
    return sum(ordered) + await _withdraw(act, withdrawing, portion)


async def _lock_registers(db: AsyncSession, serial_numbers: Collection[str]) -> None:
    """Lock these registers until the commit, so that none is handed over meanwhile."""
    these = select(CashRegister.serial_number).where(CashRegister.serial_number.in_(serial_numbers))
    ordered = these.order_by(CashRegister.serial_number)
    await db.execute(select_for_update(db, ordered, wait=True, shared=True))


async def _judge(act: Act, rollout: Rollout) -> None:
    policy = WavePolicy(rollout.failure_percent, rollout.pass_percent)
    judgement = judge(policy, await started_waves(act.db, rollout))
    if judgement is Judgement.PAUSE:
        await _pause(act, rollout, StopReason.FAILURES)
    elif judgement is Judgement.NEXT and rollout.wave + 1 < rollout.wave_count:
        rollout.wave, rollout.changed_at = rollout.wave + 1, act.now
    elif judgement is Judgement.NEXT and not await is_open(act.db, rollout):
        _set_status(rollout, RolloutStatus.FINISHED, act.now)
        await _log(act.by(None), rollout, "rollouts.finished")


async def _pause(act: Act, rollout: Rollout, reason: StopReason) -> None:
    """Pause the roll-out in the server's own name."""
    _set_status(rollout, RolloutStatus.PAUSED, act.now, reason)
    await _log(act.by(None), rollout, "rollouts.paused")


async def _order(act: Act, rollout: Rollout, waiting: Mapping[str, int]) -> int:
    if not waiting:
        return 0
    try:
        author = await _ordering_actor(act.db, rollout)
        request = OperationRequest(
            rollout.type, list(waiting), rollout.params, rollout.channel, None
        )
        created = await ordering.create(act.by(author), request)
    except DomainError:  # it refuses the whole request; nothing was written
        await _pause(act, rollout, StopReason.REFUSED)
        return 0
    await _record_outcomes(act, created, waiting)
    return len(waiting)


async def _record_outcomes(act: Act, created: OrderResult, targets: Mapping[str, int]) -> None:
    """Store each target's operation or refusal; a transient refusal only postpones it."""
    if created.accepted:
        columns = {
            "id": [targets[serial] for _, serial in created.accepted],
            "operation_id": [operation_id for operation_id, _ in created.accepted],
        }
        await update_columns(act.db, _TARGETS, "id", columns, {})
    put_off = [targets[each.item] for each in created.refused if _is_transient(each)]
    later = update(RolloutTarget).where(RolloutTarget.id.in_(put_off))
    await act.db.execute(later.values(due_at=act.now + RETRY_DELAY))
    if left_out := [each for each in created.refused if not _is_transient(each)]:
        told: Columns = {
            "id": [targets[each.item] for each in left_out],
            "refusal": [each.refusal.code for each in left_out],
            "why": [_in_words(each) for each in left_out],
        }
        await update_columns(act.db, _TARGETS, "id", told, {})


def _is_transient(refused: RefusedItem[str]) -> bool:
    return refused.refusal.code in TRANSIENT_REFUSALS


def _in_words(refused: RefusedItem[str]) -> dict[str, str]:
    return {language.value: refused.told(language)["message"] for language in Language}


async def _waiting_targets(act: Act, rollout: Rollout, portion: int) -> dict[str, int]:
    """Return a portion of the registers that are to get their operations.

    The result maps a serial number to the id of its row.
    """
    rows = await act.db.execute(
        select(RolloutTarget.serial_number, RolloutTarget.id)
        .where(
            RolloutTarget.rollout_id == rollout.id,
            RolloutTarget.wave <= rollout.wave,
            RolloutTarget.operation_id.is_(None),
            RolloutTarget.refusal.is_(None),
            RolloutTarget.due_at <= act.now,
        )
        .order_by(RolloutTarget.wave, RolloutTarget.id)
        .limit(portion)
    )
    return {serial: target_id for serial, target_id in rows}


async def _ordering_actor(db: AsyncSession, rollout: Rollout) -> Actor:
    """Return the employee in whose name the roll-out orders, with the rights of today.

    Raise a refusal if the employee was dismissed.
    """
    employee = await db.get_one(Employee, rollout.ordered_by)
    actor = to_actor(employee, 0, "")
    if not employee.active:
        raise right_needed(BY_KIND[rollout.type].right)
    return actor


async def _withdraw(act: Act, rollouts: Sequence[Rollout], portion: int) -> int:
    """Cancel a portion of the operations that have not begun; return how many.

    A paused roll-out will order them again.  One statement locks all of them: every transaction
    that locks several operations locks them in the order of their ids.
    """
    if not rollouts:
        return 0
    of_them = RolloutTarget.rollout_id.in_([rollout.id for rollout in rollouts])
    theirs = select(RolloutTarget.operation_id).where(of_them)
    taken = await operations.cancel_not_begun(act, theirs, portion)
    for rollout in rollouts:
        rollout.withdrawing = len(taken) == portion
    paused = [each.id for each in rollouts if each.status is RolloutStatus.PAUSED]
    again = RolloutTarget.rollout_id.in_(paused) & RolloutTarget.operation_id.in_(taken)
    await act.db.execute(update(RolloutTarget).where(again).values(operation_id=None))
    return len(taken)


async def _log(act: Act, rollout: Rollout, what: str) -> None:
    told = ("status", "reason", "type", "wave", "ordered_by")
    await audit.write(
        act,
        what,
        [f"rollout:{rollout.id}"],
        after={name: getattr(rollout, name) for name in told},
        partner_id=rollout.partner_id,
    )
