"""A PostgreSQL for tests, which waits for no disk."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from simulator.bench.postgres import READY_TIMEOUT_S, PostgresCluster, PostgresMissing
from tests.pace import scaled
from tests.servers import missing

UNFLUSHED: Final = {
    **dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off"),
    "max_wal_size": "64MB",
}
MEMORY, ENOUGH_BYTES = Path("/dev/shm"), 2 << 30
"""Files that are in memory alone, where a system has them, and what a run may need of them."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    """One cluster for the whole run, which waits for no disk.  Do not stop or kill it.

    Each test's database is a copy of 565 files: in memory they cost a sixth of the work.
    """
    with start() as cluster:
        yield cluster


def start() -> PostgresCluster:
    """Return a running cluster; skip or fail the test where none can run."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES
    try:
        return PostgresCluster(
            UNFLUSHED,
            within=MEMORY if roomy else None,
            ready_timeout_s=scaled(READY_TIMEOUT_S),
        )
    except PostgresMissing as reason:
        missing(reason)


@pytest.fixture
def postgres_url(postgres: PostgresCluster) -> Iterator[str]:
    """The address, ``postgresql+asyncpg://…``, of an empty database of this test alone."""
    name = f"test_{uuid4().hex}"
    url = postgres.create_database(name)
    yield url.replace("postgresql://", "postgresql+asyncpg://")
    postgres.drop_database(name)
