"""Buying a subscription, paying for it, assigning it, using it, and passing some on.

ATOL Connect manual, «Покупка подписки», «Назначение подписки», «Передача подписки».
"""

import re
from typing import Any

from sqlalchemy import delete, select
from yarl import URL

from fleet.accounts import creation as founding
from fleet.accounts.models import Employee
from fleet.accounts.roles import Role
from fleet.billing.sandbox import CARDS
from fleet.kit.act import Act
from fleet.subscriptions.models import Grant
from protocol.platforms import Platform
from tests.fleet.conftest import PASSWORD
from tests.journeys.conftest import Deployment

CARD, DECLINED = list(CARDS)[:2]
HOST_SETTING = {"settings": {"278": "cabinet.example"}}


async def without_contract(town: Deployment) -> None:
    """Services only by subscriptions from now on."""
    async with town.gateway.database.transaction() as db:
        await db.execute(delete(Grant))


async def hire(town: Deployment, colleague_of: str, login: str, role: Role) -> None:
    """An employee of a role that only support gives."""
    async with town.gateway.database.transaction() as db:
        mine = select(Employee.partner_id).where(Employee.login == colleague_of)
        await founding.create_employee(
            Act(db, None, town.clock()),
            partner_id=(await db.scalars(mine)).one(),
            login=login,
            full_name=login.title(),
            role=role,
            password=PASSWORD,
        )


async def buy(town: Deployment, plan: str, quantity: int, card: str = CARD) -> str:
    """Agree to the rules, go to the payment page, pay; the status of the order afterwards."""
    wish = {"plan": plan, "quantity": quantity, "agreed": True}
    placed = (await town.api.post("/subscriptions/orders", wish)).json
    page, client = URL(placed["redirect_url"]).path, town.api.client
    async with client.get(page) as answer:
        token = re.search(r'name="token" value="(\w+)"', await answer.text())
    assert token is not None
    form = {"number": card, "term": "07/31", "cvc": "123", "choice": "pay", "token": token[1]}
    async with client.post(page, data=form, allow_redirects=False) as answer:
        assert answer.status == 303
    order = await town.api.get(f"/subscriptions/orders/{placed['order']['id']}")
    return str(order.json["status"])


async def available(town: Deployment) -> dict[str, int]:
    plans = (await town.api.get("/subscriptions/plans?available=true")).json["items"]
    return {plan["code"]: plan["available"] for plan in plans}


async def try_settings(town: Deployment, serial_number: str) -> Any:
    order = {"type": "settings_upload", "serial_numbers": [serial_number], "params": HOST_SETTING}
    return (await town.api.post("/operations", order)).json


async def test_subscription_is_bought_assigned_and_transferred(town: Deployment) -> None:
    await without_contract(town)
    register = await town.enrol_and_check_in(Platform.V5_0)
    number = register.serial_number
    (refused,) = (await try_settings(town, number))["refused"]
    assert refused["reason"] == "not_entitled" and "'Management'" in refused["message"]

    with_settings = (await town.api.get("/subscriptions/plans?services=settings")).json["items"]
    assert "management" in [plan["code"] for plan in with_settings]
    assert await buy(town, "management", 5, DECLINED) == "failed"
    assert await available(town) == {}
    assert await buy(town, "management", 5) == "paid"
    assert await available(town) == {"management": 5}

    wish = {"plans": ["management"], "serial_numbers": [number]}
    given = (await town.api.post("/subscriptions/assign", wish)).json
    assert given["refused"] == [] and given["available"] == {"management": 4}
    assert (await try_settings(town, number))["refused"] == []
    assert (await town.call(register)).accepted
    assert register.memory.value(278) == "cabinet.example"

    await hire(town, "anna", "boss", Role.ADMINISTRATOR_PLUS)
    await town.employ("olga")
    await town.sign_in("boss")
    offer = {"plan": "management", "to": "olga", "all": True}
    preview = (await town.api.post("/subscriptions/transfers/preview", offer)).json
    assert (preview["partner_name"], preview["quantity"], preview["left"]) == ("of olga", 4, 0)
    assert (await town.api.post("/subscriptions/transfers", offer)).status == 201
    assert await available(town) == {}
    (sent,) = (await town.api.get("/subscriptions/transfers")).json["items"]
    assert (sent["direction"], sent["quantity"]) == ("sent", 4)
    await town.sign_in("olga")
    assert await available(town) == {"management": 4}


async def test_expired_subscription_is_renewed_after_a_year(town: Deployment) -> None:
    await without_contract(town)
    register = await town.enrol_and_check_in(Platform.V5_0)
    number = register.serial_number
    assert await buy(town, "management", 2) == "paid"
    wish = {"plans": ["management"], "serial_numbers": [number]}
    await town.api.post("/subscriptions/assign", wish)
    town.clock.forward(days=350)
    await town.sign_in("anna")
    soon = (await town.api.get("/subscriptions?ends_within_days=30")).json["items"]
    assert [each["serial_number"] for each in soon] == [number]
    town.clock.forward(days=15)
    await town.work()
    await town.sign_in("anna")
    assert (await try_settings(town, number))["refused"][0]["reason"] == "not_entitled"
    tab = (await town.api.get(f"/registers/{number}/subscriptions")).json
    assert [each["active"] for each in tab["subscriptions"]] == [False] and not tab["services"]
    await town.api.post("/subscriptions/assign", wish)
    assert (await try_settings(town, number))["refused"] == []
