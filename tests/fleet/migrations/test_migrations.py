"""The migrations lead to the schema that the models declare, on both dialects."""

import asyncio
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from fleet.kit.database import create_engine
from fleet.migrations.run import full_metadata, upgrade


def differences(connection: Connection) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection), full_metadata()))


async def test_migrated_schema_is_the_declared_one(database_url: str) -> None:
    await upgrade(database_url)
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    await engine.dispose()
    assert set(tables) == {*full_metadata().tables, "alembic_version"}


async def test_upgrading_again_and_at_once_changes_nothing(database_url: str) -> None:
    await asyncio.wait_for(asyncio.gather(*(upgrade(database_url) for _ in range(3))), 30)
    await upgrade(database_url)
