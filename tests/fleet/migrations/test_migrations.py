"""The migrations lead to the schema that the models declare, on both dialects."""

import asyncio
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from fleet.kit.database import WRITES, Database, create_engine
from fleet.migrations.run import full_metadata, make_config, upgrade
from tests.pace import scaled

NOT_IN_MODELS = {
    "ix_registers_search_numbers",
    "ix_registers_search_names",
    "ix_audit_entries_trigrams",
}
"""Exist only where PostgreSQL may have the extension that they need (migrations 0017, 0019)."""


def differences(connection: Connection) -> list[Any]:
    def is_declared(_object: Any, name: str | None, *_more: Any) -> bool:
        return name not in NOT_IN_MODELS

    context = MigrationContext.configure(connection, opts={"include_object": is_declared})
    return list(compare_metadata(context, full_metadata()))


async def test_migrated_schema_is_the_declared_one(empty_url: str) -> None:
    await upgrade(empty_url)
    engine = create_engine(empty_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    await engine.dispose()
    assert set(tables) == {*full_metadata().tables, "alembic_version"}


async def test_upgrading_again_and_at_once_changes_nothing(empty_url: str) -> None:
    await asyncio.wait_for(asyncio.gather(*(upgrade(empty_url) for _ in range(3))), scaled(30))
    await upgrade(empty_url)


async def test_the_way_back_of_the_newest(empty_url: str) -> None:
    await upgrade(empty_url)
    database = Database(empty_url)

    def downgrade(connection: Connection) -> None:
        command.downgrade(make_config(connection), "-1")

    async with database.engine.execution_options(**{WRITES: True}).begin() as connection:
        await connection.run_sync(downgrade)
    await database.close()
    await upgrade(empty_url)
