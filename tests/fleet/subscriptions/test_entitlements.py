"""The table of paid services."""

from fleet.kit.database import Database
from fleet.operations.types import BY_KIND
from fleet.subscriptions.entitlements import LABELS, OF_OPERATIONS, Entitlement
from fleet.subscriptions.service import grant, has
from tests.fleet.conftest import Employ, HandClock


def test_every_service_has_its_name_in_both_languages() -> None:
    assert set(LABELS) == set(Entitlement)
    assert all(not label.ru.isascii() and label.en.isascii() for label in LABELS.values())
    assert len({label.ru for label in LABELS.values()}) == len(LABELS)


def test_only_operations_that_there_are_need_services() -> None:
    assert set(OF_OPERATIONS) <= set(BY_KIND)


async def test_a_grant_is_of_one_partner_and_may_be_repeated(
    database: Database, clock: HandClock, employ: Employ
) -> None:
    anna, boris = await employ("anna"), await employ("boris")
    async with database.transaction() as db:
        for _ in range(2):
            await grant(db, anna.partner_id, [Entitlement.SETTINGS], clock())
    async with database.read() as db:
        assert await has(db, anna.partner_id, Entitlement.SETTINGS)
        assert not await has(db, boris.partner_id + 100, Entitlement.SETTINGS)
