"""Buying: the catalogue, the order, its payment, and the stock that comes of it once."""

from typing import Any

import pytest

from fleet.accounts.roles import Role
from fleet.billing.events import PaymentSettled
from fleet.billing.rules import PaymentStatus
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.subscriptions.models import SubscriptionOrder
from tests.fleet.conftest import Api, Employ
from tests.fleet.subscriptions.conftest import ON_SQLITE, Shop

WISH = {"plan": "management", "quantity": 3, "agreed": True}


async def place(api: Api, **more: Any) -> Any:
    answer = await api.post("/subscriptions/orders", {**WISH, **more})
    assert answer.status == 201, answer
    return answer.json


async def test_the_catalogue_is_filtered_by_services_and_shows_the_stock(
    api: Api, anna: Actor, shop: Shop
) -> None:
    await shop.buy(anna, "complete", 4)
    everything = (await api.get("/subscriptions/plans")).json["items"]
    assert len(everything) == 11
    wanted = (await api.get("/subscriptions/plans?services=settings,tax_change")).json["items"]
    (complete,) = wanted
    assert (complete["code"], complete["available"], complete["term_days"]) == ("complete", 4, 365)
    assert complete["price_kopecks"] == 240_000 and complete["bonus_points"] == 120
    assert {"code": "settings", "name": "Register settings"} in complete["services"]
    held = (await api.get("/subscriptions/plans?available=true")).json["items"]
    assert [each["code"] for each in held] == ["complete"]
    functional = (await api.get("/subscriptions/plans?kind=functional")).json["items"]
    assert "platform_5" in [each["code"] for each in functional]
    russian = await api.get("/subscriptions/plans", headers={"Accept-Language": "ru"})
    assert russian.json["items"][0]["name"] == "Мониторинг"
    assert (await api.get("/subscriptions/plans?services=coffee")).status == 422


async def test_paid_order_adds_stock_once(api: Api, anna: Actor, shop: Shop) -> None:
    placed = await place(api)
    order = placed["order"]
    assert "/pay/sandbox/" in placed["redirect_url"]
    assert (order["status"], order["amount_kopecks"]) == ("waiting", 360_000)
    assert (order["bonus_points"], order["paid_at"]) == (150, None)
    assert await shop.stock(anna) == {}
    for _ in range(2):
        await shop.pay(order["payment_id"], 360_000)
    assert await shop.stock(anna) == {("management", 50): 3}
    shown = (await api.get(f"/subscriptions/orders/{order['id']}")).json
    assert shown["status"] == "paid" and shown["paid_at"] is not None
    # Even a fact that is told again, or is of something else, brings nothing.
    fact = PaymentSettled("p", "subscriptions", str(order["id"]), anna.partner_id, shop.clock())
    other = PaymentSettled("p", "something else", "1", anna.partner_id, shop.clock())
    async with shop.database.transaction() as db:
        await Act(db, None, shop.clock()).announce(fact)
        await Act(db, None, shop.clock()).announce(other)
    assert await shop.stock(anna) == {("management", 50): 3}


@pytest.mark.parametrize(
    ("language", "said"), [("ru", "Управление, 3 шт."), ("en", "Management, 3 pcs.")]
)
@ON_SQLITE
async def test_payment_page_describes_the_order_in_the_buyers_language(
    api: Api, anna: Actor, language: str, said: str
) -> None:
    headers = {"Accept-Language": language}
    placed = (await api.post("/subscriptions/orders", WISH, headers=headers)).json
    payment = (await api.get(f"/payments/{placed['order']['payment_id']}")).json
    assert payment["description"] == said


@ON_SQLITE
async def test_order_with_failed_payment_adds_no_stock(api: Api, anna: Actor, shop: Shop) -> None:
    failed, paid = (await place(api))["order"], (await place(api, quantity=1))["order"]
    await shop.pay(failed["payment_id"], 360_000, PaymentStatus.FAILED)
    await shop.pay(paid["payment_id"], 120_000)
    assert await shop.stock(anna) == {("management", 50): 1}
    for status, expected in (("failed", failed), ("paid", paid), ("waiting", None)):
        found = (await api.get(f"/subscriptions/orders?status={status}")).json["items"]
        assert [each["id"] for each in found] == ([expected["id"]] if expected else [])


@ON_SQLITE
async def test_the_price_of_an_order_stays_as_it_was(api: Api, anna: Actor, shop: Shop) -> None:
    """The catalogue may change between the order and its payment: the order holds its own."""
    order = (await place(api, quantity=2))["order"]
    async with shop.database.transaction() as db:
        kept = await db.get_one(SubscriptionOrder, order["id"])
        kept.bonus_points = 7
    await shop.pay(order["payment_id"], order["amount_kopecks"])
    assert await shop.stock(anna) == {("management", 7): 2}


@pytest.mark.parametrize(
    ("wish", "status", "field", "code"),
    [
        ({"agreed": False}, 422, "agreed", "rules_not_agreed"),
        ({"plan": "no_such"}, 422, "plan", "plan_unknown"),
        ({"quantity": 0}, 422, "quantity", "invalid_input"),
        ({"quantity": 10_001}, 422, "quantity", "invalid_input"),
        ({"quantity": 1.5}, 422, "quantity", "invalid_input"),
        ({"quantity": "3"}, 422, "quantity", "invalid_input"),
        ({"price_kopecks": 1}, 422, "price_kopecks", "invalid_input"),
        ({"agreed": None}, 422, "agreed", "invalid_input"),
    ],
)
@ON_SQLITE
async def test_bad_order_is_refused_and_leaves_no_trace(
    api: Api, anna: Actor, wish: dict[str, Any], status: int, field: str, code: str
) -> None:
    answer = await api.post("/subscriptions/orders", {**WISH, **wish})
    found = (answer.status, answer.json["field"], answer.json["code"])
    assert found == (status, field, code)
    assert (await api.get("/subscriptions/orders")).json["items"] == []


async def test_repeated_order_is_placed_once(api: Api, anna: Actor, shop: Shop) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await api.post("/subscriptions/orders", WISH, headers=headers)
    again = await api.post("/subscriptions/orders", WISH, headers=headers)
    assert (first.status, again.status) == (201, 201) and first.json == again.json
    assert len((await api.get("/subscriptions/orders")).json["items"]) == 1
    # Asked again after it was paid, the answer is of today.
    await shop.pay(first.json["order"]["payment_id"], 360_000)
    paid = await api.post("/subscriptions/orders", WISH, headers=headers)
    assert (paid.json["order"]["status"], paid.json["redirect_url"]) == ("paid", "")


async def test_history_is_paged_and_limited_to_the_partner(
    api: Api, anna: Actor, olga: Actor, shop: Shop
) -> None:
    ids = [(await place(api, quantity=number))["order"]["id"] for number in (1, 2, 3)]
    theirs = await shop.buy(olga, "management", 1)
    page = (await api.get("/subscriptions/orders?limit=2")).json
    rest = (await api.get(f"/subscriptions/orders?limit=2&after={page['next']}")).json
    assert [each["id"] for each in page["items"] + rest["items"]] == ids[::-1]
    answer = await api.get(f"/subscriptions/orders/{theirs}")
    assert (answer.status, answer.json["code"]) == (404, "order_not_found")


@ON_SQLITE
async def test_endpoints_check_rights(api: Api, employ: Employ) -> None:
    await employ("oleg", Role.OBSERVER)
    await api.sign_in("oleg")
    for path in ("plans", "orders", "assignments", "transfers", "movements"):
        assert (await api.get(f"/subscriptions/{path}")).status == 403
    assert (await api.post("/subscriptions/orders", WISH)).status == 403
    assert (await api.get("/subscriptions")).status == 200
