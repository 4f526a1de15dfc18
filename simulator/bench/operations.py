"""Benchmark of operations: ordered through the admin API and executed in conversations.

``cash-server gateway`` and ``cash-server fleet`` run as processes over one PostgreSQL that holds
many more registers than call. The same registers call alternately without operations and with one
due operation each; afterwards the operations that succeeded are counted in the database.
"""

import asyncio
import json
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import IO, Annotated, Any, Final
from urllib.request import Request, urlopen

import typer

from protocol.conversation.seal import KeyRing
from simulator.bench.check_ins import (
    POSTGRES,
    ROUNDS,
    WARM_UP_S,
    LoadTurn,
    Meter,
    Server,
    median,
    microseconds_each,
    postgres_pids,
    quantile,
    running_client,
    running_gateway,
    running_process,
    wait_until_open,
)
from simulator.bench.load import Round
from simulator.bench.ports import free_port
from simulator.bench.postgres import PostgresCluster
from simulator.demo import demo_serial

AT_ONCE: Final = 500
"""Registers in one order."""

CLIENTS: Final = 2
CONNECTIONS: Final = 256
"""Calls of each client at once: enough that no kind of session is limited by commits."""

API_TIMEOUT_S: Final = 30.0
ORDER: Final = {"type": "settings_upload", "params": {"settings": {"279": 80}}}
"""One setting, which is one STEP on platform 5.0."""

ENROL: Final = """
INSERT INTO registers (serial_number, partner_id, model, platform, enrolled_at,
 silent_since)
SELECT u.serial_number, (SELECT min(id) FROM partners), u.model, '5.0', now(), '2000-01-01Z'
FROM unnest($1::bigint[], $2::smallint[]) AS u(serial_number, model)
"""
CONTRACT: Final = """
INSERT INTO entitlements (partner_id, entitlement, granted_at)
SELECT min(id), $1, now() FROM partners
"""
"""The entitlement that an order needs, for all registers of the partner."""


def operations(
    database: Annotated[
        str | None,
        typer.Option(help="URL of an empty PostgreSQL database; by default one is started"),
    ] = None,
    registers: Annotated[
        int, typer.Option(min=500, max=1_000_000, help="registers in the database")
    ] = 100_000,
    calling: Annotated[int, typer.Option(min=500, max=50_000, help="registers that call")] = 5_000,
    as_json: Annotated[
        bool, typer.Option("--json", help="print one JSON object on the last line")
    ] = False,
) -> None:
    """Measure operations in sessions beside idle check-ins, and orders for 500 registers."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        keys = folder / "key-ring.json"
        keys.write_text(KeyRing.generate(), encoding="ascii")
        postgres = None if database else stack.enter_context(PostgresCluster(parameters=POSTGRES))
        url = database or (postgres.url if postgres else "")
        gateway = stack.enter_context(running_gateway(folder, url))
        api = stack.enter_context(running_admin_api(folder, url))
        asyncio.run(enrol(url, registers))
        callers = [
            # Odd indices are demo registers of platform 5.0.
            stack.enter_context(
                running_client(keys, 2 * calling, 1 + 2 * first, 2 * CLIENTS, CONNECTIONS)
            )
            for first in range(CLIENTS)
        ]
        meter = Meter(callers, postgres_pids(url, postgres.pid if postgres else None))
        report = measure(meter, gateway, api, calling)
        report.succeeded = asyncio.run(count_succeeded(url))
    typer.echo(report.text())
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    if report.succeeded < report.ordered:
        sys.exit("bench: operations are missing that were ordered")


@dataclass(slots=True)
class OperationsReport:
    """Figures of a run; latencies are from the dial of a session to its FAREWELL."""

    ratio: float
    operations_per_s: float
    idle_per_s: float
    p50_ms: float
    p99_ms: float
    gateway_us: float
    database_us: float
    order_p50_ms: float
    order_max_ms: float
    failed: int
    ordered: int
    succeeded: int = 0

    def text(self) -> str:
        """Return the figures as lines for people."""
        return (
            f"idle         {self.idle_per_s:8.0f} sessions/s\n"
            f"operations   {self.operations_per_s:8.0f} sessions/s   "
            f"p50 {self.p50_ms:.1f} ms   p99 {self.p99_ms:.1f} ms   "
            f"gateway {self.gateway_us:.0f} µs   database {self.database_us:.0f} µs\n"
            f"ratio        {self.ratio:8.2f}   failed {self.failed}   "
            f"ordered {self.ordered}, succeeded {self.succeeded}\n"
            f"an order for {AT_ONCE}   p50 {self.order_p50_ms:.0f} ms   "
            f"longest {self.order_max_ms:.0f} ms"
        )


class AdminApi:
    """The admin API of a process, signed in."""

    def __init__(self, port: int, password: str, pid: int) -> None:
        self.pid = pid
        self._base, self._token = f"http://127.0.0.1:{port}/api/v1", ""
        self._token = self.post("/sign-in", {"login": "admin", "password": password})["token"]

    def order_operations(self, serial_numbers: Sequence[str]) -> float:
        """Return the seconds that an order took; raise ``RuntimeError`` if any was refused."""
        began = perf_counter()
        answer = self.post("/operations", {**ORDER, "serial_numbers": serial_numbers})
        took = perf_counter() - began
        if answer["refused"]:
            raise RuntimeError(f"an order was refused: {answer['refused'][0]}")
        return took

    def post(self, path: str, body: Any) -> Any:
        """Post a JSON body and return the JSON answer."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        request = Request(self._base + path, json.dumps(body).encode(), headers)
        with urlopen(request, timeout=API_TIMEOUT_S) as answer:
            return json.load(answer)

    def get(self, path: str) -> Any:
        """Return the JSON answer of a path."""
        with self.open(path) as answer:
            return json.load(answer)

    def open(self, path: str) -> IO[bytes]:
        """Return the body of the answer, which the caller reads and closes."""
        request = Request(self._base + path, headers={"Authorization": f"Bearer {self._token}"})
        answer: IO[bytes] = urlopen(request, timeout=API_TIMEOUT_S)
        return answer


def measure(meter: Meter, gateway: Server, api: AdminApi, calling: int) -> OperationsReport:
    """Let every register call once, then alternate idle rounds and rounds with operations."""
    once = Round(gateway.port, WARM_UP_S, each=1)
    meter.turn(gateway, once)
    idle, busy, orders = [], [], []
    serials = [demo_serial(2 * index + 1).serial_number for index in range(calling)]
    portions = [serials[start : start + AT_ONCE] for start in range(0, calling, AT_ONCE)]
    for _ in range(ROUNDS):
        idle.append(meter.turn(gateway, once))
        orders += [api.order_operations(portion) for portion in portions]
        busy.append(meter.turn(gateway, Round(gateway.port, WARM_UP_S, each=1, steps=True)))
    return _report(idle, busy, orders, ROUNDS * calling)


def _report(
    idle: Sequence[LoadTurn], busy: Sequence[LoadTurn], orders: Sequence[float], ordered: int
) -> OperationsReport:
    times = [time for turn in busy for time in turn.times]
    per_s, idle_per_s = median([t.per_s for t in busy]), median([t.per_s for t in idle])
    return OperationsReport(
        ratio=per_s / idle_per_s,
        operations_per_s=per_s,
        idle_per_s=idle_per_s,
        p50_ms=1000 * quantile(times, 0.5),
        p99_ms=1000 * quantile(times, 0.99),
        gateway_us=microseconds_each(busy, "server"),
        database_us=microseconds_each(busy, "database"),
        order_p50_ms=1000 * median(orders),
        order_max_ms=1000 * max(orders),
        failed=sum(turn.failed for turn in (*idle, *busy)),
        ordered=ordered,
    )


@contextmanager
def running_admin_api(folder: Path, database: str) -> Iterator[AdminApi]:
    """Run ``cash-server fleet`` over the same database and sign in."""
    port, password = free_port(), secrets.token_urlsafe()
    command = [sys.executable, "-m", "cash_server", "fleet", "--data", str(folder)]
    command += ["--database", database, "--http", f"127.0.0.1:{port}"]
    environment = {**os.environ, "CASH_SERVER_ADMIN_PASSWORD": password}
    with (
        (folder / "fleet.log").open("wb") as log,
        running_process(command, environment, log) as process,
    ):
        wait_until_open(port, process)
        yield AdminApi(port, password, process.pid)


async def enrol(url: str, count: int) -> None:
    """Insert registers of the first partner directly into the table."""
    import asyncpg

    born = [demo_serial(2 * index + 1) for index in range(count)]
    link = await asyncpg.connect(url)
    try:
        await link.execute(
            ENROL, [int(one.serial_number) for one in born], [one.model for one in born]
        )
        await link.execute(CONTRACT, "settings")
        await link.execute("ANALYZE registers")
    finally:
        await link.close()


async def count_succeeded(url: str) -> int:
    """Return the number of operations that succeeded."""
    import asyncpg

    link = await asyncpg.connect(url)
    try:
        found = await link.fetchval("SELECT count(*) FROM operations WHERE status = 'succeeded'")
        return int(found)
    finally:
        await link.close()
