"""Bonuses: points when a bought subscription is assigned, once; per client and per employee."""

from typing import Any

import pytest

from fleet.accounts.roles import Role
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.subscriptions.service import add_stock
from tests.fleet.conftest import Api, Employ
from tests.fleet.subscriptions import conftest as subscriptions
from tests.fleet.subscriptions.conftest import ON_SQLITE, Shop, serial

database = subscriptions.database
shop = subscriptions.shop
anna = subscriptions.anna
olga = subscriptions.olga

ONE, TWO, THREE = serial(1), serial(2), serial(3)
FLOWERS, BAKERY = "7707083893", "7736050003"


@pytest.fixture(autouse=True)
async def registers(shop: Shop, anna: Actor) -> None:
    await shop.settle(anna, [ONE, TWO], owner_inn=FLOWERS, owner_name="ООО Ромашка")
    await shop.settle(anna, [THREE], owner_inn=BAKERY, owner_name="ООО Хлеб")


async def give(api: Api, plan: str, *serials: str) -> None:
    body = {"plans": [plan], "serial_numbers": list(serials)}
    answer = await api.post("/subscriptions/assign", body)
    assert answer.status == 200 and answer.json["refused"] == []


async def balance(api: Api) -> Any:
    return (await api.get("/bonuses/balance")).json


async def test_points_are_accrued_at_assignment_not_at_purchase(
    api: Api, anna: Actor, shop: Shop
) -> None:
    await shop.buy(anna, "management", 3)
    assert await balance(api) == {"points": 0, "assignments": 0}
    await give(api, "management", ONE, THREE)
    assert await balance(api) == {"points": 100, "assignments": 2}
    rows = (await api.get("/bonuses")).json["items"]
    assert [(row["serial_number"], row["client_inn"], row["points"]) for row in rows] == [
        (THREE, BAKERY, 50),
        (ONE, FLOWERS, 50),
    ]
    (order,) = (await api.get("/subscriptions/orders")).json["items"]
    assert order["bonus_points"] == 150
    assigned = (await api.get("/subscriptions/assignments")).json["items"]
    assert [each["bonus_points"] for each in assigned] == [50, 50]


@ON_SQLITE
async def test_units_given_by_support_bring_no_points(api: Api, anna: Actor, shop: Shop) -> None:
    async with shop.database.transaction() as db:
        await add_stock(Act(db, None, shop.clock()), anna.partner_id, "management", 1)
    await give(api, "management", ONE)
    assert await balance(api) == {"points": 0, "assignments": 0}


@ON_SQLITE
async def test_points_go_to_the_employee_who_assigns(
    api: Api, anna: Actor, olga: Actor, shop: Shop
) -> None:
    """They were paid for with the subscription, so they go with it, and come once."""
    await shop.buy(olga, "management", 2)
    await api.sign_in("olga")
    wish = {"plan": "management", "to": "anna", "quantity": 1}
    assert (await api.post("/subscriptions/transfers", wish)).status == 201
    await api.sign_in("anna")
    await give(api, "management", ONE)
    assert await balance(api) == {"points": 50, "assignments": 1}
    await api.sign_in("olga")
    assert await balance(api) == {"points": 0, "assignments": 0}
    assert (await api.get("/bonuses")).json["items"] == []


@pytest.fixture
async def shared(api: Api, anna: Actor, shop: Shop, employ: Employ) -> Actor:
    """Anna assigns two, the manager mark one."""
    mark = await employ("mark", Role.MANAGER, anna.partner_id)
    await shop.buy(anna, "management", 2)
    await shop.buy(anna, "monitoring", 1)
    await give(api, "management", ONE, THREE)
    await api.sign_in("mark")
    await give(api, "monitoring", TWO)
    return mark


async def test_points_are_summed_per_client(api: Api, shared: Actor) -> None:
    first = (await api.get("/bonuses/clients?limit=1")).json
    rest = (await api.get(f"/bonuses/clients?limit=1&after={first['next']}")).json
    assert rest["next"] is None
    assert first["items"] + rest["items"] == [
        {"client_inn": FLOWERS, "client_name": "ООО Ромашка", "points": 70, "assignments": 2},
        {"client_inn": BAKERY, "client_name": "ООО Хлеб", "points": 50, "assignments": 1},
    ]
    found = (await api.get(f"/bonuses?client={FLOWERS}")).json["items"]
    assert [each["points"] for each in found] == [20, 50]
    assert [
        each["points"] for each in (await api.get("/bonuses?plan=monitoring")).json["items"]
    ] == [20]


@ON_SQLITE
async def test_only_administrators_see_points_per_employee(
    api: Api, anna: Actor, shared: Actor
) -> None:
    assert (await api.get("/bonuses/employees")).status == 403
    assert {each["employee_id"] for each in (await api.get("/bonuses")).json["items"]} == {None}
    mine = await api.get(f"/bonuses?employee_id={shared.employee_id}")
    assert [each["points"] for each in mine.json["items"]] == [20]
    refused = await api.get(f"/bonuses?employee_id={anna.employee_id}")
    assert (refused.status, refused.json["code"]) == (403, "only_your_own")
    await api.sign_in("anna")
    rows = (await api.get("/bonuses/employees")).json["items"]
    assert [(row["login"], row["points"], row["assignments"]) for row in rows] == [
        ("anna", 100, 2),
        ("mark", 20, 1),
    ]
    found = (await api.get(f"/bonuses?employee_id={shared.employee_id}")).json["items"]
    assert [each["employee_id"] for each in found] == [shared.employee_id]


async def test_limited_employee_sees_points_of_registers_in_scope(
    api: Api, anna: Actor, shared: Actor, shop: Shop
) -> None:
    await shop.limit("mark")
    assert await balance(api) == {"points": 0, "assignments": 0}
    assert (await api.get("/bonuses/clients")).json["items"] == []
    assert (await api.get("/bonuses")).json["items"] == []
