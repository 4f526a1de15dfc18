"""Transfers: by UUID or login, a number or all, by Administrator+ only."""

from typing import Any

import pytest
from sqlalchemy import update

from fleet.accounts.models import Employee
from fleet.accounts.roles import Role
from fleet.kit.actor import Actor
from fleet.subscriptions.transfers import MAX_NEW_RECIPIENTS
from tests.fleet.conftest import Answer, Api, Employ
from tests.fleet.subscriptions.conftest import ON_SQLITE, Shop


@pytest.fixture
async def plus(api: Api, olga: Actor, anna: Actor, shop: Shop) -> Api:
    """Olga, Administrator+, has ten to give; anna is the receiver."""
    await shop.buy(olga, "management", 10)
    assert (await api.sign_in("olga")).status == 200
    return api


async def send(api: Api, **wish: Any) -> Answer:
    body = {"plan": "management", "to": "anna", **wish}
    return await api.post("/subscriptions/transfers", body)


async def test_quantity_is_transferred_by_login(
    plus: Api, olga: Actor, anna: Actor, shop: Shop
) -> None:
    body = {"plan": "management", "to": " Anna", "quantity": 4}
    shown = (await plus.post("/subscriptions/transfers/preview", body)).json
    assert (shown["partner_name"], shown["quantity"], shown["left"]) == ("of anna", 4, 6)
    assert shown["partner_uuid"] == await shop.uuid(anna)
    assert await shop.stock(anna) == {}
    assert (await plus.post("/subscriptions/transfers", body)).status == 201
    # The points that were bought with them go with them.
    assert await shop.stock(anna) == {("management", 50): 4}
    assert await shop.stock(olga) == {("management", 50): 6}


async def test_all_units_are_transferred_by_uuid(
    plus: Api, olga: Actor, anna: Actor, shop: Shop
) -> None:
    uuid = (await shop.uuid(anna)).upper()
    answer = await send(plus, to=uuid, all=True)
    assert (answer.status, answer.json["quantity"]) == (201, 10)
    assert await shop.stock(olga) == {} and await shop.stock(anna) == {("management", 50): 10}
    again = await send(plus, to=uuid, all=True)
    assert (again.status, again.json["code"]) == (409, "none_left")


async def test_login_that_equals_a_uuid_diverts_no_transfer(
    plus: Api, olga: Actor, anna: Actor, shop: Shop, employ: Employ
) -> None:
    uuid = await shop.uuid(anna)
    # Olga's partner is the older one: it would be found first.
    await employ(uuid, partner_id=olga.partner_id)
    assert (await send(plus, to=uuid, all=True)).status == 201
    assert await shop.stock(anna) == {("management", 50): 10}


@pytest.mark.parametrize(
    ("wish", "status", "field", "code"),
    [
        ({"quantity": 11}, 409, "quantity", "not_so_many"),
        ({"quantity": 1, "plan": "monitoring"}, 409, "quantity", "not_so_many"),
        ({"quantity": 1, "plan": "no_such"}, 422, "plan", "plan_unknown"),
        ({"quantity": 1, "to": "nobody"}, 404, "to", "partner_not_found"),
        ({"quantity": 1, "to": "olga"}, 422, "to", "same_partner"),
        ({"quantity": 1, "all": True}, 422, "quantity", "quantity_or_all"),
        ({}, 422, "quantity", "quantity_or_all"),
        ({"quantity": 0}, 422, "quantity", "invalid_input"),
        ({"quantity": -1}, 422, "quantity", "invalid_input"),
        ({"quantity": 1, "to": ""}, 422, "to", "invalid_input"),
    ],
)
@ON_SQLITE
@pytest.mark.parametrize("path", ["/subscriptions/transfers", "/subscriptions/transfers/preview"])
async def test_impossible_transfer_is_refused(
    plus: Api,
    olga: Actor,
    shop: Shop,
    path: str,
    wish: dict[str, Any],
    status: int,
    field: str,
    code: str,
) -> None:
    answer = await plus.post(path, {"plan": "management", "to": "anna", **wish})
    found = (answer.status, answer.json["field"], answer.json["code"])
    assert found == (status, field, code)
    assert await shop.stock(olga) == {("management", 50): 10}


async def test_both_partners_see_the_transfer_but_recipient_sees_no_employee(
    plus: Api, olga: Actor, anna: Actor
) -> None:
    await send(plus, quantity=3)
    (sent,) = (await plus.get("/subscriptions/transfers")).json["items"]
    assert (sent["direction"], sent["partner_name"], sent["quantity"]) == ("sent", "of anna", 3)
    assert sent["employee_id"] == olga.employee_id
    assert (await plus.get("/subscriptions/transfers?direction=received")).json["items"] == []
    await plus.sign_in("anna")
    (received,) = (await plus.get("/subscriptions/transfers?direction=received")).json["items"]
    assert (received["direction"], received["partner_name"]) == ("received", "of olga")
    assert received["employee_id"] is None
    book = (await plus.get("/subscriptions/movements")).json["items"]
    assert [(each["reason"], each["change"]) for each in book] == [("transfer_in", 3)]


@ON_SQLITE
async def test_only_an_administrator_plus_transfers(plus: Api, anna: Actor, shop: Shop) -> None:
    await send(plus, quantity=3)
    await plus.sign_in("anna")
    for path in ("/subscriptions/transfers", "/subscriptions/transfers/preview"):
        answer = await plus.post(path, {"plan": "management", "to": "olga", "quantity": 1})
        assert answer.status == 403
    assert await shop.stock(anna) == {("management", 50): 3}


@ON_SQLITE
async def test_recipient_needs_an_employee_who_can_assign(
    plus: Api, olga: Actor, anna: Actor, shop: Shop, employ: Employ
) -> None:
    await employ("oleg", Role.OBSERVER, anna.partner_id)
    await employ("helper", Role.SUPPORT_OPERATOR)
    async with shop.database.transaction() as db:
        await db.execute(update(Employee).where(Employee.login == "anna").values(active=False))
    for to in (await shop.uuid(anna), "oleg", "helper"):
        answer = await send(plus, to=to, quantity=1)
        assert (answer.status, answer.json["code"]) == (404, "partner_not_found")
    await employ("lev", Role.MANAGER, anna.partner_id)
    assert (await send(plus, to="oleg", quantity=1)).status == 201


async def test_guessing_recipients_is_limited(
    plus: Api, olga: Actor, anna: Actor, shop: Shop, employ: Employ
) -> None:
    assert (await send(plus, quantity=1)).status == 201
    body = {"plan": "management", "quantity": 1}
    guess = "/subscriptions/transfers/preview"
    for number in range(MAX_NEW_RECIPIENTS - 1):
        answer = await plus.post(guess, {**body, "to": f"guess{number}"})
        assert answer.status == 404
    await employ("boris")
    for to in ("boris", "nobody"):  # it does not matter whether there is such a one
        answer = await plus.post(guess, {**body, "to": to})
        assert (answer.status, answer.json["code"]) == (429, "too_many_attempts")
    assert (await send(plus, to="boris", quantity=1)).status == 429
    # Who got something before is known anyway.
    assert (await send(plus, quantity=1)).status == 201
    shop.clock.forward(minutes=16)
    assert (await plus.post(guess, {**body, "to": "boris"})).status == 200


@ON_SQLITE
async def test_repeated_transfer_is_made_once(plus: Api, anna: Actor, shop: Shop) -> None:
    for _ in range(2):
        body = {"plan": "management", "to": "anna", "quantity": 2}
        headers = {"Idempotency-Key": "t"}
        await plus.post("/subscriptions/transfers", body, headers=headers)
    assert await shop.stock(anna) == {("management", 50): 2}
