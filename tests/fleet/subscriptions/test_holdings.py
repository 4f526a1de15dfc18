"""What registers have: lists by client and end, the register's own tab, ends that are announced."""

from collections.abc import Sequence
from typing import Any

import pytest

from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.kit.errors import DomainError
from fleet.registers.service import hand_over
from fleet.subscriptions.assigning import assign
from fleet.subscriptions.catalogue import CATALOGUE
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.events import SubscriptionsExpired
from fleet.subscriptions.service import (
    FIRST_STOCK,
    add_stock,
    expire_subscriptions,
    give_first_stock,
    grant,
)
from fleet.wiring import REACTIONS
from tests.fleet.conftest import Api
from tests.fleet.subscriptions.conftest import ON_SQLITE, Shop, serial

ONE, TWO, THREE = serial(1), serial(2), serial(3)
SHOP_INN, OTHER_INN = "7707083893", "7736050003"


async def give(shop: Shop, actor: Actor, plans: Sequence[str], serials: Sequence[str]) -> None:
    async with shop.database.transaction() as db:
        outcome = await assign(Act(db, actor, shop.clock()), plans, serials)
    assert not outcome.refused


@pytest.fixture
async def three(anna: Actor, shop: Shop, api: Api) -> None:
    """Two registers of one client, one of another; each with something else."""
    await shop.without_contract()
    await shop.settle(anna, [ONE, TWO], owner_inn=SHOP_INN, owner_name="ООО Ромашка")
    await shop.settle(anna, [THREE], owner_inn=OTHER_INN)
    for plan in ("management", "platform_5", "tax_change"):
        await shop.buy(anna, plan, 3)
    await give(shop, anna, ["management", "platform_5"], [ONE])
    shop.clock.forward(days=10)
    await give(shop, anna, ["management"], [THREE])
    await give(shop, anna, ["tax_change"], [TWO])
    await api.sign_in("anna")


async def listed(api: Api, query: str) -> list[tuple[str, str]]:
    """All pages of it, two rows each."""
    found, after = [], ""
    while True:
        answer = await api.get(f"/subscriptions?limit=2&{query}{after}")
        assert answer.status == 200, answer
        found += [(each["serial_number"], each["plan"]) for each in answer.json["items"]]
        if answer.json["next"] is None:
            return found
        after = f"&after={answer.json['next']}"


async def test_list_filters_by_client_plan_service_and_end(
    api: Api, three: None, shop: Shop
) -> None:
    everything = [
        (ONE, "management"),
        (ONE, "platform_5"),
        (TWO, "tax_change"),
        (THREE, "management"),
    ]
    assert await listed(api, "") == everything
    assert await listed(api, f"client={SHOP_INN}") == everything[:3]
    assert await listed(api, "plan=management") == [(ONE, "management"), (THREE, "management")]
    assert await listed(api, "service=tax_change") == [(TWO, "tax_change")]
    by_end = [
        (TWO, "tax_change"),
        (ONE, "management"),
        (THREE, "management"),
        (ONE, "platform_5"),
    ]
    assert await listed(api, "sort=ends_at") == by_end
    assert await listed(api, "ends_within_days=30") == by_end[:1]
    assert await listed(api, "ends_within_days=29") == []
    shop.clock.forward(days=30)
    await api.sign_in("anna")
    assert await listed(api, "active=false") == by_end[:1]
    assert await listed(api, "active=true&sort=ends_at") == by_end[1:]
    assert await listed(api, "ends_within_days=3660") == by_end[1:3]


@ON_SQLITE
async def test_page_mark_of_another_order_is_refused(api: Api, three: None) -> None:
    mark = (await api.get("/subscriptions?limit=1")).json["next"]
    assert (await api.get(f"/subscriptions?limit=1&sort=ends_at&after={mark}")).status == 422
    assert (await api.get("/subscriptions?client=7707083894")).status == 422


async def test_register_shows_its_subscriptions_and_current_services(
    api: Api, three: None, anna: Actor, shop: Shop
) -> None:
    async with shop.database.transaction() as db:
        await grant(Act(db, None, shop.clock()), anna.partner_id, [Entitlement.PAPER_OFF])
    tab = (await api.get(f"/registers/{ONE}/subscriptions")).json
    assert [each["plan"] for each in tab["subscriptions"]] == ["management", "platform_5"]
    services = {each["code"]: each for each in tab["services"]}
    assert services["settings"]["ends_at"].startswith("2027-03-02")
    assert services["platform_5_local"]["ends_at"] is None
    assert services["paper_off"]["by_contract"] and "tax_change" not in services
    shop.clock.forward(days=366)
    await api.sign_in("anna")
    later = (await api.get(f"/registers/{ONE}/subscriptions")).json
    assert [each["active"] for each in later["subscriptions"]] == [False, True]
    assert "settings" not in {each["code"] for each in later["services"]}
    assert (await api.get(f"/registers/{serial(9)}/subscriptions")).status == 404


async def test_subscriptions_follow_the_register_to_its_new_partner(
    api: Api, three: None, anna: Actor, olga: Actor, shop: Shop
) -> None:
    """They are bound to the serial number, and the client has paid for them: who services the
    register from now on finds them there, and who did keeps the history."""
    async with shop.database.transaction() as db:
        await hand_over(Act(db, None, shop.clock()), [ONE], olga.partner_id)
    assert [each for each in await listed(api, "") if each[0] == ONE] == []
    history = (await api.get(f"/subscriptions/assignments?serial_number={ONE}")).json["items"]
    assert [each["plan"] for each in history] == ["platform_5", "management"]
    await api.sign_in("olga")
    assert await listed(api, "") == [(ONE, "management"), (ONE, "platform_5")]
    assert (await api.get("/subscriptions/assignments")).json["items"] == []


async def test_expiry_is_announced_once_per_term(
    database_url: str, three: None, anna: Actor, shop: Shop
) -> None:
    told: list[SubscriptionsExpired] = []

    async def keep(_: Act, fact: SubscriptionsExpired) -> None:
        told.append(fact)

    async def work() -> int:
        async with listening.transaction() as db:
            return await expire_subscriptions(Act(db, None, shop.clock()), 100)

    listening = Database(database_url, {**REACTIONS, SubscriptionsExpired: (keep,)})
    shop.clock.forward(days=29, hours=23)
    assert await work() == 0
    shop.clock.forward(hours=1)
    assert [await work(), await work()] == [1, 0]
    await give(shop, anna, ["tax_change"], [TWO])
    assert await work() == 0
    shop.clock.forward(days=30)
    assert [await work(), await work()] == [1, 0]
    await listening.close()
    expired: list[Any] = [each for fact in told for each in fact.expired]
    assert [(each.serial_number, each.plan) for each in expired] == [(TWO, "tax_change")] * 2


@ON_SQLITE
async def test_stock_given_by_support_has_no_points(shop: Shop, anna: Actor, api: Api) -> None:
    async with shop.database.transaction() as db:
        await add_stock(Act(db, None, shop.clock()), anna.partner_id, "management", 5)
        # A demonstration gives something only to who never held anything.
        await give_first_stock(Act(db, None, shop.clock()), anna.partner_id)
    assert await shop.stock(anna) == {("management", 0): 5}
    (row,) = (await api.get("/subscriptions/movements")).json["items"]
    assert (row["reason"], row["change"], row["employee_id"]) == ("grant", 5, None)


@pytest.mark.parametrize(
    ("plan", "quantity"), [("no_such", 1), ("monitoring", 0), ("monitoring", -1)]
)
@ON_SQLITE
async def test_support_grant_checks_plan_and_quantity(
    shop: Shop, anna: Actor, plan: str, quantity: int
) -> None:
    with pytest.raises(DomainError):
        async with shop.database.transaction() as db:
            await add_stock(Act(db, None, shop.clock()), anna.partner_id, plan, quantity)
    assert await shop.stock(anna) == {}


@ON_SQLITE
async def test_first_stock_has_units_of_every_plan(shop: Shop, olga: Actor) -> None:
    async with shop.database.transaction() as db:
        for _ in range(2):
            await give_first_stock(Act(db, None, shop.clock()), olga.partner_id)
    assert await shop.stock(olga) == {(code, 0): FIRST_STOCK for code in CATALOGUE}
