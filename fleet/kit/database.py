"""The database: one schema on SQLite (embedded) and on PostgreSQL (service)."""

import asyncio
import enum
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, cast

import aiosqlite
import orjson
from sqlalchemy import BigInteger, DateTime, Integer, MetaData, Table, event, select
from sqlalchemy import Enum as EnumType
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect, make_url
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from fleet.kit.act import REACTIONS
from fleet.kit.facts import Reactions

SERIAL_NUMBER_DIGITS = 14
"""ATOL serial numbers: ``001``, three digits of the model, eight of the register."""

BigId = BigInteger().with_variant(Integer, "sqlite")
"""A generated 64-bit key.  SQLite generates keys only for a column of the type INTEGER."""

SQLITE_BUSY_TIMEOUT_MS = 10_000
SQLITE_PRAGMAS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={SQLITE_BUSY_TIMEOUT_MS}",
)
SQLITE_WAL_ATTEMPTS, SQLITE_WAL_PAUSE_S = 1000, 0.01
JSON_OPTIONS: dict[str, Any] = {
    "json_serializer": lambda value: orjson.dumps(value).decode(),
    "json_deserializer": orjson.loads,
}
SQLITE_OPTIONS: dict[str, Any] = {
    **JSON_OPTIONS,
    "pool_size": 5,
    "max_overflow": 0,
    "pool_timeout": 10,
    # An error quotes its statement; the parameters may be passwords.
    "hide_parameters": True,
}
POSTGRESQL_OPTIONS: dict[str, Any] = {
    **JSON_OPTIONS,
    "hide_parameters": True,
    "pool_size": 10,
    "max_overflow": 0,
    "pool_timeout": 10,
    "pool_pre_ping": True,
    "connect_args": {
        "timeout": 10,
        "command_timeout": 60,
        "server_settings": {
            "application_name": "cash-server",
            "lock_timeout": "10s",
            "idle_in_transaction_session_timeout": "60s",
        },
    },
}
WRITES = "writes"
"""The execution option of a transaction that writes: SQLite takes its write lock at its begin."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC, to the microsecond: TIMESTAMPTZ, or text of fixed width on SQLite.

    A naive value is a programming error and raises ``ValueError``.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class SerialNumber(TypeDecorator[str]):
    """The 14 digits of a serial number, stored as BIGINT so that indexes stay small and ordered."""

    impl = BigId
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if len(value) != SERIAL_NUMBER_DIGITS or not (value.isascii() and value.isdigit()):
            raise ValueError("a serial number is 14 digits")
        return int(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> str | None:
        return None if value is None else f"{value:0{SERIAL_NUMBER_DIGITS}d}"


class Base(DeclarativeBase):
    """The base of all models, with the schema's one metadata; a ``StrEnum`` is stored as text."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: UtcDateTime,
        enum.Enum: EnumType(
            enum.Enum,
            native_enum=False,
            length=32,
            values_callable=lambda members: [member.value for member in members],
        ),
    }


def table_of(model: type[Base]) -> Table:
    """Return the table of a model, for the bulk statements of ``fleet.kit.dialect``."""
    table = model.__table__
    if not isinstance(table, Table):
        raise TypeError(f"{model.__name__} is not mapped to a table")
    return table


class Database:
    """The engine and the two ways to use it, ``read`` and ``transaction``.

    ``url`` names an async driver: ``sqlite+aiosqlite:///file`` or ``postgresql+asyncpg://…``.
    """

    def __init__(self, url: str, reactions: Reactions = MappingProxyType({})) -> None:
        self.dialect = make_url(url).get_backend_name()
        self.engine = create_engine(url)
        self._info = {REACTIONS: reactions}
        self._readers = async_sessionmaker(self.engine, expire_on_commit=False, info=self._info)
        self._writers = async_sessionmaker(
            self.engine.execution_options(**{WRITES: True}), expire_on_commit=False, info=self._info
        )
        # SQLite allows one writer at a time, and a writer that waits polls with growing pauses,
        # so that a later one may overtake it; this lock keeps the order of arrival.
        self._write_turn = asyncio.Lock() if self.dialect == "sqlite" else nullcontext()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Yield a session that is committed when the block ends and rolled back when it raises."""
        async with self._write_turn, self._writers.begin() as db:
            yield db

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Yield a read-only session: whatever the block writes is rolled back."""
        async with self._readers() as db:
            yield db

    @asynccontextmanager
    async def transaction_on(self, link: AsyncConnection) -> AsyncIterator[AsyncSession]:
        """Yield a session like ``transaction``, on a connection of ``engine`` that stays open."""
        writing = await link.execution_options(**{WRITES: True})
        async with (
            self._write_turn,
            AsyncSession(writing, expire_on_commit=False, info=self._info) as db,
            db.begin(),
        ):
            yield db

    async def probe(self) -> None:
        """Execute a trivial query; raise the driver's error if the database does not respond."""
        async with self.read() as db:
            await db.execute(select(1))

    async def close(self) -> None:
        await self.engine.dispose()


class Writer:
    """Transactions of one busy writer on a connection of its own.

    This saves the pool's check-out, probe and clean-up: seven round trips for each transaction.
    After a failure the connection returns to the pool, and the next transaction takes another.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._link: AsyncConnection | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Yield a session like ``Database.transaction``; the caller opens one at a time."""
        if self._link is None:
            self._link = await self._database.engine.connect()
        try:
            async with self._database.transaction_on(self._link) as db:
                yield db
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()


def create_engine(url: str) -> AsyncEngine:
    """Return an engine with this project's settings for the database of the URL."""
    if make_url(url).get_backend_name() != "sqlite":
        return create_async_engine(url, **POSTGRESQL_OPTIONS)
    engine = create_async_engine(url, **SQLITE_OPTIONS)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # None: the driver begins no transactions by itself; _begin_sqlite does.
    connection.isolation_level = None
    connection.run_async(_set_pragmas)


async def _set_pragmas(driver: aiosqlite.Connection) -> None:
    for pragma in SQLITE_PRAGMAS:
        await driver.execute(pragma)
    await _turn_to_wal(driver)


async def _turn_to_wal(driver: aiosqlite.Connection) -> None:
    """Switch the database file to WAL; raise ``TimeoutError`` if it stays locked for 10 s.

    When several connections open a new file at once, the switch fails immediately in all but one
    of them in spite of ``busy_timeout``.  Later attempts find the file in WAL and succeed.
    """
    for _ in range(SQLITE_WAL_ATTEMPTS):
        try:
            await driver.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
        await asyncio.sleep(SQLITE_WAL_PAUSE_S)
    raise TimeoutError("the database file stays locked by another program")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot always get the write lock
    # (SQLITE_BUSY at once, without waiting), so writers take it with their first statement.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def insert_into(db: AsyncSession, table: Any) -> postgresql.Insert:
    """Return an INSERT with the methods ``on_conflict_…``, of the dialect's own class."""
    if db.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return cast(postgresql.Insert, sqlite.insert(table))
