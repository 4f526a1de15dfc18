"""Benchmark of a firmware update of 500 registers and its effect on other registers.

A publisher created for the run signs an image of 2 MiB. 500 simulated registers fetch it from
``cash-server gateway`` while others check in at an even, light pace. The report shows the
check-ins' p99 before and during the update, the growth of the gateway's memory, and the duration.
"""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Annotated, Final

import asyncpg
import psutil
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.conversation.seal import KeyRing
from protocol.firmware import SIGNATURE_SIZE, Image
from protocol.platforms import Platform
from simulator.bench.check_ins import (
    POSTGRES,
    Meter,
    Server,
    postgres_pids,
    quantile,
    running_client,
    running_gateway,
)
from simulator.bench.load import Round
from simulator.bench.operations import CONTRACT, AdminApi, count_succeeded, running_admin_api
from simulator.bench.postgres import PostgresCluster
from simulator.calls.fleet import FleetConfig, FleetRunner
from simulator.register.simulated_register import SimulatedRegister

MODEL: Final = 61
VERSION: Final = "5.99.1"
BLOCK_SIZE: Final = 2048
LIGHT_CONNECTIONS: Final = 4
OTHERS: Final = 2000
TURN_S: Final = 8.0
LOOK_S: Final = 0.1
DEADLINE_S: Final = 400.0

ENROL: Final = """
INSERT INTO registers (serial_number, partner_id, model, platform, firmware_version, enrolled_at,
 silent_since)
SELECT serial_number, (SELECT min(id) FROM partners), $2, '5.0', '5.0.0', now(), '2000-01-01Z'
FROM unnest($1::bigint[]) AS u(serial_number)
"""


@dataclass(slots=True)
class FirmwareReport:
    """Figures of a run; latencies are those of the other registers' check-ins."""

    registers: int
    seconds: float
    p99_before_ms: float
    p99_meanwhile_ms: float
    p99_ratio: float
    memory_before_mib: float
    memory_grew_mib: float
    succeeded: int

    def text(self) -> str:
        """Return the figures as lines for people."""
        return (
            f"firmware     {self.succeeded} of {self.registers} updated in {self.seconds:.0f} s\n"
            f"check-ins    p99 {self.p99_before_ms:.1f} ms before, "
            f"{self.p99_meanwhile_ms:.1f} ms meanwhile, ratio {self.p99_ratio:.2f}\n"
            f"gateway      {self.memory_before_mib:.0f} MiB, grew by {self.memory_grew_mib:.0f} MiB"
        )


def firmware(
    registers: Annotated[int, typer.Option(min=1, max=500, help="registers updated at once")] = 500,
    size_kib: Annotated[
        int, typer.Option(min=4, max=16_384, help="size of the firmware, KiB")
    ] = 2048,
    as_json: Annotated[
        bool, typer.Option("--json", help="print one JSON object on the last line")
    ] = False,
) -> None:
    """Measure a firmware update of many registers beside the check-ins of others."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        keys = folder / "key-ring.json"
        keys.write_text(KeyRing.generate(), encoding="ascii")
        publisher = publish(folder / "images", size_kib * 1024)
        os.environ["CASH_SERVER_FIRMWARE_IMAGES"] = str(folder / "images")
        os.environ["CASH_SERVER_FIRMWARE_KEYS"] = publisher.hex()
        postgres = stack.enter_context(PostgresCluster(parameters=POSTGRES))
        gateway = stack.enter_context(running_gateway(folder, postgres.url))
        api = stack.enter_context(running_admin_api(folder, postgres.url))
        others = stack.enter_context(running_client(keys, OTHERS, 0, 1, LIGHT_CONNECTIONS))
        meter = Meter([others], postgres_pids(postgres.url, postgres.pid))
        calling = make_registers(registers, publisher)
        asyncio.run(enrol(postgres.url, [one.serial_number for one in calling]))
        report = measure(meter, gateway, api, calling, KeyRing.load(keys), postgres.url)
    typer.echo(report.text())
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    if report.succeeded < report.registers:
        sys.exit("bench: registers are missing that were to be updated")


def publish(folder: Path, size: int) -> bytes:
    """Write a signed image and its manifest into the folder; return the publisher's public key."""
    key, content = Ed25519PrivateKey.generate(), Random(0).randbytes(size)
    digest, unsigned = sha256(content).digest(), bytes(SIGNATURE_SIZE)
    image = Image(MODEL, Platform.V5_0, VERSION, size, digest, unsigned, BLOCK_SIZE)
    image = replace(image, signature=key.sign(image.signed))
    place = folder / str(MODEL)
    place.mkdir(parents=True)
    (place / f"{VERSION}.bin").write_bytes(content)
    (place / f"{VERSION}.toml").write_text(
        f'format = 1\nmodel = {MODEL}\nplatform = "{image.platform}"\nversion = "{VERSION}"\n'
        f'file = "{VERSION}.bin"\nsize = {size}\nsha256 = "{digest.hex()}"\n'
        f'signature = "{image.signature.hex()}"\nblock_size = {BLOCK_SIZE}\n'
        "published_at = 2026-01-01T00:00:00Z\n",
        encoding="utf-8",
    )
    return key.public_key().public_bytes_raw()


def make_registers(count: int, publisher: bytes) -> list[SimulatedRegister]:
    """Return registers whose shops stay closed, so that nothing delays an update."""
    found = []
    for number in range(count):
        serial = f"001{MODEL:03}{90_000_000 + number:08}"
        now = datetime.now(UTC)
        register = SimulatedRegister(serial, Platform.V5_0, MODEL, Random(number), now)
        register.loader.publishers = (publisher,)
        register.faults.shift_forgotten = True
        found.append(register)
    return found


async def enrol(url: str, serial_numbers: Sequence[str]) -> None:
    """Insert registers of the first partner directly into the table."""
    link = await asyncpg.connect(url)
    try:
        await link.execute(ENROL, list(map(int, serial_numbers)), MODEL)
        await link.execute(CONTRACT, "firmware_over_the_air")
    finally:
        await link.close()


def measure(
    meter: Meter,
    gateway: Server,
    api: AdminApi,
    calling: Sequence[SimulatedRegister],
    keys: KeyRing,
    url: str,
) -> FirmwareReport:
    """Measure light check-ins alone, then beside the updates until all have ended."""
    api.post("/firmware-images", {"model": MODEL, "version": VERSION})
    serials = [one.serial_number for one in calling]
    order = {"type": "firmware_update", "params": {"image": f"{MODEL}/{VERSION}"}}
    meter.turn(gateway, Round(gateway.port, DEADLINE_S, each=1))
    before = meter.turn(gateway, Round(gateway.port, TURN_S)).times
    answer = api.post("/operations", {**order, "serial_numbers": serials})
    if answer["refused"]:
        raise RuntimeError(f"an update was refused: {answer['refused'][0]}")
    with FirmwareCallers(calling, gateway.port, keys), Memory(gateway.pid) as memory:
        began, meanwhile = monotonic(), list[float]()
        while monotonic() - began < DEADLINE_S:
            meanwhile += meter.turn(gateway, Round(gateway.port, TURN_S)).times
            if (succeeded := asyncio.run(count_succeeded(url))) == len(calling):
                break
        seconds = monotonic() - began
    p99_before, p99 = quantile(before, 0.99), quantile(meanwhile, 0.99)
    return FirmwareReport(
        registers=len(calling),
        seconds=seconds,
        p99_before_ms=1000 * p99_before,
        p99_meanwhile_ms=1000 * p99,
        p99_ratio=p99 / p99_before,
        memory_before_mib=memory.before_mib,
        memory_grew_mib=memory.most_mib - memory.before_mib,
        succeeded=succeeded,
    )


class FirmwareCallers:
    """The registers that fetch firmware, calling from a thread of their own."""

    def __init__(self, calling: Sequence[SimulatedRegister], port: int, keys: KeyRing) -> None:
        config = FleetConfig("127.0.0.1", port, keys, interval_s=2, spread_s=1, max_open=500)
        self._runner, self._stop = FleetRunner(calling, config), asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="callers")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._runner.run(self._stop))
        self._loop.close()


class Memory:
    """The peak memory of a process, sampled ten times a second."""

    def __init__(self, pid: int) -> None:
        self._process, self._over = psutil.Process(pid), threading.Event()
        self.before_mib = self.most_mib = self._now_mib()
        self._thread = threading.Thread(target=self._watch, name="memory")

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            self.most_mib = max(self.most_mib, self._now_mib())
            sleep(LOOK_S)

    def _now_mib(self) -> float:
        return float(self._process.memory_info().rss) / 2**20
