"""Which registers may use a service: by contract, or by a subscription of their own."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.errors import DomainError
from fleet.kit.language import Language
from fleet.operations import ordering
from fleet.operations import service as operations
from fleet.operations.ordering import OperationRequest, OrderResult
from fleet.operations.rules import Channel
from fleet.operations.types import BY_KIND
from fleet.operations.types.command_sequence import REFUSED
from fleet.subscriptions.assigning import assign
from fleet.subscriptions.entitlements import BY_COMMAND, BY_OPERATION_TYPE, LABELS, Entitlement
from fleet.subscriptions.holdings import entitled_registers, service_ends
from fleet.subscriptions.service import grant
from protocol.kktpc.commands import COMMANDS, encode_request
from tests.fleet.subscriptions.conftest import ON_SQLITE, Shop, serial

ONE, TWO = serial(1), serial(2)
SETTINGS, PAPER = Entitlement.SETTINGS, Entitlement.PAPER_OFF
TAX_CHANGE = Entitlement.TAX_CHANGE


def test_every_service_has_its_name_in_both_languages() -> None:
    assert set(LABELS) == set(Entitlement)
    assert all(not label.ru.isascii() and label.en.isascii() for label in LABELS.values())
    assert len({label.ru for label in LABELS.values()}) == len(LABELS)


def test_services_are_needed_only_by_existing_operations_and_commands() -> None:
    assert set(BY_OPERATION_TYPE) <= set(BY_KIND)
    assert set(BY_COMMAND) <= {command.name for command in COMMANDS} - REFUSED


def test_only_these_operations_need_no_service() -> None:
    free = {kind for kind in BY_KIND if kind not in BY_OPERATION_TYPE}
    assert free == {
        "licence_upload",  # its licences need services when they are issued
        "archive_closing",
        "key_rotation",
        "control_unit_replacement",
        "command_sequence",  # as its commands need
        "cancel_pending",
    }


def needs(kind: str, params: dict[str, Any]) -> tuple[Entitlement, ...]:
    operation_type = BY_KIND[kind]
    return operation_type.required_services(operation_type.Params.model_validate(params))


def test_paper_off_needs_a_service_and_paper_on_needs_none() -> None:
    assert needs("paper_receipt", {"enabled": False}) == (PAPER,)
    assert needs("paper_receipt", {"enabled": True}) == ()


@pytest.mark.parametrize(
    ("commands", "services"),
    [
        ([encode_request("read_state")], ()),
        ([encode_request("write_setting", number=279, value=b"\x1f\x90")], (SETTINGS,)),
        ([encode_request("print_receipts", enabled=True)], ()),
        (
            [
                encode_request("print_receipts", enabled=False),
                encode_request("read_setting", number=279),
                encode_request("write_setting", number=279, value=b"\x1f\x90"),
            ],
            (PAPER, SETTINGS),
        ),
        ([encode_request("fiscalise")], (Entitlement.AUTOMATIC_REGISTRATION, TAX_CHANGE)),
    ],
)
def test_sequence_needs_the_services_of_its_commands(
    commands: list[bytes], services: tuple[Entitlement, ...]
) -> None:
    params = {"commands": [command.hex() for command in commands]}
    assert needs("command_sequence", params) == services


async def who_may(shop: Shop, service: Entitlement) -> set[str]:
    async with shop.database.read() as db:
        return await entitled_registers(db, [ONE, TWO, serial(99)], service, shop.clock())


@ON_SQLITE
async def test_contract_covers_one_partner_and_may_be_repeated(
    shop: Shop, anna: Actor, olga: Actor
) -> None:
    await shop.settle(anna, [ONE])
    await shop.settle(olga, [TWO])
    await shop.without_contract()
    assert await who_may(shop, SETTINGS) == set()
    async with shop.database.transaction() as db:
        for _ in range(2):
            await grant(Act(db, None, shop.clock()), anna.partner_id, [SETTINGS])
    assert await who_may(shop, SETTINGS) == {ONE}
    assert await who_may(shop, PAPER) == set()


async def test_subscription_covers_one_register_until_its_end(shop: Shop, anna: Actor) -> None:
    await shop.settle(anna, [ONE, TWO])
    await shop.without_contract()
    await shop.buy(anna, "management", 1)
    async with shop.database.transaction() as db:
        await assign(Act(db, anna, shop.clock()), ["management"], [ONE])
    assert await who_may(shop, SETTINGS) == {ONE}
    assert await who_may(shop, PAPER) == set()
    shop.clock.forward(days=364, hours=23, minutes=59)
    assert await who_may(shop, SETTINGS) == {ONE}
    shop.clock.forward(minutes=1)
    assert await who_may(shop, SETTINGS) == set()


async def test_operation_runs_on_entitled_registers_and_names_plans_to_buy(
    shop: Shop, anna: Actor
) -> None:
    await shop.settle(anna, [ONE, TWO])
    await shop.without_contract()
    await shop.buy(anna, "management", 1)
    request = OperationRequest(
        "settings_upload", [ONE, TWO], {"settings": {"279": 8080}}, Channel.CASH_SERVER, None
    )
    async with shop.database.transaction() as db:
        await assign(Act(db, anna, shop.clock()), ["management"], [ONE])
        created = await ordering.create(Act(db, anna, shop.clock()), request)
    assert [each for _, each in created.accepted] == [ONE]
    (refused,) = created.refused
    told = refused.told(Language.RU)["message"]
    assert "«Управление»" in told and "«Всё включено»" in told and "Мониторинг" not in told


async def order_for(
    shop: Shop, anna: Actor, begins: datetime | None, wall_time: datetime | None = None
) -> OrderResult:
    upload = {"settings": {"279": 8080}}
    request = OperationRequest(
        "settings_upload", [ONE], upload, Channel.CASH_SERVER, begins, wall_time
    )
    async with shop.database.transaction() as db:
        return await ordering.create(Act(db, anna, shop.clock()), request)


async def test_service_is_checked_when_the_operation_begins(shop: Shop, anna: Actor) -> None:
    """Whether that is told as a moment, as a wall time or anew."""
    await shop.settle(anna, [ONE], utc_offset_min=180)
    await shop.without_contract()
    await shop.buy(anna, "management", 1)
    start = shop.clock()
    async with shop.database.transaction() as db:
        await assign(Act(db, anna, start), ["management"], [ONE])
    year = timedelta(days=365)
    on_the_wall = (start + year + timedelta(hours=3)).replace(tzinfo=None)
    for times in ((start + year, None), (None, on_the_wall)):
        (refused,) = (await order_for(shop, anna, *times)).refused
        assert refused.refusal.code == "entitlement_ends"
        told = refused.told(Language.RU)["message"]
        assert "2027-03-02 12:00 UTC+03:00" in told and "Управление настройками" in told
    created = await order_for(shop, anna, start + year - timedelta(minutes=1))
    ((operation_id, _),) = created.accepted
    with pytest.raises(DomainError) as late:
        async with shop.database.transaction() as db:
            act = Act(db, anna, shop.clock())
            await operations.reschedule(act, operation_id, start + year)
    assert late.value.code == "entitlement_ends" and "2027" in late.value.message(Language.EN)
    shop.clock.forward(days=365)
    (refused,) = (await order_for(shop, anna, None)).refused
    assert refused.refusal.code == "not_entitled"


async def test_latest_end_counts_and_contract_has_no_end(
    shop: Shop, anna: Actor, olga: Actor
) -> None:
    await shop.settle(anna, [ONE])
    await shop.settle(olga, [TWO])
    await shop.without_contract()
    for plan in ("management", "complete"):
        await shop.buy(anna, plan, 1)
        async with shop.database.transaction() as db:
            await assign(Act(db, anna, shop.clock()), [plan], [ONE])
        shop.clock.forward(days=1)
    async with shop.database.transaction() as db:
        await grant(Act(db, None, shop.clock()), olga.partner_id, [SETTINGS])
        found = await service_ends(db, [ONE, TWO, serial(99)], SETTINGS)
        assert found == {ONE: shop.clock() + timedelta(days=364), TWO: None}
        assert await service_ends(db, [ONE, TWO], PAPER) == {}
