"""What a command has left in the database, for tests that run outside of a loop."""

import asyncio

from sqlalchemy import inspect, select

from fleet.kit.database import Database


def found(url: str, *columns: object) -> list[tuple[object, ...]]:
    """The rows of the database at this address, in the order of the first column's keys."""

    async def look() -> list[tuple[object, ...]]:
        database = Database(url)
        keys = inspect(columns[0].class_).primary_key  # type: ignore[attr-defined]
        wanted = select(*columns).order_by(*keys)  # type: ignore[call-overload]
        async with database.read() as db:
            rows = [tuple(row) for row in await db.execute(wanted)]
        await database.close()
        return rows

    return asyncio.run(look())
