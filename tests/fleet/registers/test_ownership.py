"""Registers pass to another partner; groups and addresses; who is silent."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from fleet.audit.models import AuditEntry
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.registers import queries, service
from fleet.registers.events import BlockingChanged, RegisterHandOver, RegistersHandedOver
from fleet.registers.jobs import update_silence
from fleet.registers.models import CashRegister
from fleet.registers.rules import NEVER_SEEN, ONLINE_NOW
from tests.fleet.conftest import START, Employ, HandClock
from tests.fleet.registers.conftest import Call, make_profile, serial
from tests.fleet.registers.test_service import enrol, register
from tests.pace import scaled


async def entries(database: Database, partner_id: int) -> list[tuple[str, str]]:
    """(what, object) of the partner's log."""
    statement = select(AuditEntry.what, AuditEntry.object).order_by(AuditEntry.id)
    async with database.read() as db:
        rows = await db.execute(statement.where(AuditEntry.partner_id == partner_id))
        return [(what, about) for what, about in rows]


async def settled(
    database: Database, employ: Employ, clock: HandClock, *numbers: int
) -> tuple[Actor, Actor]:
    """Anna has registers 1 and 2, Boris none."""
    anna, boris = await employ("anna"), await employ("boris")
    await enrol(database, anna, clock, serial(1), serial(2))
    return anna, boris


async def test_transfer_resets_the_former_partners_settings(
    database_url: str, database: Database, employ: Employ, clock: HandClock
) -> None:
    facts: list[object] = []

    async def hear(_act: Act, fact: object) -> None:
        facts.append(fact)

    anna, boris = await settled(database, employ, clock)
    async with database.transaction() as db:
        said = make_profile(1, fiscalised=True, address="Тверь")
        await service.store_profiles(Act(db, None, clock()), [said, make_profile(3)])
        await service.set_group(Act(db, anna, clock()), [serial(1)], 7)
        await service.set_address(Act(db, anna, clock()), [serial(1)], 5, "Москва")
        for change in (service.HIDE, service.BLOCK, service.NOTICES_OFF):
            await service.set_flag(Act(db, anna, clock()), change, [serial(1)])
    await enrol(database, boris, clock, serial(4))
    wired = Database(database_url, {RegistersHandedOver: [hear], BlockingChanged: [hear]})
    clock.forward(days=1)
    asked = [serial(number) for number in (4, 9, 3, 1)]
    async with wired.transaction() as db:
        moved = await service.hand_over(Act(db, None, clock()), asked, boris.partner_id)
        assert await service.hand_over(Act(db, None, clock()), asked, boris.partner_id) == []
        assert await service.hand_over(Act(db, None, clock()), [], boris.partner_id) == []
    await wired.close()
    assert moved == [(serial(1), anna.partner_id), (serial(3), None), (serial(9), None)]
    moves = tuple(RegisterHandOver(each, before, boris.partner_id) for each, before in moved)
    assert facts == [RegistersHandedOver(moves, clock()), BlockingChanged((serial(1),), False)]
    taken = await register(database, 1)
    assert (taken.partner_id, taken.enrolled_at, taken.hidden) == (
        boris.partner_id,
        clock(),
        False,
    )
    assert (taken.blocked, taken.notices) == (False, True)
    assert (taken.group_id, taken.address_id, taken.installed_address) == (None, None, "")
    assert taken.shown_address == "Тверь"
    assert (await register(database, 2)).partner_id == anna.partner_id
    assert ("registers.handed_over", f"register:{serial(1)}") in await entries(
        database, anna.partner_id
    )
    received = [about for what, about in await entries(database, boris.partner_id)][-3:]
    assert received == [f"register:{serial(number)}" for number in (1, 3, 9)]


async def test_search_does_not_find_the_former_partners_address(
    database: Database, employ: Employ, clock: HandClock
) -> None:
    anna, boris = await settled(database, employ, clock)
    async with database.transaction() as db:
        await service.set_address(Act(db, anna, clock()), [serial(1)], 5, "секретный склад")
        await service.hand_over(Act(db, None, clock()), [serial(1)], boris.partner_id)
    assert (await register(database, 1)).search_numbers == serial(1)


async def test_simultaneous_transfers_leave_one_owner(
    database: Database, employ: Employ, clock: HandClock
) -> None:
    anna, boris = await settled(database, employ, clock)
    clara = await employ("clara")
    asked = [serial(1), serial(2)]

    async def take(partner_id: int) -> list[tuple[str, int | None]]:
        async with database.transaction() as db:
            return await service.hand_over(Act(db, None, clock()), asked, partner_id)

    wishes = (take(boris.partner_id), take(clara.partner_id))
    first, second = await asyncio.wait_for(asyncio.gather(*wishes), scaled(20))
    owner = {(await register(database, number)).partner_id for number in (1, 2)}
    assert len(owner) == 1
    before = {partner for _, partner in (*first, *second)}
    assert before == {anna.partner_id, ({boris.partner_id, clara.partner_id} - owner).pop()}


async def test_groups_count_their_registers_and_the_log_says_what_changed(
    database: Database, employ: Employ, clock: HandClock
) -> None:
    anna, boris = await settled(database, employ, clock)
    await enrol(database, boris, clock, serial(3))
    async with database.transaction() as db:
        verdicts = await service.set_group(Act(db, anna, clock()), [serial(1), serial(3), "x"], 7)
        await service.set_group(Act(db, anna, clock()), [serial(1), serial(2)], 7)
    codes = [each.refusal.code for each in verdicts.refused]
    assert list(verdicts.accepted) == [serial(1)]
    assert codes == ["register_not_found", "serial_number_unfit"]
    async with database.read() as db:
        assert await queries.count_by_group(db, anna) == {7: 2}
        assert await queries.count_by_group(db, boris) == {}
    grouped = [e for e in await entries(database, anna.partner_id) if e[0] == "registers.grouped"]
    assert [about for _, about in grouped] == [f"register:{serial(number)}" for number in (1, 2)]


async def test_installed_address_outlives_the_reported_one(
    database: Database, employ: Employ, clock: HandClock
) -> None:
    anna, _ = await settled(database, employ, clock)
    async with database.transaction() as db:
        await service.store_profiles(Act(db, None, clock()), [make_profile(1, address="Тверь")])
        await service.set_address(Act(db, anna, clock()), [serial(1)], 5, "Москва, склад")
        await service.store_profiles(Act(db, None, clock()), [make_profile(1, address="Самара")])
    found = await register(database, 1)
    assert (found.address, found.installed_address) == ("Самара", "Москва, склад")
    assert found.shown_address == "Москва, склад"
    assert found.search_names == "самара\nмосква, склад"
    async with database.transaction() as db:
        await service.set_address(Act(db, anna, clock()), [serial(1)], None, "")
    found = await register(database, 1)
    assert (found.shown_address, found.search_names) == ("Самара", "самара")


POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""For locks of rows: SQLite has one writer at a time."""


@POSTGRESQL
async def test_job_skips_a_locked_register_until_its_next_run(
    database: Database, call_in: Call, employ: Employ, clock: HandClock
) -> None:
    await settled(database, employ, clock)
    for number in (1, 2):
        await call_in(number)
    clock.forward(minutes=30)
    held = select(CashRegister).where(CashRegister.serial_number == serial(1)).with_for_update()

    async def work() -> int:
        async with database.transaction() as db:
            return await update_silence(Act(db, None, clock()), 10)

    async with database.transaction() as db:
        await db.execute(held)
        assert await asyncio.wait_for(work(), scaled(5)) == 1
    assert await work() == 1


async def test_job_updates_registers_that_go_offline_or_online(
    database: Database, call_in: Call, employ: Employ, clock: HandClock
) -> None:
    await settled(database, employ, clock)

    async def work() -> tuple[int, list[Any]]:
        async with database.transaction() as db:
            done = await update_silence(Act(db, None, clock()), 1)
        async with database.read() as db:
            rows = await db.scalars(
                select(CashRegister.silent_since).order_by(CashRegister.serial_number)
            )
            return done, list(rows)

    await call_in(1, profile={})
    assert await work() == (0, [ONLINE_NOW, NEVER_SEEN])
    clock.forward(minutes=30)
    assert await work() == (1, [START, NEVER_SEEN])
    assert await work() == (0, [START, NEVER_SEEN])
    await call_in(1)
    assert await work() == (0, [ONLINE_NOW, NEVER_SEEN])
