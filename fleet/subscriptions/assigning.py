"""Assignment of subscriptions to registers."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Result, Select, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import table_of
from fleet.kit.dialect import Columns, insert_columns, select_for_update
from fleet.kit.verdicts import RefusedItem, Verdicts
from fleet.registers.models import CashRegister
from fleet.registers.queries import registers_visible_to
from fleet.registers.rules import read_serials
from fleet.subscriptions import stock
from fleet.subscriptions.catalogue import Plan
from fleet.subscriptions.errors import PLAN_REPEATED, REGISTER_NOT_FOUND
from fleet.subscriptions.events import AssignedSubscription, SubscriptionsAssigned
from fleet.subscriptions.models import Assignment, MovementReason, Subscription
from fleet.subscriptions.rules import (
    MAX_YEARS_AHEAD,
    PlannedAssignment,
    Recipient,
    Span,
    allocate,
    count_units,
)
from fleet.subscriptions.service import find_plan

AssignmentResult = Verdicts[PlannedAssignment, str]
"""Assignments that were made, and serial numbers that got none with the reason."""


async def assign(act: Act, codes: Sequence[str], typed: Sequence[str]) -> AssignmentResult:
    """Assign one of each plan to each register, in the order given, while the stock lasts.

    Each register gets all of the plans or none, and a verdict of its own.  The registers are locked
    first, then the stock, so neither can be taken away meanwhile.  Raise ``PLAN_UNKNOWN`` or
    ``PLAN_REPEATED``.
    """
    plans = _find_plans(codes)
    good, unfit = read_serials(typed)
    registers = await _lock_registers(act.db, act.actor, good)
    held = await stock.lock_stock(act.db, act.actor.partner_id, codes)
    had = await terms_of(act.db, list(registers), codes)
    targets = [registers[serial] for serial in good if serial in registers]
    gifts, turned = allocate(plans, targets, had, held, act.now)
    await _take_from_stock(act, gifts)
    unknown = [
        RefusedItem(serial, REGISTER_NOT_FOUND, {"serial_number": serial})
        for serial in good
        if serial not in registers
    ]
    short = [
        RefusedItem(each.serial_number, each.refusal, _params(each.serial_number, each.plan))
        for each in turned
    ]
    return Verdicts(gifts, [*unfit, *unknown, *short])


def _find_plans(codes: Sequence[str]) -> list[Plan]:
    plans = [find_plan(code, "plans") for code in codes]
    for plan in plans:
        if codes.count(plan.code) > 1:
            raise PLAN_REPEATED(ru=plan.name_ru, en=plan.name_en)
    return plans


def _params(serial_number: str, plan: Plan) -> dict[str, Any]:
    return {
        "serial_number": serial_number,
        "ru": plan.name_ru,
        "en": plan.name_en,
        "years": MAX_YEARS_AHEAD,
    }


async def _lock_registers(
    db: AsyncSession, actor: Actor, serials: Sequence[str]
) -> dict[str, Recipient]:
    """Return the registers that the actor may see, locked in the order of serial numbers."""
    statement: Select[*tuple[Any, ...]] = (
        select(CashRegister.serial_number, CashRegister.platform, CashRegister.model)
        .where(CashRegister.serial_number.in_(serials), registers_visible_to(actor))
        .order_by(CashRegister.serial_number)
    )
    rows = await db.execute(select_for_update(db, statement, wait=True))
    return {row.serial_number: Recipient(*row) for row in rows}


async def terms_of(
    db: AsyncSession, serials: Sequence[str], codes: Sequence[str]
) -> dict[tuple[str, str], Span]:
    """Return the present or former terms of the plans, by serial number and plan."""
    columns = (Subscription.serial_number, Subscription.plan)
    rows = await db.execute(
        select(*columns, Subscription.started_at, Subscription.ends_at).where(
            Subscription.serial_number.in_(serials), Subscription.plan.in_(codes)
        )
    )
    return {(serial, plan): Span(started_at, ends_at) for serial, plan, started_at, ends_at in rows}


async def _take_from_stock(act: Act, gifts: Sequence[PlannedAssignment]) -> None:
    if not gifts:
        return
    why = stock.MovementContext(MovementReason.ASSIGNMENT, act.now, act.actor.employee_id)
    await stock.take_units(act.db, act.actor.partner_id, count_units(gifts), why)
    await _save_terms(act.db, gifts)
    assigned = await _write_history(act, gifts)
    plans = sorted({gift.plan for gift in gifts})
    objects = [f"register:{serial}" for serial in sorted({gift.serial_number for gift in gifts})]
    await audit.write(act, "subscriptions.assigned", objects, after={"plans": plans})
    await act.announce(SubscriptionsAssigned(assigned, act.now))


async def _save_terms(db: AsyncSession, gifts: Sequence[PlannedAssignment]) -> None:
    columns: Columns = {
        "serial_number": [gift.serial_number for gift in gifts],
        "plan": [gift.plan for gift in gifts],
        "started_at": [gift.span.started_at for gift in gifts],
        "ends_at": [gift.span.ends_at for gift in gifts],
        "expired_at": [None for _ in gifts],
    }
    table = table_of(Subscription)
    await insert_columns(db, table, columns, {}, replace_on="serial_number, plan")


async def _write_history(
    act: Act, gifts: Sequence[PlannedAssignment]
) -> tuple[AssignedSubscription, ...]:
    rows = [
        {
            "partner_id": act.actor.partner_id,
            "employee_id": act.actor.employee_id,
            "serial_number": gift.serial_number,
            "plan": gift.plan,
            "bonus_points": gift.bonus_points,
            "starts_at": gift.starts_at,
            "ends_at": gift.span.ends_at,
            "at": act.now,
        }
        for gift in gifts
    ]
    columns = (Assignment.id, Assignment.partner_id, Assignment.employee_id)
    facts = (Assignment.serial_number, Assignment.plan, Assignment.bonus_points)
    inserted: Result[*tuple[Any, ...]] = await act.db.execute(
        insert(Assignment).returning(*columns, *facts), rows
    )
    return tuple(AssignedSubscription(*row) for row in inserted)
