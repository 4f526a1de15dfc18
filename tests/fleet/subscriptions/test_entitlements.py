"""Which registers may use a service: by contract, or by a subscription of their own."""

from fleet.kit.actor import Actor
from fleet.kit.language import Language
from fleet.operations import service as operations
from fleet.operations.rules import Channel
from fleet.operations.types import BY_KIND
from fleet.operations.verdicts import Wish
from fleet.subscriptions.assigning import assign
from fleet.subscriptions.entitlements import LABELS, OF_OPERATIONS, Entitlement
from fleet.subscriptions.service import entitled, grant
from tests.fleet.subscriptions.conftest import ON_SQLITE, Shop, serial

ONE, TWO = serial(1), serial(2)
SETTINGS, PAPER = Entitlement.SETTINGS, Entitlement.PAPER_OFF


def test_every_service_has_its_name_in_both_languages() -> None:
    assert set(LABELS) == set(Entitlement)
    assert all(not label.ru.isascii() and label.en.isascii() for label in LABELS.values())
    assert len({label.ru for label in LABELS.values()}) == len(LABELS)


def test_only_operations_that_there_are_need_services() -> None:
    assert set(OF_OPERATIONS) <= set(BY_KIND)


async def who_may(shop: Shop, service: Entitlement) -> set[str]:
    async with shop.database.read() as db:
        return await entitled(db, [ONE, TWO, serial(99)], service, shop.clock())


@ON_SQLITE
async def test_a_contract_is_of_one_partner_and_may_be_repeated(
    shop: Shop, anna: Actor, olga: Actor
) -> None:
    await shop.settle(anna, [ONE])
    await shop.settle(olga, [TWO])
    await shop.without_contract()
    assert await who_may(shop, SETTINGS) == set()
    async with shop.database.transaction() as db:
        for _ in range(2):
            await grant(db, anna.partner_id, [SETTINGS], shop.clock())
    assert await who_may(shop, SETTINGS) == {ONE}
    assert await who_may(shop, PAPER) == set()


async def test_a_subscription_is_of_one_register_until_its_end(shop: Shop, anna: Actor) -> None:
    await shop.settle(anna, [ONE, TWO])
    await shop.without_contract()
    await shop.buy(anna, "management", 1)
    async with shop.database.transaction() as db:
        await assign(db, anna, ["management"], [ONE], shop.clock())
    assert await who_may(shop, SETTINGS) == {ONE}
    assert await who_may(shop, PAPER) == set()
    shop.clock.forward(days=364, hours=23, minutes=59)
    assert await who_may(shop, SETTINGS) == {ONE}
    shop.clock.forward(minutes=1)
    assert await who_may(shop, SETTINGS) == set()


async def test_an_order_goes_to_the_registers_that_may_and_names_what_to_buy(
    shop: Shop, anna: Actor
) -> None:
    await shop.settle(anna, [ONE, TWO])
    await shop.without_contract()
    await shop.buy(anna, "management", 1)
    wish = Wish(
        "settings_upload", [ONE, TWO], {"settings": {"279": 8080}}, Channel.CASH_SERVER, None
    )
    async with shop.database.transaction() as db:
        await assign(db, anna, ["management"], [ONE], shop.clock())
        created = await operations.create(db, anna, wish, shop.clock())
    assert [each for _, each in created.accepted] == [ONE]
    (refused,) = created.refused
    told = refused.refusal.message(Language.RU, serial_number=TWO, **refused.params)
    assert "«Управление»" in told and "«Всё включено»" in told and "Мониторинг" not in told
