"""Enrolment, flags and profiles in a real database."""

import asyncio
from typing import Any

from sqlalchemy import func, select

from fleet.audit.models import AuditEntry
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.registers import service
from fleet.registers.events import BlockingChanged
from fleet.registers.models import CashRegister
from tests.fleet.conftest import Employ, HandClock
from tests.fleet.registers.conftest import make_profile, serial
from tests.pace import scaled


async def enrol(database: Database, actor: Actor, clock: HandClock, *typed: str) -> dict[str, str]:
    """Serial number as typed -> code of the refusal, or "" when it was done."""
    async with database.transaction() as db:
        verdicts = await service.enrol(Act(db, actor, clock()), typed)
    refused = {each.item: each.refusal.code for each in verdicts.refused}
    return {**dict.fromkeys(verdicts.accepted, ""), **refused}


async def register(database: Database, number: int) -> CashRegister:
    async with database.read() as db:
        return await db.get_one(CashRegister, serial(number))


async def test_each_serial_number_gets_its_verdict(
    database: Database, employ: Employ, clock: HandClock
) -> None:
    anna, boris = await employ("anna"), await employ("boris")
    async with database.transaction() as db:
        await service.store_profiles(
            Act(db, None, clock()),
            [
                make_profile(3),
                make_profile(4, fiscalised=True),
                make_profile(6, owner_inn="7703864827"),
            ],
        )
    await enrol(database, anna, clock, serial(1))
    await enrol(database, boris, clock, serial(2))
    verdicts = await enrol(
        database, anna, clock, serial(5), serial(1), serial(2), serial(3), serial(4), serial(6), "x"
    )
    assert verdicts == {
        serial(5): "",
        serial(1): "already_yours",
        serial(2): "bound_to_another_partner",
        serial(3): "",
        serial(4): "fiscalised",
        serial(6): "owner_known",
        "x": "serial_number_unfit",
    }
    claimed = await register(database, 3)
    assert (claimed.partner_id, claimed.enrolled_at) == (anna.partner_id, clock())
    assert claimed.firmware_version == "5.8.1"
    assert (await register(database, 4)).partner_id is None
    assert (await register(database, 5)).model == 69
    async with database.read() as db:
        written = await db.scalars(
            select(AuditEntry.object)
            .where(AuditEntry.what == "registers.enrolled", AuditEntry.login == "anna")
            .order_by(AuditEntry.id)
        )
        assert list(written) == [f"register:{serial(n)}" for n in (1, 3, 5)]


async def test_list_without_valid_numbers_gets_refusals(
    database: Database, employ: Employ, clock: HandClock
) -> None:
    anna = await employ("anna")
    assert await enrol(database, anna, clock, "x", "") == {
        "x": "serial_number_unfit",
        "": "serial_number_unfit",
    }


async def test_exactly_one_of_two_simultaneous_partners_gets_each_register(
    database: Database, employ: Employ, clock: HandClock
) -> None:
    anna, boris = await employ("anna"), await employ("boris")
    numbers = [serial(n) for n in range(500)]
    first, second = await asyncio.wait_for(
        asyncio.gather(
            enrol(database, anna, clock, *numbers),
            enrol(database, boris, clock, *reversed(numbers)),
        ),
        scaled(50),
    )
    for number in numbers:
        assert {first[number], second[number]} == {"", "bound_to_another_partner"}, number
    async with database.read() as db:
        rows = await db.execute(select(CashRegister.serial_number, CashRegister.partner_id))
    owners = {number: partner for number, partner in rows}
    assert owners == {
        number: boris.partner_id if first[number] else anna.partner_id for number in numbers
    }


async def test_flags_are_set_and_only_changes_are_announced(
    database_url: str, database: Database, employ: Employ, clock: HandClock
) -> None:
    facts: list[BlockingChanged] = []

    async def hear(_act: Act, fact: Any) -> None:
        facts.append(fact)

    anna, boris = await employ("anna"), await employ("boris")
    await enrol(database, anna, clock, serial(1), serial(2))
    await enrol(database, boris, clock, serial(3))
    wired = Database(database_url, {BlockingChanged: [hear]})

    async def set_flag(change: service.FlagChange, *typed: str) -> list[str]:
        async with wired.transaction() as db:
            verdicts = await service.set_flag(Act(db, anna, clock()), change, typed)
        return [*("" for _ in verdicts.accepted), *(v.refusal.code for v in verdicts.refused)]

    asked = (serial(1), serial(2), serial(3), serial(4), "x")
    refused = ["register_not_found", "register_not_found", "serial_number_unfit"]
    assert await set_flag(service.BLOCK, serial(1)) == [""]
    assert await set_flag(service.BLOCK, *asked) == ["", "", *refused]
    assert await set_flag(service.HIDE, *asked) == ["", "", *refused]
    assert await set_flag(service.UNBLOCK, serial(2)) == [""]
    assert await set_flag(service.UNBLOCK, serial(2)) == [""]
    await wired.close()
    assert facts == [
        BlockingChanged((serial(1),), True),
        BlockingChanged((serial(2),), True),
        BlockingChanged((serial(2),), False),
    ]
    flags = [(r.blocked, r.hidden) for r in [await register(database, n) for n in (1, 2, 3)]]
    assert flags == [(True, True), (False, True), (False, False)]
    async with database.read() as db:
        told = await db.scalar(
            select(func.count()).where(AuditEntry.what.in_(["registers.blocked"]))
        )
    assert told == 2


async def test_storing_profiles_keeps_ownership(
    database: Database, employ: Employ, clock: HandClock
) -> None:
    anna = await employ("anna")
    await enrol(database, anna, clock, serial(1))
    async with database.transaction() as db:
        await service.set_flag(Act(db, anna, clock()), service.BLOCK, [serial(1)])
    first_seen_at = clock()
    async with database.transaction() as db:
        await service.store_profiles(Act(db, None, clock()), [make_profile(2), make_profile(1)])
    clock.forward(days=1)
    async with database.transaction() as db:
        changed = make_profile(1, firmware_version="5.9.0", owner_name="ООО Ёлка", fiscalised=True)
        await service.store_profiles(Act(db, None, clock()), [changed])
        await service.store_profiles(Act(db, None, clock()), [])
    own, stranger = await register(database, 1), await register(database, 2)
    assert (own.partner_id, own.blocked, own.hidden) == (anna.partner_id, True, False)
    assert (own.firmware_version, own.platform, own.fiscalised) == ("5.9.0", "5.0", True)
    assert (own.first_seen_at, own.profile_at) == (first_seen_at, clock())
    assert (own.search_numbers, own.search_names) == (serial(1), "ооо елка")
    assert (stranger.partner_id, stranger.enrolled_at) == (None, None)
    assert (stranger.blocked, stranger.utc_offset_min) == (False, 180)


async def test_a_thousand_profiles_are_stored_in_one_batch(
    database: Database, clock: HandClock
) -> None:
    profiles = [make_profile(n) for n in range(1000)]
    async with database.transaction() as db:
        await service.store_profiles(Act(db, None, clock()), profiles)
        await service.store_profiles(Act(db, None, clock()), profiles[::-1])
    async with database.read() as db:
        assert await db.scalar(select(func.count()).select_from(CashRegister)) == 1000
