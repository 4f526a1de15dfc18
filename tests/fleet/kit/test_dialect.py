"""Both dialects do the same with the bulk statements, for every column that the tables use."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Enum,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from fleet.kit.database import BigId, Database, SerialNumber, UtcDateTime
from fleet.kit.dialect import (
    Columns,
    Replacement,
    delete_portion,
    insert_columns,
    notify,
    replace_columns,
    select_for_update,
    update_columns,
)
from fleet.migrations.run import full_metadata
from fleet.operations.rules import OperationStatus
from tests.fleet.conftest import START
from tests.pace import scaled

METADATA = MetaData()
THINGS = Table(
    "things",
    METADATA,
    Column("id", BigId, primary_key=True, autoincrement=False),
    Column("serial", SerialNumber),
    Column("moment", UtcDateTime),
    Column("day", Date),
    Column(
        "status",
        Enum(
            OperationStatus,
            native_enum=False,
            length=32,
            values_callable=lambda members: [member.value for member in members],
        ),
    ),
    Column("json", JSON(none_as_null=True)),
    Column("raw", LargeBinary),
    Column("flag", Boolean),
    Column("small", SmallInteger),
    Column("number", Integer, server_default=text("7")),
    Column("word", String(40)),
    Column("text", Text),
)
"""A column of every type that the product's tables have, all but the key nullable."""

LATEST = Table(
    "latest",
    METADATA,
    Column("id", BigId, primary_key=True, autoincrement=False),
    Column("small", SmallInteger),
    Column("was_small", SmallInteger),
    Column("number", Integer),
    Column("was_number", Integer),
    Column("raw", LargeBinary),
    Column("moment", UtcDateTime),
)

COPIES = Table(
    "copies",
    METADATA,
    Column("id", BigId, nullable=False),
    Column("raw", LargeBinary),
    Column("kept_at", UtcDateTime, nullable=False),
)

MICROSECOND = START + timedelta(microseconds=1)
SAMPLES: Mapping[str, Sequence[Any]] = {
    "serial": ["00106900000001", None, "99999999999999", "00000000000000"],
    "moment": [START, None, MICROSECOND, datetime(2099, 12, 31, 23, 59, 59, 999999, UTC)],
    "day": [START.date(), None, date(2000, 1, 1), date(2099, 12, 31)],
    "status": [
        OperationStatus.QUEUED,
        None,
        OperationStatus.NEEDS_ATTENTION,
        OperationStatus.FAILED,
    ],
    "json": [{"a": [1, None, "ё\0"]}, None, {}, {"deep": {"{x}": 'quote " \\ '}}],
    "raw": [b"\0\xff'", None, b"", bytes(range(256))],
    "flag": [True, None, False, True],
    "small": [-32768, None, 32767, 0],
    "number": [-(2**31), None, 2**31 - 1, 0],
    "word": ["", None, "Ёлка ' \" \\ % :word {x} 𝄞", "x" * 40],
    "text": ["", None, "строка\nза строкой", "x" * 10_000],
}
ROWS = 4


@pytest.fixture
async def things(empty_url: str) -> AsyncIterator[Database]:
    database = Database(empty_url)
    async with database.transaction() as db:
        await (await db.connection()).run_sync(METADATA.create_all)
    yield database
    await database.close()


async def everything(database: Database, table: Table = THINGS) -> dict[str, list[Any]]:
    """Columns of the table in the order of the ids."""
    async with database.read() as db:
        rows = (await db.execute(select(table).order_by(table.c.id))).all()
    return {column.name: [getattr(row, column.name) for row in rows] for column in table.c}


def test_the_samples_cover_every_column_type_of_the_product() -> None:
    used = {type(column.type) for table in full_metadata().tables.values() for column in table.c}
    assert used <= {type(column.type) for column in THINGS.c}
    assert set(SAMPLES) == {column.name for column in THINGS.c} - {"id"}


async def test_every_column_type_survives_a_bulk_insert(things: Database) -> None:
    async with things.transaction() as db:
        await insert_columns(db, THINGS, {"id": range(ROWS), **SAMPLES}, {})
    assert await everything(things) == {"id": list(range(ROWS)), **SAMPLES}


async def test_every_column_type_can_be_a_constant_of_the_insert(things: Database) -> None:
    for start, which in enumerate(range(ROWS)):
        constants = {name: values[which] for name, values in SAMPLES.items()}
        async with things.transaction() as db:
            await insert_columns(db, THINGS, {"id": [2 * start, 2 * start + 1]}, constants)
    found = await everything(things)
    for name, values in SAMPLES.items():
        assert found[name] == [value for value in values for _ in range(2)]


async def test_every_column_type_can_be_updated(things: Database) -> None:
    async with things.transaction() as db:
        await insert_columns(db, THINGS, {"id": range(ROWS + 1)}, {"word": "old"})
        await update_columns(db, THINGS, "id", {"id": range(ROWS), **SAMPLES}, {})
        await update_columns(db, THINGS, "id", {"id": [1, 77]}, {"word": "new", "moment": START})
    found = await everything(things)
    expected = {name: [*values, None] for name, values in SAMPLES.items()}
    expected["word"][-1], expected["number"][-1] = "old", 7
    expected["word"][1], expected["moment"][1] = "new", START
    assert found == {"id": list(range(ROWS + 1)), **expected}


async def test_none_in_a_json_column_is_stored_as_sql_null(things: Database) -> None:
    async with things.transaction() as db:
        await insert_columns(db, THINGS, {"id": [1, 2], "json": [None, {"a": None}]}, {})
        nulls = await db.scalar(text("SELECT count(*) FROM things WHERE json IS NULL"))
    assert nulls == 1


async def test_absent_columns_get_their_defaults(things: Database) -> None:
    async with things.transaction() as db:
        await insert_columns(db, THINGS, {"id": [1]}, {})
    found = await everything(things)
    assert (found["number"], found["word"]) == ([7], [None])


async def test_an_existing_row_is_replaced_by_the_insert(things: Database) -> None:
    async with things.transaction() as db:
        await insert_columns(db, THINGS, {"id": [1, 2], "word": ["a", "b"]}, {"small": 1})
        columns: Columns = {"id": [2, 3], "word": ["B", "C"]}
        await insert_columns(db, THINGS, columns, {"flag": True}, replace_on="id")
    found = await everything(things)
    assert (found["id"], found["word"]) == ([1, 2, 3], ["a", "B", "C"])
    assert (found["small"], found["flag"]) == ([1, 1, None], [None, True, True])


async def test_without_replacing_an_existing_row_is_a_conflict(things: Database) -> None:
    async with things.transaction() as db:
        await insert_columns(db, THINGS, {"id": [1]}, {"word": "kept"})
    with pytest.raises(IntegrityError):
        async with things.transaction() as db:
            await insert_columns(db, THINGS, {"id": [0, 1]}, {"word": "lost"})
    assert (await everything(things))["word"] == ["kept"]


# ---- replacing, with a report -------------------------------------------------------------------

WHAT = Replacement(
    table=LATEST,
    key="id",
    watched=("small", "number"),
    constant="moment",
    history=COPIES,
    copied=("id", "raw"),
    history_constant="kept_at",
)


async def replace(things: Database, at: datetime, *rows: tuple[int, int, int, bytes]) -> Any:
    columns = dict(zip(("id", "small", "number", "raw"), zip(*rows, strict=True), strict=True))
    async with things.transaction() as db:
        return await replace_columns(db, WHAT, columns, at)


async def test_a_replacement_returns_the_previous_values(things: Database) -> None:
    later = START + timedelta(hours=1)
    first = await replace(things, START, (1, 10, 100, b"a"), (2, 20, 200, b"b"))
    assert first == {1: None, 2: None}
    # 1 as it was, 2 with one watched value changed, 3 new
    second = await replace(
        things, later, (1, 10, 100, b"A"), (2, 20, 201, b"B"), (3, 30, 300, b"C")
    )
    assert second == {2: (20, 200), 3: None}
    found = await everything(things, LATEST)
    assert (found["number"], found["raw"]) == ([100, 201, 300], [b"A", b"B", b"C"])
    assert found["moment"] == [later] * 3
    async with things.read() as db:
        copies = (await db.execute(select(COPIES))).all()
    assert sorted(map(tuple, copies)) == sorted(
        [
            (1, b"a", START),
            (2, b"b", START),
            (1, b"A", later),
            (2, b"B", later),
            (3, b"C", later),
        ]
    )


async def test_a_failed_replacement_leaves_no_copy_in_the_history(things: Database) -> None:
    with pytest.raises(LookupError):
        async with things.transaction() as db:
            columns: Columns = {"id": [1], "small": [1], "number": [1], "raw": [b""]}
            await replace_columns(db, WHAT, columns, START)
            raise LookupError
    async with things.read() as db:
        assert (await db.execute(select(COPIES))).all() == []
    assert (await everything(things, LATEST))["id"] == []


# ---- locks, words, clean-ups --------------------------------------------------------------------


@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
async def test_locked_rows_are_waited_for_or_skipped(things: Database) -> None:
    async with things.transaction() as db:
        await insert_columns(db, THINGS, {"id": range(3)}, {})

    async def take(wait: bool) -> list[int]:
        async with things.transaction() as db:
            wanted = select(THINGS.c.id).order_by(THINGS.c.id)
            return list(await db.scalars(select_for_update(db, wanted, wait=wait)))

    async with things.transaction() as db:
        held = select_for_update(db, select(THINGS.c.id).where(THINGS.c.id == 1), wait=True)
        assert list(await db.scalars(held)) == [1]
        assert await take(wait=False) == [0, 2]
        waiting = asyncio.create_task(take(wait=True))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
    assert await asyncio.wait_for(waiting, scaled(5)) == [0, 1, 2]


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
async def test_sqlite_needs_no_row_locks(things: Database) -> None:
    statement = select(THINGS.c.id)
    async with things.transaction() as db:
        assert (
            select_for_update(db, statement, wait=True)
            is select_for_update(db, statement, wait=False)
            is statement
        )


async def test_a_notification_changes_no_rows(things: Database) -> None:
    async with things.transaction() as db:
        await notify(db, "some_channel", "1,2,3")
    assert (await everything(things))["id"] == []


async def test_a_clean_up_deletes_a_portion_of_the_matching_rows(things: Database) -> None:
    moments = [START + timedelta(minutes=number) for number in range(10)]
    async with things.transaction() as db:
        await insert_columns(db, THINGS, {"id": range(10), "moment": moments}, {})
    removed: list[int] = []
    while not removed or removed[-1]:
        async with things.transaction() as db:
            border = moments[7]
            removed.append(await delete_portion(db, THINGS, "moment < :moment", 3, moment=border))
    assert removed == [3, 3, 1, 0]
    assert (await everything(things))["id"] == [7, 8, 9]
