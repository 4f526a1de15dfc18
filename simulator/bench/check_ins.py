"""Benchmark of check-ins, beside a bare TCP server in the same run.

The product runs as in production: ``cash-server gateway`` as a process of its own over PostgreSQL
with durable commits. The same client processes call both servers alternately, so that a noisy
machine affects both. Afterwards the readings in the database are counted and compared with the
number of readings that the clients know as accepted.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import IO, Annotated, Any, Final

import psutil
import typer

from protocol.conversation.messages import DOWN_PREFIX
from protocol.conversation.seal import KeyRing
from protocol.kktpc.frame import encode
from simulator.bench.load import Result, Round
from simulator.bench.ports import free_port
from simulator.bench.postgres import PostgresCluster

ROUNDS: Final = 4
"""Rounds of each server; the report shows medians."""

START_TIMEOUT_S: Final = 30.0
WARM_UP_S: Final = 120.0
CHALLENGE_BYTES: Final = 32
ACCEPTED_BYTES: Final = 25
"""Sizes after the kind byte; the sealed ACCEPTED is 9 plain bytes and a tag of 16."""

POSTGRES: Final = {"shared_buffers": "512MB", "max_wal_size": "4GB", "wal_compression": "on"}


def check_ins(
    database: Annotated[
        str | None, typer.Option(help="PostgreSQL URL; by default one is started")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="seconds to measure each server")] = 20,
    registers: Annotated[
        int, typer.Option(min=100, max=1_000_000, help="number of registers")
    ] = 10_000,
    connections: Annotated[int, typer.Option(min=1, help="calls open at once")] = 256,
    clients: Annotated[int, typer.Option(min=1, help="number of client processes")] = 2,
    as_json: Annotated[
        bool, typer.Option("--json", help="print one JSON object on the last line")
    ] = False,
) -> None:
    """Measure idle check-ins per second beside a bare TCP server."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        keys = folder / "key-ring.json"
        keys.write_text(KeyRing.generate(), encoding="ascii")
        postgres = None if database else stack.enter_context(PostgresCluster(parameters=POSTGRES))
        url = database or (postgres.url if postgres else "")
        gateway, plain = (
            stack.enter_context(running_gateway(folder, url)),
            stack.enter_context(running_bare_server()),
        )
        callers = [
            stack.enter_context(
                running_client(keys, registers, first, clients, connections // clients)
            )
            for first in range(clients)
        ]
        meter = Meter(callers, postgres_pids(url, postgres.pid if postgres else None))
        bench = Bench(gateway, plain, meter)
        report = bench.measure(seconds / ROUNDS)
        report.readings_kept = asyncio.run(count_readings(url))
    typer.echo(report.text())
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    if report.readings_kept < report.accepted:
        sys.exit("bench: readings are missing that were accepted")


@dataclass(slots=True)
class CheckInReport:
    """Figures of a run; latencies are from the dial of a session to its ACCEPTED."""

    ratio: float = 0.0
    sessions_per_s: float = 0.0
    bare_sessions_per_s: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    bare_p50_ms: float = 0.0
    gateway_us: float = 0.0
    database_us: float = 0.0
    bare_us: float = 0.0
    failed: int = 0
    accepted: int = 0
    readings_kept: int = 0

    def text(self) -> str:
        """Return the figures as lines for people."""
        return (
            f"bare TCP     {self.bare_sessions_per_s:8.0f} sessions/s   "
            f"p50 {self.bare_p50_ms:.1f} ms   server {self.bare_us:.0f} µs\n"
            f"check-ins    {self.sessions_per_s:8.0f} sessions/s   "
            f"p50 {self.p50_ms:.1f} ms   p99 {self.p99_ms:.1f} ms   "
            f"gateway {self.gateway_us:.0f} µs   database {self.database_us:.0f} µs\n"
            f"ratio        {self.ratio:8.2f}   failed {self.failed}   "
            f"accepted {self.accepted}, kept {self.readings_kept}"
        )


@dataclass(slots=True)
class Server:
    """A server under load and the process whose CPU time counts as its own."""

    port: int
    pid: int


@dataclass(slots=True)
class LoadTurn:
    """The results of one round of one server."""

    per_s: float
    times: list[float] = field(repr=False)
    accepted: int
    failed: int
    cpu_s: dict[str, float]
    steps: int = 0


class Client:
    """A load process and its two pipes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @property
    def _pipes(self) -> tuple[IO[str], IO[str]]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the client has no pipes")
        return stdin, stdout

    def start_round(self, wanted: Round) -> None:
        """Send a round to the process."""
        stdin, _ = self._pipes
        stdin.write(json.dumps(asdict(wanted)) + "\n")
        stdin.flush()

    def read(self) -> dict[str, Any]:
        """Return the next line of the process; raise ``RuntimeError`` if it has died."""
        _, stdout = self._pipes
        line = stdout.readline()
        if not line:
            raise RuntimeError("a client process has died")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Meter:
    """A meter of rounds under the same clients, with the CPU time that they cost."""

    def __init__(self, clients: Sequence[Client], database: Sequence[int]) -> None:
        self._clients, self._database = clients, database

    def turn(self, server: Server, wanted: Round) -> LoadTurn:
        """Run one round; raise ``RuntimeError`` when a client has died."""
        before = self._cpu(server)
        for one in self._clients:
            one.start_round(wanted)
        results = [Result(**one.read()) for one in self._clients]
        after = self._cpu(server)
        accepted = sum(result.accepted for result in results)
        return LoadTurn(
            accepted / max(result.seconds for result in results),
            [time for result in results for time in result.times],
            accepted,
            sum(result.failed for result in results),
            {name: after[name] - before[name] for name in after},
            sum(result.steps for result in results),
        )

    def _cpu(self, server: Server) -> dict[str, float]:
        database = [psutil.Process(pid) for pid in self._database]
        family = [one for pid in database for one in (pid, *pid.children(recursive=True))]
        return {"server": _cpu_s([psutil.Process(server.pid)]), "database": _cpu_s(family)}


class Bench:
    """Alternating rounds of the bare server and the product under the same clients."""

    def __init__(self, gateway: Server, plain: Server, meter: Meter) -> None:
        self._gateway, self._plain, self._turn = gateway, plain, meter.turn

    def measure(self, turn_s: float) -> CheckInReport:
        """Let every register call once, then measure the servers alternately."""
        warm = self._turn(self._gateway, Round(self._gateway.port, WARM_UP_S, each=1))
        self._turn(self._plain, Round(self._plain.port, 1))
        bare_turns, turns = [], []
        for _ in range(ROUNDS):
            bare_turns.append(self._turn(self._plain, Round(self._plain.port, turn_s)))
            turns.append(self._turn(self._gateway, Round(self._gateway.port, turn_s)))
        return _report(warm, bare_turns, turns)


def _cpu_s(processes: Sequence[psutil.Process]) -> float:
    """Return CPU seconds including ended children; one ending just now counts with its parent."""
    total = 0.0
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            total += sum(one.cpu_times()[:4])
    return total


def _report(
    warm: LoadTurn, bare_turns: Sequence[LoadTurn], turns: Sequence[LoadTurn]
) -> CheckInReport:
    times = [time for turn in turns for time in turn.times]
    accepted = sum(turn.accepted for turn in turns)
    per_s, bare_per_s = median([t.per_s for t in turns]), median([t.per_s for t in bare_turns])
    return CheckInReport(
        ratio=per_s / bare_per_s,
        sessions_per_s=per_s,
        bare_sessions_per_s=bare_per_s,
        p50_ms=1000 * quantile(times, 0.5),
        p99_ms=1000 * quantile(times, 0.99),
        bare_p50_ms=1000 * quantile([t for turn in bare_turns for t in turn.times], 0.5),
        gateway_us=microseconds_each(turns, "server"),
        database_us=microseconds_each(turns, "database"),
        bare_us=microseconds_each(bare_turns, "server"),
        failed=sum(turn.failed for turn in (*turns, *bare_turns, warm)),
        accepted=accepted + warm.accepted,
    )


def microseconds_each(turns: Sequence[LoadTurn], whose: str) -> float:
    """Return CPU microseconds of one process group per accepted session."""
    return 1e6 * sum(t.cpu_s[whose] for t in turns) / max(1, sum(t.accepted for t in turns))


def median(values: Sequence[float]) -> float:
    return quantile(values, 0.5)


def quantile(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


@contextmanager
def running_gateway(folder: Path, database: str) -> Iterator[Server]:
    """Run ``cash-server gateway`` over a migrated database, without a limit per address."""
    port = free_port()
    program = [sys.executable, "-m", "cash_server"]
    here = ["--data", str(folder), "--database", database]
    environment = {
        **os.environ,
        "CASH_SERVER_HANDSHAKES_PER_ADDRESS_PER_MIN": "0",
        "CASH_SERVER_METRICS": f"127.0.0.1:{free_port()}",
    }
    subprocess.run([*program, "migrate", *here], check=True, timeout=START_TIMEOUT_S)
    command = [*program, "gateway", *here, "--devices", f"0.0.0.0:{port}"]
    with (
        (folder / "gateway.log").open("wb") as log,
        running_process(command, environment, log) as process,
    ):
        wait_until_open(port, process)
        yield Server(port, process.pid)


@contextmanager
def running_bare_server() -> Iterator[Server]:
    """Run the bare TCP server, whose answers are as long as the gateway's."""
    port = free_port()
    answers = [
        encode(0, DOWN_PREFIX + bytes((kind,)) + bytes(size)).hex()
        for kind, size in ((2, CHALLENGE_BYTES), (3, ACCEPTED_BYTES))
    ]
    command = [sys.executable, "-m", "simulator.bench.bare_tcp", str(port), *answers]
    with running_process(command, dict(os.environ), None) as process:
        wait_until_open(port, process)
        yield Server(port, process.pid)


@contextmanager
def running_client(
    keys: Path, total: int, first: int, step: int, connections: int
) -> Iterator[Client]:
    """Start a load process and wait until it is ready."""
    numbers = map(str, (total, first, step, connections))
    command = [sys.executable, "-m", "simulator.bench.load", str(keys), *numbers]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        one = Client(process)
        one.read()
        yield one
    finally:
        _end(process)


@contextmanager
def running_process(
    command: Sequence[str], environment: dict[str, str], output: IO[bytes] | None
) -> "Iterator[subprocess.Popen[bytes]]":
    """Start a process and end it with the block in any case."""
    process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        yield process
    finally:
        _end(process)


def _end(process: "subprocess.Popen[Any]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_open(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the port listens; raise ``RuntimeError`` if the process ends or takes too long."""
    deadline = monotonic() + START_TIMEOUT_S
    while monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen")


def postgres_pids(url: str, own: int | None) -> list[int]:
    """Return the process ids of the database, which are known only for the run's own cluster."""
    return [own] if own else []


async def count_readings(url: str) -> int:
    """Return the number of rows in the history."""
    import asyncpg

    link = await asyncpg.connect(url)
    try:
        return int(await link.fetchval("SELECT count(*) FROM readings"))
    finally:
        await link.close()
