"""A log that cannot be written costs lines, and no register its answer (a full disk, a dead pipe).

Real processes: ``up`` with a log file on a full device, and ``gateway`` whose stderr has lost its
reader, as after the death of a log collector.
"""

import os
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from simulator.bench.ports import free_port
from tests.journeys.programs import CASH_SERVER, SIMULATOR, Program
from tests.pace import scaled

FULL = Path("/dev/full")
"""A device that refuses every byte with ENOSPC."""


def metric(address: str, name: str) -> float:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=scaled(10.0)) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def wait_for_check_ins(address: str, more: int) -> None:
    """Wait until ``more`` check-ins than now have been accepted."""
    wanted = metric(address, "cash_server_check_in_seconds_count") + more
    deadline = time.monotonic() + scaled(60.0)
    while metric(address, "cash_server_check_in_seconds_count") < wanted:
        assert time.monotonic() < deadline, "registers are not served"
        time.sleep(0.1)


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
def test_registers_are_served_while_the_log_is_on_a_full_disk(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "cash-server.log").symlink_to(FULL)
    http = f"127.0.0.1:{free_port()}"
    options = ("--demo", "3", "--data", str(data), "--http", http, "--devices", "127.0.0.1:0")
    environment = {
        "CASH_SERVER_CHECK_IN_INTERVAL_S": "1",
        "CASH_SERVER_BROKER": "127.0.0.1:0",
        "CASH_SERVER_LOG_IDLE": "all",
    }
    with Program(tmp_path, "up", *CASH_SERVER, "up", *options, environment=environment) as program:
        program.wait_until_it_says("Ctrl-C")
        wait_for_check_ins(http, 9)
        assert metric(http, "cash_server_log_lines_lost_total") > 0
        with urllib.request.urlopen(f"http://{http}/readyz", timeout=scaled(10.0)) as answer:
            assert answer.status == 200
        assert program.end() == 0


def test_registers_are_served_after_the_reader_of_stderr_is_gone(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'fleet.db'}"
    environment = dict(os.environ) | {
        "CASH_SERVER_DATA": str(tmp_path),
        "CASH_SERVER_DATABASE": database,
        "CASH_SERVER_CHECK_IN_INTERVAL_S": "1",
        "CASH_SERVER_LOG_IDLE": "all",
    }
    ring = tmp_path / "key-ring.json"
    ring.write_text('{"1": "' + "07" * 32 + '"}')
    ring.chmod(0o600)
    subprocess.run([*CASH_SERVER, "migrate"], env=environment, check=True, timeout=scaled(60.0))
    devices, metrics = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    environment |= {"CASH_SERVER_DEVICES": devices, "CASH_SERVER_METRICS": metrics}
    reader, writer = os.pipe()
    gateway = subprocess.Popen([*CASH_SERVER, "gateway"], env=environment, stderr=writer)
    os.close(writer)
    try:
        while b"started" not in os.read(reader, 65536):
            assert gateway.poll() is None
        os.close(reader)
        calls = ("--server", devices, "--interval", "1", "--key-ring", str(ring))
        with Program(tmp_path, "registers", *SIMULATOR, "run", "--registers", "3", *calls):
            wait_for_check_ins(metrics, 9)
        assert metric(metrics, "cash_server_log_lines_lost_total") > 0
    finally:
        gateway.kill()
        gateway.wait(scaled(10.0))
