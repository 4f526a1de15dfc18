"""Contracts, what support gives, and the end of subscriptions."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.database import insert_into
from fleet.kit.dialect import select_for_update
from fleet.subscriptions import stock
from fleet.subscriptions.catalogue import CATALOGUE, Plan
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.errors import PLAN_UNKNOWN, QUANTITY_UNFIT
from fleet.subscriptions.events import ExpiredSubscription, SubscriptionsExpired
from fleet.subscriptions.models import Grant, MovementReason, StockMovement, Subscription
from fleet.subscriptions.rules import MAX_QUANTITY

FIRST_STOCK: Final = 10
"""Of each plan, for the first partner of a demonstration."""


def find_plan(code: str, field: str = "plan") -> Plan:
    """The plan with this code, sold or not; refuses one that there is not."""
    plan = CATALOGUE.get(code)
    if plan is None:
        raise PLAN_UNKNOWN(field=field, plan=code)
    return plan


async def grant(
    db: AsyncSession, partner_id: int, entitlements: Iterable[Entitlement], now: datetime
) -> None:
    """The partner may use these services; those that were granted before stay as they are."""
    rows = [
        {"partner_id": partner_id, "entitlement": each, "granted_at": now} for each in entitlements
    ]
    await db.execute(insert_into(db, Grant).values(rows).on_conflict_do_nothing())


async def add_stock(
    db: AsyncSession, partner_id: int, plan_code: str, quantity: int, now: datetime
) -> None:
    """Give a partner subscriptions without money, and so without bonuses: support does this,
    from the command line.  Refuses an unknown plan and a quantity outside 1..10,000."""
    plan = find_plan(plan_code)
    if not 1 <= quantity <= MAX_QUANTITY:
        raise QUANTITY_UNFIT(most=MAX_QUANTITY)
    why = stock.MovementContext(MovementReason.GRANT, now)
    await stock.add_units(db, partner_id, plan.code, {0: quantity}, why)
    await audit.write(
        Act(db, None, now),
        "subscriptions.granted",
        [f"partner:{partner_id}"],
        after={"plan": plan.code, "quantity": quantity},
        partner_id=partner_id,
    )


async def give_first_stock(db: AsyncSession, partner_id: int, now: datetime) -> None:
    """A little of everything for a partner that never held any; repeating it gives nothing."""
    held = select(StockMovement.id).where(StockMovement.partner_id == partner_id).limit(1)
    if await db.scalar(held) is None:
        for code in CATALOGUE:
            await add_stock(db, partner_id, code, FIRST_STOCK, now)


async def expire_subscriptions(db: AsyncSession, now: datetime, limit: int) -> int:
    """Mark and announce a portion of the subscriptions that have ended; how many."""
    due: Select[*tuple[Any, ...]] = (
        select(Subscription.serial_number, Subscription.plan, Subscription.ends_at)
        .where(Subscription.expired_at.is_(None), Subscription.ends_at <= now)
        .order_by(Subscription.ends_at)
        .limit(limit)
    )
    expired = tuple(
        ExpiredSubscription(*row)
        for row in await db.execute(select_for_update(db, due, wait=False))
    )
    if not expired:
        return 0
    keys = [(each.serial_number, each.plan) for each in expired]
    mine = tuple_(Subscription.serial_number, Subscription.plan).in_(keys)
    await db.execute(update(Subscription).where(mine).values(expired_at=now))
    await Act(db, None, now).announce(SubscriptionsExpired(expired, now))
    return len(expired)
