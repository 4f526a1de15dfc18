"""Profile columns are rebuilt from stored readings, a portion at a time."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select, update

from fleet.clients.models import Client
from fleet.kit.act import Act
from fleet.kit.database import Database
from fleet.registers.models import CashRegister
from fleet.registers.rebuild import Portion, rebuild_profiles
from fleet.telemetry.service import store_readings
from fleet.wiring import REACTIONS
from tests.fleet.conftest import Employ, HandClock
from tests.fleet.registers.conftest import serial
from tests.fleet.telemetry.readings import make_reading

NAME = 'Общество с ограниченной ответственностью "Северный хлеб"'
ADDRESS = "191002, Санкт-Петербург, муниципальный округ Владимирский, пер. Учебный, д. 5, литера А"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with the whole schema and the reactions of the product."""
    database = Database(database_url, REACTIONS)
    yield database
    await database.close()


async def call(database: Database, clock: HandClock, *numbers: int) -> None:
    readings = [make_reading(serial(n), owner_name=NAME, address=ADDRESS) for n in numbers]
    async with database.transaction() as db:
        await store_readings(Act(db, None, clock()), readings)


async def spoil(database: Database, **columns: Any) -> None:
    """Columns as a program leaves them that does not know what the readings say."""
    async with database.transaction() as db:
        await db.execute(update(CashRegister).values(**columns))


async def rebuild(database: Database, clock: HandClock, after: str = "", limit: int = 9) -> Portion:
    async with database.transaction() as db:
        return await rebuild_profiles(Act(db, None, clock()), after, limit)


async def rows(database: Database) -> list[dict[str, Any]]:
    async with database.read() as db:
        table = CashRegister.__table__
        found = await db.execute(select(table).order_by(table.c.serial_number))
        return [dict(row) for row in found.mappings()]


async def test_rebuilt_columns_equal_newly_written_ones(
    database: Database, clock: HandClock
) -> None:
    await call(database, clock, 1, 2)
    before = await rows(database)
    assert (before[0]["owner_name"], before[0]["address"]) == (NAME, ADDRESS)
    await spoil(database, owner_name=NAME[:48], address="", shown_address="", search_names="")
    clock.forward(days=3)
    assert await rebuild(database, clock) == Portion(serial(2), 2, 2)
    assert await rows(database) == before
    assert await rebuild(database, clock) == Portion(serial(2), 2, 0)


async def test_portions_cover_all_registers_in_order(database: Database, clock: HandClock) -> None:
    await call(database, clock, *range(5))
    await spoil(database, owner_name="")
    last, sizes = "", []
    while (done := await rebuild(database, clock, last, 2)).looked:
        last = done.last
        sizes.append(done.rebuilt)
    assert sizes == [2, 2, 1]
    assert {row["owner_name"] for row in await rows(database)} == {NAME}


async def test_rebuild_keeps_the_installed_address(database: Database, clock: HandClock) -> None:
    await call(database, clock, 1)
    place = "Омск, склад"
    await spoil(database, installed_address=place, shown_address=place, address="")
    await rebuild(database, clock)
    (row,) = await rows(database)
    assert (row["address"], row["shown_address"]) == (ADDRESS, place)
    assert row["search_names"].endswith("\nомск, склад")


async def test_rebuild_updates_the_names_of_clients(
    database: Database, clock: HandClock, employ: Employ
) -> None:
    anna = await employ("anna")
    await call(database, clock, 1)
    await spoil(database, owner_name=NAME[:48], partner_id=anna.partner_id)
    await rebuild(database, clock)
    async with database.read() as db:
        client = (await db.scalars(select(Client))).one()
    assert (client.reported_name, NAME.lower() in client.search_text) == (NAME, True)


async def test_rebuild_without_registers_does_nothing(database: Database, clock: HandClock) -> None:
    assert await rebuild(database, clock) == Portion("", 0, 0)
