"""A temporary Mosquitto with dynamic security, for tests and journeys.

    with Mosquitto() as broker:
        broker.port, broker.password  # the administrator is ADMIN

It lives in a temporary folder, listens on a free port of 127.0.0.1 and refuses anonymous peers. It
is removed with its folder by ``close``, at the end of the ``with`` block, or at the latest when the
program ends.
"""

import atexit
import base64
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Self

import pytest

from simulator.bench.ports import free_port
from tests.pace import scaled
from tests.servers import missing

HOST: Final = "127.0.0.1"
ADMIN: Final = "admin"

PLUGIN: Final = "mosquitto_dynamic_security.so"
PROGRAMS: Final = ("/usr/sbin", "/usr/local/sbin", "/usr/local/opt/mosquitto/sbin", "/opt/homebrew")
PLUGINS: Final = (
    "/usr/lib/*-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
    "/usr/lib/mosquitto",
    "/opt/homebrew/lib",
)

READY_TIMEOUT_S: Final = scaled(10.0)
STOP_TIMEOUT_S: Final = scaled(5.0)
POLL_S: Final = 0.02
LOG_TAIL_CHARACTERS: Final = 2000
HASH_ITERATIONS: Final = 101
"""Iterations of mosquitto_ctrl 2.0; the password is random and lives for one test."""

_ADMIN_ACLS: Final = (
    "publishClientSend",
    "publishClientReceive",
    "subscribePattern",
    "unsubscribePattern",
)


class MosquittoError(Exception):
    """A failed start of Mosquitto; the message ends with its own output."""


class MosquittoMissing(MosquittoError):
    """No Mosquitto with dynamic security on this machine; the message lists the searched places."""


class Mosquitto:
    """A running broker: creating the object starts it, ``close`` removes it with its data."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        """Start the broker; ``lines`` are additional lines of mosquitto.conf."""
        self._program, self._plugin = find_program(), find_plugin()
        self.password = secrets.token_urlsafe(16)
        self.port = free_port()
        self._lines = tuple(lines)
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="cash-server-mqtt-"))
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
        """Return the URL in the form of the fleet's configuration."""
        return f"mqtt://{ADMIN}@{HOST}:{self.port}"

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, with SIGKILL as in a crash; its accounts stay."""
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)
        self._process = None

    def kill(self) -> None:
        """Stop it with SIGKILL."""
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        """Start on the same port with the same accounts, after a stop or while running."""
        self.stop()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", self._folder / "mosquitto.conf"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                # Ctrl-C at the terminal must reach only the tests, which then stop the broker.
                start_new_session=True,
            )
        self._wait_until_ready(self._process)

    def close(self) -> None:
        """Stop and remove the folder; a second call does nothing."""
        atexit.unregister(self.close)
        try:
            self.stop()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _log(self) -> Path:
        return self._folder / "mosquitto.log"

    def _initialise(self) -> None:
        security = self._folder / "dynamic-security.json"
        security.touch(mode=0o600)
        security.write_text(json.dumps(first_security(self.password)))
        lines = (
            f"listener {self.port} {HOST}",
            "allow_anonymous false",
            f"plugin {self._plugin}",
            f"plugin_opt_config_file {security}",
            "max_queued_messages 10000",
            "max_inflight_messages 100",
            *(("user root",) if os.geteuid() == 0 else ()),
            *self._lines,
        )
        (self._folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while process.poll() is None and time.monotonic() <= deadline:
            try:
                with socket.create_connection((HOST, self.port), timeout=1):
                    return
            except OSError:
                time.sleep(POLL_S)
        words = self._log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:]
        raise MosquittoError(f"Mosquitto did not start: {words}")


def first_security(password: str) -> dict[str, Any]:
    """Return a dynamic-security.json with one administrator.

    It has the content that ``mosquitto_ctrl dynsec init`` makes; that program takes the password
    only from a terminal or the command line.
    """
    salt = secrets.token_bytes(12)
    hashed = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, HASH_ITERATIONS, 64)
    topic = "$CONTROL/dynamic-security/#"
    return {
        "defaultACLAccess": {
            "publishClientSend": False,
            "publishClientReceive": True,
            "subscribe": False,
            "unsubscribe": True,
        },
        "clients": [
            {
                "username": ADMIN,
                "roles": [{"rolename": "admin"}],
                "password": base64.b64encode(hashed).decode(),
                "salt": base64.b64encode(salt).decode(),
                "iterations": HASH_ITERATIONS,
            }
        ],
        "groups": [],
        "roles": [
            {
                "rolename": "admin",
                "acls": [
                    {"acltype": kind, "topic": topic, "priority": 0, "allow": True}
                    for kind in _ADMIN_ACLS
                ],
            }
        ],
    }


def find_program() -> Path:
    """Return the broker's program, on PATH or in the usual folders outside it."""
    found = shutil.which("mosquitto", path=os.pathsep.join((os.environ.get("PATH", ""), *PROGRAMS)))
    if found is None:
        raise MosquittoMissing(f"no Mosquitto on PATH, nor in {', '.join(PROGRAMS)}")
    return Path(found)


def find_plugin() -> Path:
    """Return the dynamic security plugin, which packages put beside the system's libraries."""
    for pattern in PLUGINS:
        folder = Path(pattern)
        for found in sorted(Path("/").glob(str(folder.relative_to("/") / PLUGIN))):
            return found
    raise MosquittoMissing(f"no {PLUGIN} in {', '.join(PLUGINS)}")


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[Mosquitto]:
    """One broker for the whole run.  Do not stop or kill it; accounts are each test's own."""
    with start() as broker:
        yield broker


def start() -> Mosquitto:
    """Return a running broker; skip or fail the test where none can run."""
    try:
        return Mosquitto()
    except MosquittoMissing as reason:
        missing(reason)
