"""What was accepted is durable: gateway and database are killed under load, nothing is lost."""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM
from typing import Any

import asyncpg
import pytest

from protocol.conversation.seal import KeyRing
from protocol.telemetry import BLOCK, check
from simulator.bench.ports import free_port
from simulator.bench.postgres import PostgresCluster
from tests.journeys.programs import CASH_SERVER, POLL_S, SIMULATOR, Program
from tests.pace import scaled

REGISTERS = 100
ENOUGH = 3 * REGISTERS
"""Accepted readings that count as load."""

GROWTH_S = scaled(60.0)
READING_NUMBER = BLOCK.index("reading_number")


@pytest.fixture
def cluster(postgres: PostgresCluster) -> Iterator[PostgresCluster]:
    """One to be killed; ``postgres`` decides whether there can be any."""
    with PostgresCluster() as cluster:
        yield cluster


class Ledger:
    """What the registers themselves wrote down as accepted."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> set[tuple[int, int]]:
        """(serial number, reading number); the last line may still be on its way."""
        lines = self._path.read_text().split("\n")[:-1] if self._path.exists() else []
        found = map(json.loads, lines)
        return {(int(one["serial_number"]), one["reading_number"]) for one in found}

    def wait_for_more(self) -> None:
        wanted = len(self.entries()) + ENOUGH
        deadline = time.monotonic() + GROWTH_S
        while len(self.entries()) < wanted:
            assert time.monotonic() < deadline, f"{len(self.entries())} of {wanted}"
            time.sleep(POLL_S)


@pytest.mark.timeout(240)
def test_accepted_readings_are_not_lost(tmp_path: Path, cluster: PostgresCluster) -> None:
    url = cluster.create_database("fleet")
    ring = tmp_path / "key-ring.json"
    ring.write_text(KeyRing.generate())
    ledger = Ledger(tmp_path / "ledger.jsonl")
    address = f"127.0.0.1:{free_port()}"
    subprocess.run([*CASH_SERVER, "migrate", "--database", url], check=True, timeout=scaled(60))

    def gateway(name: str) -> Program:
        options = ("--data", str(tmp_path), "--devices", address, "--database", url)
        environment = {"CASH_SERVER_METRICS": "127.0.0.1:0"}
        program = Program(
            tmp_path, name, *CASH_SERVER, "gateway", *options, environment=environment
        )
        program.wait_until_it_says('"listening"')
        return program

    with gateway("first") as first, registers(tmp_path, address, ring) as calling:
        ledger.wait_for_more()
        first.kill()
        with gateway("second") as second:
            ledger.wait_for_more()
            cluster.kill()
            second.wait_until_it_says("batch_failed")
            cluster.restart()
            ledger.wait_for_more()
            assert calling.end() == 0
            assert second.end(SIGTERM) == 0
    accepted = ledger.entries()
    assert len(accepted) >= 3 * ENOUGH
    assert accepted - asyncio.run(kept(url, "readings")) == set()
    latest = dict(asyncio.run(kept(url, "register_states")))
    assert [one for one in accepted if one[1] > latest[one[0]]] == []


def registers(folder: Path, address: str, ring: Path) -> Program:
    """A fleet that calls without a pause, with its ledger."""
    options = {
        "--server": address,
        "--registers": str(REGISTERS),
        "--interval": "0.3",
        "--key-ring": str(ring),
        "--ledger": str(folder / "ledger.jsonl"),
    }
    words = [word for option in options.items() for word in option]
    return Program(folder, "registers", *SIMULATOR, "run", *words)


async def kept(url: str, table: str) -> set[tuple[int, int]]:
    """(serial number, reading number) of every reading in a table."""
    connection: Any = await asyncpg.connect(url, timeout=scaled(10))
    try:
        rows = await connection.fetch(f"SELECT serial_number, block_version, block FROM {table}")
    finally:
        await connection.close()
    return {(serial, check(version, block)[0][READING_NUMBER]) for serial, version, block in rows}
