"""What a command has left in the database, for tests that run outside of a loop."""

import asyncio

from sqlalchemy import select

from fleet.kit.database import Database


def found(url: str, *columns: object) -> list[tuple[object, ...]]:
    """The rows of the database at this address."""

    async def look() -> list[tuple[object, ...]]:
        database = Database(url)
        async with database.read() as db:
            rows = [tuple(row) for row in await db.execute(select(*columns))]  # type: ignore[call-overload]
        await database.close()
        return rows

    return asyncio.run(look())
