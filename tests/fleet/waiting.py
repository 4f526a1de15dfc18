"""Transactions that wait for each other, without guessing how long it takes until they do."""

import asyncio
from typing import Any

from sqlalchemy import text

from fleet.kit.database import Database
from tests.pace import scaled

_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def until_blocked(database: Database, doing: asyncio.Task[Any]) -> None:
    """Until the task waits for a lock of PostgreSQL, or has ended without.

    SQLite has one writer at a time: there it waits from its first statement on.
    """
    async with asyncio.timeout(scaled(10)):
        while database.dialect == "postgresql" and not doing.done():
            async with database.read() as db:
                if await db.scalar(_WAITING):
                    return
