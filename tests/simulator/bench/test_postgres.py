"""The throw-away PostgreSQL: it works, it is durable, and nothing of it stays behind."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from simulator.bench.postgres import PostgresCluster, PostgresError, PostgresMissing, choose_account
from tests.pace import scaled


async def value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url, timeout=scaled(10))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def own(postgres: PostgresCluster) -> Iterator[PostgresCluster]:
    """A second cluster, to stop and to kill; ``postgres`` decides whether there can be one."""
    with PostgresCluster({"shared_buffers": "24MB", "max_connections": "7"}) as cluster:
        yield cluster


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files that every account may pass, and that must end up empty."""
    with tempfile.TemporaryDirectory(prefix="shelf-") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)
        assert list(Path(folder).iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("listen_addresses", "127.0.0.1"),
        ("shared_buffers", "24MB"),
        ("max_connections", "7"),
        ("server_encoding", "UTF8"),
    ],
)
async def test_settings_are_applied(own: PostgresCluster, setting: str, expected: str) -> None:
    assert await value(own.url, f"SHOW {setting}") == expected


async def test_only_loopback_is_trusted(own: PostgresCluster) -> None:
    rules = "SELECT string_agg(concat_ws(' ', type, address, auth_method), ',')"
    assert await value(own.url, f"{rules} FROM pg_hba_file_rules") == "host 127.0.0.1 trust"


async def test_databases_are_created_and_dropped(own: PostgresCluster) -> None:
    url = own.create_database("fleet")
    assert await value(url, "SELECT current_database()") == "fleet"
    with pytest.raises(PostgresError, match="already exists"):
        own.create_database("fleet")
    own.drop_database("fleet")
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await value(url, "SELECT 1")


async def test_committed_data_survives_a_kill(own: PostgresCluster) -> None:
    url = own.create_database("killed")
    connection = await asyncpg.connect(url, timeout=scaled(10))
    await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    family = [psutil.Process(own.pid), *psutil.Process(own.pid).children()]
    own.kill()
    assert [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await connection.fetchval("SELECT 1")
    connection.terminate()
    own.restart()
    assert await value(url, "SELECT answer FROM kept") == 42


async def test_stop_and_restart_keep_the_address(own: PostgresCluster) -> None:
    url, pid = own.url, own.pid
    own.stop()
    own.stop()
    with pytest.raises(PostgresError, match="stopped"):
        _ = own.pid
    own.restart()
    assert own.url == url
    assert own.pid != pid
    assert await value(url, "SELECT 1") == 1


@pytest.mark.usefixtures("postgres")
def test_an_exception_leaves_no_process_or_folder(shelf: Path) -> None:
    with pytest.raises(KeyError), PostgresCluster() as cluster:
        pid = cluster.pid
        raise KeyError
    assert not psutil.pid_exists(pid)


@pytest.mark.usefixtures("postgres")
def test_a_refused_parameter_leaves_nothing_and_is_explained(shelf: Path) -> None:
    with pytest.raises(PostgresError, match="shared_buffers"):
        PostgresCluster({"shared_buffers": "plenty"})


@pytest.mark.usefixtures("postgres")
def test_a_cluster_that_is_not_ready_in_time_leaves_nothing(shelf: Path) -> None:
    with pytest.raises(PostgresError, match="did not start"):
        PostgresCluster(ready_timeout_s=-1)


@pytest.mark.usefixtures("postgres")
@pytest.mark.parametrize("end", ["", "raise SystemExit(3)", "1 / 0"])
def test_a_program_that_does_not_close_it_leaves_nothing(shelf: Path, end: str) -> None:
    program = f"""
from simulator.bench.postgres import PostgresCluster
from tests.pace import scaled
cluster = PostgresCluster()
print(cluster.pid, flush=True)
{end}
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=scaled(50)
    )
    assert not psutil.pid_exists(int(done.stdout))


@pytest.mark.parametrize(
    ("mode", "reason"), [(0o755, "No such file"), (0o000, "Permission denied")]
)
def test_binaries_that_cannot_be_run_are_reported(
    shelf: Path, monkeypatch: pytest.MonkeyPatch, mode: int, reason: str
) -> None:
    chosen = shelf / "bin"
    chosen.mkdir(mode)
    chosen.chmod(mode)
    monkeypatch.setenv("CASH_SERVER_PG_BIN", str(chosen))
    with pytest.raises(PostgresMissing, match=reason):
        PostgresCluster()
    chosen.rmdir()


def test_root_uses_another_account() -> None:
    assert (choose_account().uid is None) == (os.geteuid() != 0)
    assert choose_account().uid != 0


async def test_each_test_has_an_empty_database(postgres_url: str) -> None:
    url = postgres_url.replace("+asyncpg", "")
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert await value(url, tables) == 0
