"""Readings that an older program stored are shown and compared by this one, on both dialects."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from fleet.kit.act import Act
from fleet.kit.database import Database
from fleet.migrations.run import upgrade
from fleet.registers.models import CashRegister
from fleet.telemetry.models import READINGS, RegisterState
from fleet.telemetry.service import Reading, store_readings
from fleet.wiring import REACTIONS
from protocol.platforms import Platform
from protocol.telemetry import decode, encode
from tests.fleet.conftest import HandClock
from tests.fleet.telemetry.stored_before import CUT, KNOWN, restore

NAME = 'Общество с ограниченной ответственностью "Северный хлеб"'


@pytest.fixture
async def restored(empty_url: str) -> AsyncIterator[Database]:
    await restore(empty_url)
    await upgrade(empty_url)
    database = Database(empty_url, REACTIONS)
    yield database
    await database.close()


async def state(database: Database, serial: str) -> RegisterState:
    async with database.read() as db:
        return (
            await db.scalars(select(RegisterState).where(RegisterState.serial_number == serial))
        ).one()


async def register(database: Database, serial: str) -> CashRegister:
    async with database.read() as db:
        return (
            await db.scalars(select(CashRegister).where(CashRegister.serial_number == serial))
        ).one()


def taken(serial: str, version: int, block: bytes) -> Reading:
    platform = Platform.V2_5 if serial == CUT else Platform.V5_0
    return Reading.from_block(int(serial), platform, 69, 1, 2, version, block)


async def test_stored_blocks_decode_to_their_values(restored: Database) -> None:
    async with restored.read() as db:
        columns = READINGS.c.serial_number, READINGS.c.block_version, READINGS.c.block
        rows = (await db.execute(select(*columns))).all()
    for serial, version, block in rows:
        told, columns_of = decode(version, block), await register(restored, serial)
        for name in ("firmware_version", "owner_inn", "owner_name", "address", "ffd_version"):
            assert told[name] == getattr(columns_of, name)
    assert len(rows) == 4


@pytest.mark.parametrize("serial", [KNOWN, CUT])
async def test_unchanged_register_announces_nothing_after_the_upgrade(
    restored: Database, clock: HandClock, serial: str
) -> None:
    """Its checksum is the one of before: an update does not make the whole fleet write rows."""
    before = await state(restored, serial)
    profile_at = (await register(restored, serial)).profile_at
    clock.forward(days=1)
    again = taken(serial, before.block_version, before.block)
    assert (again.profile_crc, again.condition_mask) == (before.profile_crc, before.condition_mask)
    async with restored.transaction() as db:
        await store_readings(Act(db, None, clock()), [again])
    assert (await register(restored, serial)).profile_at == profile_at
    assert (await state(restored, serial)).seen_at == clock()


async def test_register_with_version_2_reports_the_whole_owner_name(
    restored: Database, clock: HandClock
) -> None:
    before = await state(restored, CUT)
    said = {**decode(before.block_version, before.block), "owner_name": NAME}
    async with restored.transaction() as db:
        await store_readings(Act(db, None, clock()), [taken(CUT, 2, encode(said))])
    row = await register(restored, CUT)
    assert (row.owner_name, row.search_names.split("\n")[0]) == (NAME, NAME.lower())
