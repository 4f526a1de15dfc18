"""Generator of the next migration: ``python -m fleet.migrations <name>`` in a source tree.

It compares the models with an SQLite database to which all existing migrations were applied.
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from sqlalchemy import Connection

from fleet.kit.database import create_engine
from fleet.migrations.run import make_config, upgrade

VERSIONS = Path(__file__).parent / "versions"


async def write(name: str) -> None:
    with TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/migrated.db"
        await upgrade(url)
        engine = create_engine(url)
        async with engine.connect() as connection:
            await connection.run_sync(_compare, name)
        await engine.dispose()


def _compare(connection: Connection, name: str) -> None:
    number = len(list(VERSIONS.glob("[0-9]*.py"))) + 1
    command.revision(
        make_config(connection), name, autogenerate=True, rev_id=f"{number:04d}_{name}"
    )


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].isidentifier():
        sys.exit("python -m fleet.migrations name_of_the_change")
    asyncio.run(write(sys.argv[1]))
