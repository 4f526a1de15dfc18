"""What every test may use: a PostgreSQL of its own and the profiles of hypothesis.

``CI=true`` makes a missing component a failure where it is otherwise a skip.  Examples of
hypothesis are the same in every run; ``SEARCH=true`` looks for others.
"""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4

import hypothesis
import pytest
import structlog

from fleet.kit import database
from simulator.bench.postgres import PostgresCluster, PostgresMissing
from tests.servers import schema as schemas
from tests.servers.mosquitto import Mosquitto, MosquittoMissing

schema, database_url, empty_url = schemas.schema, schemas.database_url, schemas.empty_url

DURABLE: Final = database.SQLITE_PRAGMAS
"""As the product has them; see ``no_flushes``."""

UNFLUSHED: Final = {
    **dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off"),
    "max_wal_size": "64MB",
}
MEMORY, ENOUGH_BYTES = Path("/dev/shm"), 2 << 30
"""Files that are in memory alone, where a system has them, and what a run may need of them."""

IN_CI = os.environ.get("CI") == "true"

_AT_ANY_SPEED: Final = hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("same", _AT_ANY_SPEED, derandomize=True)
hypothesis.settings.register_profile("search", _AT_ANY_SPEED)
hypothesis.settings.load_profile("search" if os.environ.get("SEARCH") == "true" else "same")

# structlog's own choice draws a traceback with every variable of every frame, which takes seconds.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)


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
def postgres() -> Iterator[PostgresCluster]:
    """One cluster for the whole run, which waits for no disk.  Do not stop or kill it.

    Each test's database is a copy of 565 files: in memory they cost a sixth of the work.
    """
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES
    try:
        cluster = PostgresCluster(UNFLUSHED, within=MEMORY if roomy else None)
    except PostgresMissing as reason:
        if IN_CI:
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    with cluster:
        yield cluster


@pytest.fixture
def postgres_url(postgres: PostgresCluster) -> Iterator[str]:
    """The address, ``postgresql+asyncpg://…``, of an empty database of this test alone."""
    name = f"test_{uuid4().hex}"
    url = postgres.create_database(name)
    yield url.replace("postgresql://", "postgresql+asyncpg://")
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[Mosquitto]:
    """One broker for the whole run.  Do not stop or kill it; accounts are each test's own."""
    try:
        broker = Mosquitto()
    except MosquittoMissing as reason:
        if IN_CI:
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    with broker:
        yield broker


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of 127.0.0.1 on which nobody listens: it is bound here, and kept."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])
