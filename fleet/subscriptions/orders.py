"""Purchase of subscriptions: the order, the effects of its payment and of a refund."""

from typing import Final

from sqlalchemy import update

from fleet.audit import service as audit
from fleet.billing.events import PaymentRefunded, PaymentSettled
from fleet.billing.service import open_payment
from fleet.kit.act import Act
from fleet.kit.language import BilingualText
from fleet.subscriptions import stock
from fleet.subscriptions.catalogue import Plan
from fleet.subscriptions.errors import NOT_SOLD, TERMS_NOT_ACCEPTED
from fleet.subscriptions.models import MovementReason, SubscriptionOrder
from fleet.subscriptions.rules import newly_refunded_units
from fleet.subscriptions.service import find_plan

PURPOSE: Final = "subscriptions"
"""Purpose of the payments of orders; their reference is the id of the order."""

PIECES_UNIT: Final = BilingualText("шт.", "pcs.")


async def place_order(act: Act, plan_code: str, quantity: int, agreed: bool) -> SubscriptionOrder:
    """Order subscriptions at today's price and open the payment; return the order.

    The payment's description is in the language of the request.  Raise ``PLAN_UNKNOWN``,
    ``NOT_SOLD`` or ``TERMS_NOT_ACCEPTED``.
    """
    plan = _on_sale(plan_code)
    if not agreed:
        raise TERMS_NOT_ACCEPTED()
    new = SubscriptionOrder(
        partner_id=act.actor.partner_id,
        employee_id=act.actor.employee_id,
        plan=plan.code,
        quantity=quantity,
        price_kopecks=plan.price_kopecks,
        bonus_points=plan.bonus_points,
        created_at=act.now,
    )
    act.db.add(new)
    await act.db.flush()
    pieces = PIECES_UNIT.in_language(act.language)
    payment = await open_payment(
        act,
        partner_id=act.actor.partner_id,
        employee_id=act.actor.employee_id,
        amount_kopecks=quantity * plan.price_kopecks,
        purpose=PURPOSE,
        reference=str(new.id),
        description=f"{plan.name(act.language)}, {quantity} {pieces}",
    )
    new.payment_id = payment.id
    await act.db.flush()
    after = {"plan": plan.code, "quantity": quantity, "price_kopecks": plan.price_kopecks}
    await audit.write(act, "subscriptions.ordered", [f"order:{new.id}"], after=after)
    return new


def _on_sale(code: str) -> Plan:
    plan = find_plan(code)
    if not plan.sold:
        raise NOT_SOLD(ru=plan.name_ru, en=plan.name_en)
    return plan


async def on_payment_settled(act: Act, fact: PaymentSettled) -> None:
    """Add the paid units to the stock; a repeated announcement changes nothing."""
    if fact.purpose != PURPOSE:
        return
    unpaid = (SubscriptionOrder.id == int(fact.reference)) & SubscriptionOrder.paid_at.is_(None)
    paid = update(SubscriptionOrder).where(unpaid).values(paid_at=fact.at)
    columns = (
        SubscriptionOrder.id,
        SubscriptionOrder.partner_id,
        SubscriptionOrder.employee_id,
        SubscriptionOrder.plan,
    )
    found = await act.db.execute(
        paid.returning(*columns, SubscriptionOrder.bonus_points, SubscriptionOrder.quantity)
    )
    for order_id, partner_id, employee_id, plan, points, quantity in found:
        why = stock.MovementContext(MovementReason.PURCHASE, fact.at, employee_id, order_id)
        await stock.add_units(act.db, partner_id, plan, {points: quantity}, why)


async def on_payment_refunded(act: Act, fact: PaymentRefunded) -> None:
    """Remove the refunded units from the stock, as far as units with the order's points remain.

    Units that were assigned or transferred stay there, and the order shows their number.
    """
    if fact.purpose != PURPOSE:
        return
    order = await act.db.get_one(SubscriptionOrder, int(fact.reference))
    before = fact.refunded_kopecks - fact.amount_kopecks
    count = newly_refunded_units(order.price_kopecks, before, fact.refunded_kopecks)
    held = (await stock.lock_stock(act.db, order.partner_id, [order.plan])).get(order.plan, {})
    taken = min(count, held.get(order.bonus_points, 0))
    order.taken_back += taken
    if taken:
        why = stock.MovementContext(MovementReason.REFUND, fact.at, reference=order.id)
        await stock.take_units(
            act.db, order.partner_id, {(order.plan, order.bonus_points): taken}, why
        )
