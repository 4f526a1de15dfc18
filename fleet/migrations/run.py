"""Execution of the migrations from the program, without an ini file, on both databases."""

import importlib
import pkgutil
from importlib.util import find_spec
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

import fleet
from fleet.kit.database import WRITES, Base, create_engine

LOCK = 0x6361_7368
"""The key of PostgreSQL's advisory lock during an upgrade."""


async def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the schema to ``revision`` in one transaction.

    Of several processes that call it at once, one does the work and the others wait.
    """
    engine = _migration_engine(database_url)
    try:
        async with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                await connection.execute(
                    text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK}
                )
            await connection.run_sync(lambda sync: command.upgrade(make_config(sync), revision))
    finally:
        await engine.dispose()


def make_config(connection: Connection) -> Config:
    """Return Alembic's configuration for work on this connection."""
    config = Config()
    config.set_main_option("script_location", "fleet:migrations")
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s")
    config.attributes["connection"] = connection
    return config


def full_metadata() -> MetaData:
    """Import the models of every feature; return the metadata with all their tables."""
    for module in pkgutil.iter_modules(fleet.__path__, "fleet."):
        if module.ispkg and find_spec(f"{module.name}.models"):
            importlib.import_module(f"{module.name}.models")
    return Base.metadata


def _migration_engine(url: str) -> AsyncEngine:
    """Return an engine for one connection, without the time limits of ordinary work."""
    if not url.startswith("sqlite"):
        return create_async_engine(url, poolclass=NullPool)
    engine = create_engine(url).execution_options(**{WRITES: True})
    event.listen(engine.sync_engine, "connect", _without_foreign_keys)
    return engine


def _without_foreign_keys(connection: Any, _record: object) -> None:
    # A migration changes an SQLite table by copying and dropping it; with foreign keys on, dropping
    # a table would delete the rows of tables that refer to it.
    connection.execute("PRAGMA foreign_keys=OFF")
