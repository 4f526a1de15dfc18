"""Both dialects keep what they are given, and units of work end whole."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError

from fleet.accounts.models import Partner
from fleet.kit.act import Act
from fleet.kit.database import Database
from fleet.registers.models import CashRegister
from tests.fleet.conftest import START
from tests.pace import scaled
from tests.servers.schema import DURABLE

SERIAL = "00106900000001"


async def add_partner(database: Database, created_at: datetime = START) -> int:
    async with database.transaction() as db:
        partner = Partner(name="P", created_at=created_at)
        db.add(partner)
        await db.flush()
        return partner.id


async def test_a_stored_moment_is_read_in_utc_with_microseconds(database: Database) -> None:
    moscow = timezone(timedelta(hours=3))
    await add_partner(database, datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=moscow))
    async with database.read() as db:
        kept = await db.scalar(select(Partner.created_at))
    assert kept == datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
    assert kept is not None and kept.utcoffset() == timedelta(0)


async def test_moments_sort_by_time_in_any_zone(database: Database) -> None:
    east = timezone(timedelta(hours=12))
    moments = [START + timedelta(microseconds=n) for n in (0, 1, 1_000_000)]
    for moment in (moments[2].astimezone(east), moments[0], moments[1].astimezone(east)):
        await add_partner(database, moment)
    async with database.read() as db:
        kept = await db.scalars(select(Partner.created_at).order_by(Partner.created_at))
    assert list(kept) == moments


async def test_a_naive_moment_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without a time zone"):
        await add_partner(database, datetime(2026, 3, 2))


async def test_a_serial_number_keeps_its_leading_zeros(database: Database) -> None:
    async with database.transaction() as db:
        db.add(CashRegister(serial_number=SERIAL, model=69))
    async with database.read() as db:
        assert await db.scalar(select(CashRegister.serial_number)) == SERIAL
        assert await db.scalar(text("SELECT serial_number FROM registers")) == 106900000001


@pytest.mark.parametrize("bad", ["1069", "0010690000000١", "-0106900000001", ""])
async def test_an_invalid_serial_number_is_not_stored(database: Database, bad: str) -> None:
    with pytest.raises(StatementError, match="14 digits"):
        async with database.transaction() as db:
            db.add(CashRegister(serial_number=bad, model=69))


async def test_a_failed_transaction_writes_nothing(database: Database) -> None:
    with pytest.raises(LookupError):
        async with database.transaction() as db:
            db.add(Partner(name="P", created_at=START))
            await db.flush()
            raise LookupError
    async with database.read() as db:
        assert await db.scalar(select(Partner.id)) is None


async def test_a_read_only_session_writes_nothing(database: Database) -> None:
    async with database.read() as db:
        db.add(Partner(name="P", created_at=START))
        await db.flush()
    async with database.read() as db:
        assert await db.scalar(select(Partner.id)) is None


async def test_simultaneous_writers_that_read_first_all_succeed(database: Database) -> None:
    """An upgrade of a read lock would fail at once on SQLite; lost updates on neither."""
    partner_id = await add_partner(database)

    async def lengthen() -> None:
        async with database.transaction() as db:
            partner = await db.get_one(Partner, partner_id, with_for_update=True)
            await asyncio.sleep(0)
            partner.name += "P"

    await asyncio.wait_for(asyncio.gather(*(lengthen() for _ in range(20))), scaled(30))
    async with database.read() as db:
        assert await db.scalar(select(Partner.name)) == "P" * 21


async def test_sqlite_is_durable_and_checks_foreign_keys(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.kit.database.SQLITE_PRAGMAS", DURABLE)
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/fleet.db")
    async with database.read() as db:
        found = [
            await db.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    await database.close()
    assert found == ["wal", 2, 1]


async def test_reactions_run_in_the_transaction_of_the_fact(
    database_url: str, database: Database
) -> None:
    seen: list[object] = []

    async def write(act: Act, fact: str) -> None:
        act.db.add(Partner(name=fact, created_at=START))

    async def fail(_act: Act, fact: str) -> None:
        seen.append(fact)
        raise LookupError

    reactions: dict[type, tuple[Callable[[Act, str], Awaitable[None]], ...]] = {str: (write, fail)}
    wired = Database(database_url, reactions)
    with pytest.raises(LookupError):
        async with wired.transaction() as db:
            await Act(db, None, START).announce("fact")
    async with wired.transaction() as db:
        await Act(db, None, START).announce(5)
        assert await db.scalar(select(Partner.id)) is None
    await wired.close()
    assert seen == ["fact"]


async def test_the_probe_fails_without_a_database(closed_port: int) -> None:
    database = Database(f"postgresql+asyncpg://postgres@127.0.0.1:{closed_port}/fleet")
    with pytest.raises(OSError):
        await database.probe()
    await database.close()
