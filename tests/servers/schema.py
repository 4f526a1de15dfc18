"""Databases with the whole schema, copied from one made once: ten times as fast."""

import asyncio
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from fleet.kit import database
from fleet.kit.database import Database
from fleet.migrations.run import full_metadata
from simulator.bench.postgres import PostgresCluster

TEMPLATE = "with_schema"

DURABLE: Final = database.SQLITE_PRAGMAS
"""As the product has them; see ``no_flushes``."""


def make_schema(url: str) -> None:
    """Create every table of the product, in a thread with its own event loop."""
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(asyncio.run, _make(url)).result()


async def _make(url: str) -> None:
    made = Database(url)
    async with made.transaction() as db:
        await (await db.connection()).run_sync(full_metadata().create_all)
    await made.close()


def asynchronous(url: str) -> str:
    return url.replace("postgresql://", "postgresql+asyncpg://")


class Schema:
    """Copies of a database with the whole schema; each dialect's template is made at first use."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "schema.db"
        self._in: PostgresCluster | None = None

    def sqlite(self, file: Path) -> str:
        """Return the URL of a copy in ``file``."""
        if not self._file.exists():
            make_schema(f"sqlite+aiosqlite:///{self._file}")
        shutil.copyfile(self._file, file)
        return f"sqlite+aiosqlite:///{file}"

    def postgresql(self, cluster: PostgresCluster, name: str) -> str:
        """Return the URL of a copy in a database of that name."""
        if self._in is not cluster:
            make_schema(asynchronous(cluster.create_database(TEMPLATE)))
            self._in = cluster
        return asynchronous(cluster.create_database(name, TEMPLATE))


@pytest.fixture(autouse=True, scope="session")
def no_flushes() -> Iterator[None]:
    """SQLite waits for no disk, whose speed decides nothing here: a flush may take seconds where
    others write.  Programs of their own, and what is killed there, are as durable as ever.
    """
    hasty = tuple(each.replace("synchronous=FULL", "synchronous=OFF") for each in DURABLE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "SQLITE_PRAGMAS", hasty)
        yield


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    """Return the schema for the whole run."""
    return Schema(tmp_path_factory.mktemp("schema"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a database with the whole schema for one test, in each dialect."""
    schema: Schema = request.getfixturevalue("schema")
    if request.param == "sqlite":
        yield schema.sqlite(tmp_path / "fleet.db")
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres")
    name = f"test_{uuid4().hex}"
    yield schema.postgresql(cluster, name)
    cluster.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, in each dialect."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
    return str(request.getfixturevalue("postgres_url"))
