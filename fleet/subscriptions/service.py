"""Contracts, subscriptions given by support, and the end of subscriptions."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Select, select, tuple_, update

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
"""Units of each plan for the first partner of a demonstration."""


def find_plan(code: str, field: str = "plan") -> Plan:
    """Return the plan with this code, on sale or not; raise ``PLAN_UNKNOWN`` for ``field``."""
    plan = CATALOGUE.get(code)
    if plan is None:
        raise PLAN_UNKNOWN(field=field, plan=code)
    return plan


async def grant(act: Act, partner_id: int, entitlements: Iterable[Entitlement]) -> None:
    """Permit the partner these services by contract; repeating it changes nothing."""
    rows = [
        {"partner_id": partner_id, "entitlement": each, "granted_at": act.now}
        for each in entitlements
    ]
    await act.db.execute(insert_into(act.db, Grant).values(rows).on_conflict_do_nothing())


async def add_stock(act: Act, partner_id: int, plan_code: str, quantity: int) -> None:
    """Give a partner subscriptions without money and without bonus points.

    Support does this from the command line.  Raise ``PLAN_UNKNOWN``, or ``QUANTITY_UNFIT`` for a
    quantity outside 1..10,000.
    """
    plan = find_plan(plan_code)
    if not 1 <= quantity <= MAX_QUANTITY:
        raise QUANTITY_UNFIT(most=MAX_QUANTITY)
    why = stock.MovementContext(MovementReason.GRANT, act.now)
    await stock.add_units(act.db, partner_id, plan.code, {0: quantity}, why)
    await audit.write(
        act,
        "subscriptions.granted",
        [f"partner:{partner_id}"],
        after={"plan": plan.code, "quantity": quantity},
        partner_id=partner_id,
    )


async def give_first_stock(act: Act, partner_id: int) -> None:
    """Give ``FIRST_STOCK`` of each plan to a partner that never had any subscription."""
    held = select(StockMovement.id).where(StockMovement.partner_id == partner_id).limit(1)
    if await act.db.scalar(held) is None:
        for code in CATALOGUE:
            await add_stock(act, partner_id, code, FIRST_STOCK)


async def expire_subscriptions(act: Act, limit: int) -> int:
    """Mark and announce at most ``limit`` subscriptions that have ended; return how many."""
    due: Select[*tuple[Any, ...]] = (
        select(Subscription.serial_number, Subscription.plan, Subscription.ends_at)
        .where(Subscription.expired_at.is_(None), Subscription.ends_at <= act.now)
        .order_by(Subscription.ends_at)
        .limit(limit)
    )
    expired = tuple(
        ExpiredSubscription(*row)
        for row in await act.db.execute(select_for_update(act.db, due, wait=False))
    )
    if not expired:
        return 0
    keys = [(each.serial_number, each.plan) for each in expired]
    mine = tuple_(Subscription.serial_number, Subscription.plan).in_(keys)
    await act.db.execute(update(Subscription).where(mine).values(expired_at=act.now))
    await act.announce(SubscriptionsExpired(expired, act.now))
    return len(expired)
