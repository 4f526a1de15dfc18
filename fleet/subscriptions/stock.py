"""The stock of partners: a balance that never falls below zero, and the list of its movements.

``lock_stock`` locks the rows before units are taken.  All callers lock in the same order, so each
of several simultaneous callers sees what the one before left.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import case, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.database import insert_into, table_of
from fleet.kit.dialect import Columns, insert_columns, select_for_update
from fleet.subscriptions.models import MovementReason, Stock, StockMovement
from fleet.subscriptions.rules import Units

_STOCK, _MOVEMENTS = table_of(Stock), table_of(StockMovement)


class MovementContext(NamedTuple):
    """Cause of a movement; ``reference`` is the number of the order or the transfer."""

    reason: MovementReason
    at: datetime
    employee_id: int | None = None
    reference: int | None = None


async def add_units(
    db: AsyncSession, partner_id: int, plan: str, units: Units, why: MovementContext
) -> None:
    """Add units to the partner's stock and record the movements."""
    rows = [
        {"partner_id": partner_id, "plan": plan, "bonus_points": points, "quantity": count}
        for points, count in sorted(units.items())
    ]
    insert = insert_into(db, _STOCK).values(rows)
    more = {"quantity": _STOCK.c.quantity + insert.excluded.quantity}
    key = ["partner_id", "plan", "bonus_points"]
    await db.execute(insert.on_conflict_do_update(index_elements=key, set_=more))
    await _record_movements(
        db, partner_id, {(plan, points): count for points, count in units.items()}, why
    )


async def lock_stock(
    db: AsyncSession, partner_id: int, plans: Collection[str], *, with_partner: int | None = None
) -> dict[str, dict[int, int]]:
    """Return the partner's units by plan and points, locked until the commit.

    The rows of ``with_partner`` are locked too, so that simultaneous transfers of two partners to
    each other follow one another.
    """
    columns = _STOCK.c
    whose = [partner_id] if with_partner is None else [partner_id, with_partner]
    statement = (
        select(columns.partner_id, columns.plan, columns.bonus_points, columns.quantity)
        .where(columns.partner_id.in_(whose), columns.plan.in_(plans))
        .order_by(columns.partner_id, columns.plan, columns.bonus_points)
    )
    held: dict[str, dict[int, int]] = {}
    for owner, plan, points, quantity in await db.execute(
        select_for_update(db, statement, wait=True)
    ):
        if owner == partner_id:
            held.setdefault(plan, {})[points] = quantity
    return held


async def take_units(
    db: AsyncSession, partner_id: int, taken: Mapping[tuple[str, int], int], why: MovementContext
) -> None:
    """Remove units (by plan and points) from locked stock in one statement.

    Record the movements.
    """
    if not taken:
        return
    columns = _STOCK.c
    key = tuple_(columns.plan, columns.bonus_points)
    mine = (columns.partner_id == partner_id) & key.in_(list(taken))
    of_row: list[tuple[Any, Any]] = [
        ((columns.plan == plan) & (columns.bonus_points == points), count)
        for (plan, points), count in taken.items()
    ]
    less = columns.quantity - case(*of_row, else_=0)
    await db.execute(update(_STOCK).where(mine).values(quantity=less))
    await _record_movements(db, partner_id, {key: -count for key, count in taken.items()}, why)


async def _record_movements(
    db: AsyncSession, partner_id: int, changes: Mapping[tuple[str, int], int], why: MovementContext
) -> None:
    columns: Columns = {
        "plan": [plan for plan, _ in changes],
        "bonus_points": [points for _, points in changes],
        "change": list(changes.values()),
    }
    await insert_columns(db, _MOVEMENTS, columns, {"partner_id": partner_id, **why._asdict()})


async def available(db: AsyncSession, partner_id: int) -> dict[str, int]:
    """Return how many of each plan the partner can assign."""
    columns = _STOCK.c
    total = select(columns.plan, func.sum(columns.quantity)).group_by(columns.plan)
    rows = await db.execute(total.where(columns.partner_id == partner_id))
    return {plan: int(quantity) for plan, quantity in rows}
