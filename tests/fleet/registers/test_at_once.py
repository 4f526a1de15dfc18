"""Who changes several registers at once takes them in one order: nobody is locked out for good."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.access_requests import service as access_requests
from fleet.access_requests.models import AccessRequest
from fleet.access_requests.rules import RequestStatus
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.kit.language import Language
from fleet.registers import service
from fleet.registers.models import CashRegister
from fleet.telemetry.events import ProfilesChanged, ReadingsDiffer
from fleet.telemetry.service import store_readings
from fleet.wiring import REACTIONS
from tests.fleet.conftest import START, Employ
from tests.fleet.registers.conftest import make_profile, serial
from tests.fleet.telemetry.readings import make_reading
from tests.pace import scaled

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
"""SQLite has one writer at a time."""

Work = Callable[[AsyncSession], Awaitable[object]]


@pytest.fixture
async def wired(database_url: str) -> AsyncIterator[Database]:
    wired = Database(database_url, REACTIONS)
    yield wired
    await wired.close()


@pytest.fixture
async def anna(employ: Employ, database: Database) -> Actor:
    """She has registers 1 to 9; the first stands last in the table."""
    anna = await employ("anna")
    async with database.transaction() as db:
        await service.enrol(Act(db, anna, START), [serial(number) for number in range(1, 10)])
    async with database.transaction() as db:
        await db.execute(
            text("UPDATE registers SET firmware_version = '1' WHERE serial_number = :first"),
            {"first": int(serial(1))},
        )
    return anna


async def meet(database: Database, slow: Work, quick: Work, *, between: Work | None = None) -> None:
    """``slow`` begins and pauses; ``quick`` comes meanwhile; then ``slow`` goes on with
    ``between``.  Neither may fail."""
    begun = asyncio.Event()

    async def first() -> None:
        async with database.transaction() as db:
            await slow(db)
            begun.set()
            await asyncio.sleep(0.3)
            if between:
                await between(db)

    async def second() -> None:
        await begun.wait()
        async with database.transaction() as db:
            await quick(db)

    await asyncio.wait_for(asyncio.gather(first(), second()), scaled(20))


def taking(number: int) -> Work:
    """Changes one register."""
    this = select(CashRegister).where(CashRegister.serial_number == serial(number))
    return lambda db: db.execute(this.with_for_update())


async def test_setting_a_flag_locks_registers_in_order(wired: Database, anna: Actor) -> None:
    numbers = [serial(9), serial(1), serial(5)]
    await meet(
        wired,
        taking(1),
        lambda db: service.set_flag(Act(db, anna, START), service.HIDE, numbers),
        between=taking(9),
    )


async def test_batch_locks_all_its_registers_before_changing_any(
    wired: Database, anna: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5 has a new profile and then, in a second reading, the broken condition; 1 only that."""
    async with wired.transaction() as db:
        await store_readings(
            Act(db, None, START), [make_reading(serial(number)) for number in (1, 5)]
        )
    keep_profiles = service.store_profiles

    async def slowly(*given: object) -> None:
        await keep_profiles(*given)  # type: ignore[arg-type]
        await asyncio.sleep(0.5)

    monkeypatch.setattr("fleet.wiring.store_profiles", slowly)
    batch = [
        make_reading(serial(5), firmware_version="9"),
        make_reading(serial(5), firmware_version="9", battery_mv=2000),
        make_reading(serial(1), battery_mv=2000),
    ]

    async def check_in() -> None:
        async with wired.transaction() as db:
            await store_readings(Act(db, None, START), batch)

    async def group() -> None:
        await asyncio.sleep(0.2)
        async with wired.transaction() as db:
            await service.set_group(Act(db, anna, START), [serial(5), serial(1)], 7)

    await asyncio.wait_for(asyncio.gather(check_in(), group()), scaled(20))
    async with wired.read() as db:
        found = {each.serial_number: each for each in await db.scalars(select(CashRegister))}
    for number in (1, 5):
        assert (found[serial(number)].group_id, bool(found[serial(number)].condition_mask)) == (
            7,
            True,
        )
    assert found[serial(5)].firmware_version == "9"


async def enrolled(db: AsyncSession, anna: Actor, numbers: list[str]) -> list[str]:
    verdicts = await service.enrol(Act(db, anna, START), numbers)
    return list(verdicts.accepted)


async def claimed(db: AsyncSession, anna: Actor, numbers: list[str]) -> list[str]:
    return (await access_requests.claim(Act(db, anna, START), "7707083893", numbers)).added


@pytest.mark.parametrize("take", [enrolled, claimed])
@pytest.mark.parametrize("first", ["a call", "a person"])
async def test_claim_and_first_check_in_do_not_deadlock(
    wired: Database, anna: Actor, take: Callable[..., Awaitable[list[str]]], first: str
) -> None:
    """11 and 13 call for the first time, 12 is known and nobody's; Anna takes all."""
    three = [serial(number) for number in (13, 11, 12)]
    async with wired.transaction() as db:
        await Act(db, None, START).announce(ReadingsDiffer((serial(12),)))
        await Act(db, None, START).announce(ProfilesChanged(START, (make_profile(12),)))

    async def calling() -> None:
        await asyncio.sleep(0 if first == "a call" else 0.2)
        async with wired.transaction() as db:
            await Act(db, None, START).announce(ReadingsDiffer(tuple(three)))
            await asyncio.sleep(0.4)
            profiles = [make_profile(number, firmware_version="9") for number in (11, 12, 13)]
            await Act(db, None, START).announce(ProfilesChanged(START, tuple(profiles)))

    async def taking_all() -> list[str]:
        await asyncio.sleep(0 if first == "a person" else 0.2)
        async with wired.transaction() as db:
            taken = await take(db, anna, three)
            await asyncio.sleep(0.4)
        return taken

    _, taken = await asyncio.wait_for(asyncio.gather(calling(), taking_all()), scaled(20))
    assert taken == three
    async with wired.read() as db:
        found = await db.scalars(select(CashRegister).where(CashRegister.serial_number.in_(three)))
        for register in found:
            assert (register.partner_id, register.firmware_version) == (anna.partner_id, "9")


async def test_reported_owner_and_simultaneous_transfer_do_not_deadlock(
    wired: Database, anna: Actor
) -> None:
    """Both touch what was granted of the client and the client's row: in one order."""
    inn = "7707083893"
    async with wired.transaction() as db:
        db.add(CashRegister(serial_number=serial(11), model=69, owner_inn=inn))
        db.add(
            AccessRequest(
                partner_id=anna.partner_id,
                client_inn=inn,
                consent_date=START.date(),
                status=RequestStatus.FULL,
                language=Language.RU,
                created_at=START,
                created_by=anna.employee_id,
                changed_at=START,
            )
        )
    called = ProfilesChanged(START, (make_profile(1, owner_inn=inn),))
    first, *others = REACTIONS[ProfilesChanged]

    async def begin(db: AsyncSession) -> None:
        await Act(db, None, START).announce(ReadingsDiffer((serial(1),)))
        await first(Act(db, None, START), called)

    async def go_on(db: AsyncSession) -> None:
        for react in others:
            await react(Act(db, None, START), called)

    await meet(
        wired,
        begin,
        lambda db: service.hand_over(Act(db, None, START), [serial(11)], anna.partner_id),
        between=go_on,
    )
