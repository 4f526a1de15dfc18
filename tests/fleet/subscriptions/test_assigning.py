"""Assigning: a verdict for each register, the stock, the terms, the histories."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select

from fleet.accounts.roles import Role
from fleet.audit.models import AuditEntry
from fleet.kit.actor import Actor
from fleet.subscriptions.models import Assignment, Subscription
from protocol.platforms import Platform
from tests.fleet.conftest import START, Api, Employ
from tests.fleet.subscriptions.conftest import ON_SQLITE, Shop, serial

ONE, TWO, THREE = serial(1), serial(2), serial(3)
YEAR = timedelta(days=365)


async def assign(api: Api, plans: list[str], serials: list[str], **more: Any) -> Any:
    body = {"plans": plans, "serial_numbers": serials}
    answer = await api.post("/subscriptions/assign", body, **more)
    assert answer.status == 200, answer
    return answer.json


def reasons(outcome: Any) -> dict[str, str]:
    return {each["serial_number"]: each["reason"] for each in outcome["refused"]}


async def ends(api: Api, serial_number: str) -> dict[str, datetime | None]:
    found = (await api.get(f"/registers/{serial_number}/subscriptions")).json["subscriptions"]
    return {
        each["plan"]: each["ends_at"] and datetime.fromisoformat(each["ends_at"]) for each in found
    }


async def test_each_register_gets_its_verdict(
    api: Api, anna: Actor, olga: Actor, shop: Shop
) -> None:
    await shop.settle(anna, [ONE, TWO, THREE])
    await shop.settle(olga, [serial(4)])
    await shop.buy(anna, "management", 2)
    typed = [ONE, f" {TWO} ", ONE, "123", serial(4), serial(5), THREE]
    outcome = await assign(api, ["management"], typed)
    assert [each["serial_number"] for each in outcome["accepted"]] == [ONE, TWO]
    assert reasons(outcome) == {
        ONE: "serial_number_repeated",
        "123": "serial_number_unfit",
        serial(4): "register_not_found",
        serial(5): "register_not_found",
        THREE: "stock_short",
    }
    assert outcome["available"] == {"management": 0}
    assert (
        "Management"
        in [e["message"] for e in outcome["refused"] if e["reason"] == "stock_short"][0]
    )
    assert await shop.stock(anna) == {}
    assert await ends(api, ONE) == {"management": START + YEAR}
    assert await ends(api, THREE) == {}


async def test_yearly_subscription_prolongs_the_remaining_term(
    api: Api, anna: Actor, shop: Shop
) -> None:
    await shop.settle(anna, [ONE])
    await shop.buy(anna, "management", 3)
    await assign(api, ["management"], [ONE])
    shop.clock.forward(days=300)
    await api.sign_in("anna")
    await assign(api, ["management"], [ONE])
    assert await ends(api, ONE) == {"management": START + 2 * YEAR}
    shop.clock.forward(days=600)
    await api.sign_in("anna")
    await assign(api, ["management"], [ONE])
    assert await ends(api, ONE) == {"management": shop.clock() + YEAR}
    history = (await api.get("/subscriptions/assignments")).json["items"]
    starts = [datetime.fromisoformat(each["starts_at"]) for each in history]
    assert starts == [shop.clock(), START + YEAR, START]


@ON_SQLITE
async def test_functional_subscription_has_no_end_and_is_assigned_once(
    api: Api, anna: Actor, shop: Shop
) -> None:
    await shop.settle(anna, [ONE, TWO])
    await shop.buy(anna, "platform_5", 3)
    await shop.buy(anna, "monitoring", 3)
    await assign(api, ["platform_5"], [ONE])
    outcome = await assign(api, ["monitoring", "platform_5"], [ONE, TWO])
    assert reasons(outcome) == {ONE: "subscription_endless"}
    assert await ends(api, ONE) == {"platform_5": None}
    assert await ends(api, TWO) == {"platform_5": None, "monitoring": START + YEAR}
    assert outcome["available"] == {"monitoring": 2, "platform_5": 1}


@ON_SQLITE
async def test_plan_for_some_models_is_refused_to_others(api: Api, anna: Actor, shop: Shop) -> None:
    sigma, old, silent = serial(1, 90), serial(2, 90), serial(3, 90)
    await shop.settle(anna, [sigma, ONE])
    await shop.settle(anna, [old], platform=Platform.V2_5)
    await shop.settle(anna, [silent], platform=None)
    await shop.buy(anna, "remote_access", 9)
    outcome = await assign(api, ["remote_access"], [sigma, ONE, old, silent])
    assert [each["serial_number"] for each in outcome["accepted"]] == [sigma]
    assert reasons(outcome) == {ONE: "plan_unfit", old: "plan_unfit", silent: "platform_unknown"}


@ON_SQLITE
async def test_suitable_plans_of_chosen_registers_are_listed(
    api: Api, anna: Actor, olga: Actor, shop: Shop
) -> None:
    sigma = serial(1, 90)
    await shop.settle(anna, [ONE, sigma])
    await shop.settle(olga, [TWO])
    await shop.buy(anna, "platform_5", 2)
    await assign(api, ["platform_5"], [ONE])

    async def suiting(*serials: str) -> dict[str, tuple[int, int]]:
        body = {"serial_numbers": list(serials)}
        answer = await api.post("/subscriptions/plans/suiting", body)
        return {
            each["code"]: (each["registers"], each["available"]) for each in answer.json["items"]
        }

    both = await suiting(ONE, sigma, TWO, "?")
    assert both["monitoring"] == (2, 0) and both["remote_access"] == (1, 0)
    assert both["platform_5"] == (1, 1)
    alone = await suiting(ONE)
    assert "platform_5" not in alone and "remote_access" not in alone
    assert await suiting(TWO) == {}


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"plans": []}, "plans", "invalid_input"),
        ({"plans": ["no_such"]}, "plans", "plan_unknown"),
        ({"plans": ["monitoring", "monitoring"]}, "plans", "plan_repeated"),
        ({"serial_numbers": []}, "serial_numbers", "invalid_input"),
        ({"serial_numbers": [ONE] * 501}, "serial_numbers", "invalid_input"),
    ],
)
@ON_SQLITE
async def test_bad_request_assigns_nothing(
    api: Api, anna: Actor, shop: Shop, body: dict[str, Any], field: str, code: str
) -> None:
    await shop.settle(anna, [ONE])
    await shop.buy(anna, "monitoring", 1)
    wish = {"plans": ["monitoring"], "serial_numbers": [ONE], **body}
    answer = await api.post("/subscriptions/assign", wish)
    found = (answer.status, answer.json["field"], answer.json["code"])
    assert found == (422, field, code)
    assert await shop.stock(anna) == {("monitoring", 20): 1}


async def test_repeated_request_assigns_once(api: Api, anna: Actor, shop: Shop) -> None:
    await shop.settle(anna, [ONE])
    await shop.buy(anna, "monitoring", 2)
    headers = {"Idempotency-Key": "again"}
    first = await assign(api, ["monitoring"], [ONE], headers=headers)
    assert await assign(api, ["monitoring"], [ONE], headers=headers) == first
    assert await shop.stock(anna) == {("monitoring", 20): 1}
    assert await ends(api, ONE) == {"monitoring": START + YEAR}


async def test_limited_employee_assigns_and_sees_only_within_scope(
    api: Api, anna: Actor, employ: Employ, shop: Shop
) -> None:
    await shop.settle(anna, [ONE])
    await shop.buy(anna, "monitoring", 2)
    await assign(api, ["monitoring"], [ONE])
    await employ("lev", Role.MANAGER, anna.partner_id)
    await shop.limit("lev")
    await api.sign_in("lev")
    outcome = await assign(api, ["monitoring"], [ONE])
    assert reasons(outcome) == {ONE: "register_not_found"}
    assert (await api.get("/subscriptions/assignments")).json["items"] == []
    assert (await api.get("/subscriptions")).json["items"] == []
    assert (await api.get(f"/registers/{ONE}/subscriptions")).status == 404
    # The stock and the money in it are the organisation's: no register limits them.
    assert len((await api.get("/subscriptions/orders")).json["items"]) == 1
    assert len((await api.get("/subscriptions/movements")).json["items"]) == 2


@ON_SQLITE
async def test_only_administrators_see_who_assigned(
    api: Api, anna: Actor, employ: Employ, shop: Shop
) -> None:
    await shop.settle(anna, [ONE])
    await shop.buy(anna, "monitoring", 1)
    await assign(api, ["monitoring"], [ONE])
    await employ("lev", Role.MANAGER, anna.partner_id)
    for login, whose in (("anna", anna.employee_id), ("lev", None)):
        await api.sign_in(login)
        for history in ("assignments", "movements?reason=assignment"):
            (row,) = (await api.get(f"/subscriptions/{history}")).json["items"]
            assert (row["bonus_points"], row["employee_id"]) == (20, whose)


@ON_SQLITE
async def test_every_assignment_is_in_the_log(api: Api, anna: Actor, shop: Shop) -> None:
    await shop.settle(anna, [ONE, TWO])
    await shop.buy(anna, "monitoring", 2)
    await assign(api, ["monitoring"], [ONE, TWO])
    async with shop.database.read() as db:
        logged = select(AuditEntry).where(AuditEntry.what == "subscriptions.assigned")
        found = (await db.scalars(logged.order_by(AuditEntry.id))).all()
    assert [each.object for each in found] == [f"register:{ONE}", f"register:{TWO}"]
    assert all(each.after == {"plans": ["monitoring"]} for each in found)


async def test_number_of_statements_does_not_grow_with_registers(
    api: Api, anna: Actor, shop: Shop
) -> None:
    """So five hundred take half a second: nothing is asked register by register."""
    serials = [serial(number) for number in range(505)]
    await shop.settle(anna, serials)
    await shop.buy(anna, "management", 505)
    said: list[str] = []
    event.listen(
        shop.database.engine.sync_engine,
        "before_cursor_execute",
        lambda _, __, statement, *___: said.append(statement),
    )
    counts = []
    for chosen in (serials[:5], serials[5:]):
        said.clear()
        assert len((await assign(api, ["management"], chosen))["accepted"]) == len(chosen)
        counts.append(len(said))
    assert counts[0] == counts[1] > 0
    assert await shop.stock(anna) == {}
    async with shop.database.read() as db:
        given = [
            await db.scalar(select(func.count()).select_from(table))
            for table in (Subscription, Assignment)
        ]
    assert given == [505, 505]
