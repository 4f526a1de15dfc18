"""Refunds: what was paid back leaves the stock, never more than it holds, and the order says so."""

from typing import Any

from fleet.billing.events import PaymentRefunded
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.subscriptions.service import add_stock
from tests.fleet.conftest import Api
from tests.fleet.subscriptions.conftest import ON_SQLITE, Shop, serial

PRICE = 120_000
"""Of one "management"."""


async def bought(api: Api, shop: Shop, anna: Actor, quantity: int) -> Any:
    """The order, paid."""
    order_id = await shop.buy(anna, "management", quantity)
    return (await api.get(f"/subscriptions/orders/{order_id}")).json


async def refunds(api: Api, order_id: int) -> tuple[int, int, int]:
    """What the order says: kopecks, taken back, not taken back."""
    found = (await api.get(f"/subscriptions/orders/{order_id}")).json
    (row,) = (await api.get("/subscriptions/orders?limit=1")).json["items"]
    assert row == found and found["status"] == "paid"
    return found["refunded_kopecks"], found["taken_back"], found["not_taken_back"]


async def test_refunded_units_leave_the_stock(api: Api, anna: Actor, shop: Shop) -> None:
    order = await bought(api, shop, anna, 5)
    await shop.refund(order["payment_id"], 2 * PRICE)
    assert await shop.stock(anna) == {("management", 50): 3}
    assert await refunds(api, order["id"]) == (2 * PRICE, 2, 0)
    (movement, _) = (await api.get("/subscriptions/movements")).json["items"]
    told = (movement["reason"], movement["change"], movement["reference"], movement["employee_id"])
    assert told == ("refund", -2, order["id"], None)
    narrowed = (await api.get("/subscriptions/movements?reason=refund")).json["items"]
    assert narrowed == [movement]
    left = (await api.get(f"/subscriptions/orders/{order['id']}")).json
    assert (order["bonus_points"], left["bonus_points"]) == (5 * 50, 3 * 50)


async def test_partial_refunds_are_added_up_to_whole_units(
    api: Api, anna: Actor, shop: Shop
) -> None:
    order = await bought(api, shop, anna, 2)
    left = []
    for name in "1234":
        await shop.refund(order["payment_id"], PRICE // 2, name)
        left.append(sum((await shop.stock(anna)).values()))
    assert left == [2, 1, 1, 0]
    assert await refunds(api, order["id"]) == (2 * PRICE, 2, 0)


async def test_assigned_units_stay_after_a_refund_and_are_counted(
    api: Api, anna: Actor, olga: Actor, shop: Shop
) -> None:
    await shop.settle(anna, [serial(number) for number in range(3)])
    order = await bought(api, shop, anna, 5)
    wish = {"plans": ["management"], "serial_numbers": [serial(number) for number in range(3)]}
    await api.post("/subscriptions/assign", wish)
    await shop.refund(order["payment_id"], 5 * PRICE)
    assert await shop.stock(anna) == {}
    assert await refunds(api, order["id"]) == (5 * PRICE, 2, 3)
    # What comes later is another purchase, and stays.
    await shop.buy(anna, "management", 1)
    assert await shop.stock(anna) == {("management", 50): 1}
    refused = (await api.post("/subscriptions/assign", wish)).json["refused"]
    assert [each["reason"] for each in refused] == ["stock_short"] * 2


@ON_SQLITE
async def test_refund_ignores_gifts_and_other_purposes(api: Api, anna: Actor, shop: Shop) -> None:
    order = await bought(api, shop, anna, 1)
    wish = {"plans": ["management"], "serial_numbers": [serial(1)]}
    await shop.settle(anna, [serial(1)])
    await api.post("/subscriptions/assign", wish)
    async with shop.database.transaction() as db:
        await add_stock(Act(db, None, shop.clock()), anna.partner_id, "management", 4)
        its = ("p", "something else", "1", anna.partner_id, PRICE, PRICE, shop.clock())
        await Act(db, None, shop.clock()).announce(PaymentRefunded(*its))
    await shop.refund(order["payment_id"], PRICE)
    assert await shop.stock(anna) == {("management", 0): 4}
    assert await refunds(api, order["id"]) == (PRICE, 0, 1)
