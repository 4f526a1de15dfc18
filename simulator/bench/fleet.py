"""Benchmark of the lists of a million registers: pages, the CSV file, an assignment.

``cash-server fleet`` runs as a process over a PostgreSQL whose tables are filled by SQL with an
invented fleet of one partner: most registers are healthy and online, and a few match each of the
other filters. All requests go over HTTP, each over a connection of its own.
"""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated, Final
from urllib.parse import quote

import psutil
import typer

from protocol import telemetry
from protocol.conversation.seal import KeyRing
from simulator.bench.check_ins import POSTGRES, median, quantile
from simulator.bench.operations import AdminApi, running_admin_api
from simulator.bench.postgres import PostgresCluster
from simulator.demo import DemoRegisters

SAMPLES: Final = 20
"""Requests for one page; ``MIXED`` is their number for each pair of filter and order."""
MIXED: Final = 3
PAGES: Final = 5
"""Pages of each order that are read one after another."""
ASSIGNED: Final = 500
BLOCKS: Final = 500
"""Readings of simulated registers, which the registers share."""
MIB: Final = 2**20
WATCH_S: Final = 0.05
FILL_TIMEOUT_S: Final = 1200.0
DATABASE: Final = "fleet"
PLAN: Final = "monitoring"

SORTS: Final = (
    "serial_number",
    "model",
    "firmware_version",
    "ffd_version",
    "owner_name",
    "owner_inn",
    "address",
    "seen_at",
)
FILTERS: Final = (
    "status=online",
    "status=offline",
    "status=never",
    "condition=battery_low",
    "condition=shift_expired",
    "condition=fiscal_drive_error,hardware_error",
    "group_id=7",
    "grouped=false",
    "owner_inn=7700000042",
    "platform=2.5",
    "platform=5.0",
    "model=69",
    "model=99",
    "firmware_version=5.8.14",
    "firmware_version=5.0.1",
    "firmware_version=9.9.9",
    "ffd_version=1.1",
    "fiscalised=true",
    "fiscalised=false",
    "hidden=true",
    "blocked=true",
    "q=00106900012345",
    "q=00012345",
    "q=99990780",
    "q=9999078000412345",
    "q=7700000042",
    "q=" + quote("клиент № 42"),
    "q=" + quote("ООО"),
    "q=" + quote("Тверская, д. 77"),
    "q=" + quote("нет такого нигде"),
)

# Shares are remainders of different primes, so that they do not coincide.
REGISTERS: Final = """
INSERT INTO registers (serial_number, partner_id, hidden, blocked, model, platform,
 firmware_version, ffd_version, fiscalised, registration_number, fiscal_drive_number, owner_inn,
 owner_name, address, shown_address, group_id, condition_mask, silent_since, search_numbers,
 search_names, utc_offset_min, enrolled_at, first_seen_at, profile_at)
SELECT serial, $2, hidden, i % 4999 = 0, model, platform, firmware, ffd, i % 211 <> 0, rnm, drive,
 inn, owner, address, address, CASE WHEN i % 3 = 0 THEN i % 1009 END, mask,
 CASE WHEN i % 307 = 0 THEN '2000-01-01Z'::timestamptz
  WHEN i % 37 = 0 THEN $3::timestamptz - (i % 86400) * interval '1 minute' - interval '31 minutes'
  ELSE '2099-12-31Z' END,
 concat_ws(E'\\n', lpad(serial::text, 14, '0'), rnm, drive, inn),
 lower(concat_ws(E'\\n', owner, address)),
 180, $3, $3, $3
FROM (
 SELECT i, 100000000000 + model * 100000000::bigint + i AS serial, model, i % 97 = 0 AS hidden,
  CASE WHEN i % 5 < 2 THEN '2.5' ELSE '5.0' END AS platform,
  CASE WHEN i % 199999 = 0 THEN '5.0.1' ELSE
   (ARRAY['5.8.14', '5.8.14', '5.8.14', '5.8.13', '5.7.9', '5.7.2', '5.6.1', '3.0.3689'])[1 + i % 8]
   END AS firmware,
  CASE WHEN i % 401 = 0 THEN '1.1' WHEN i % 4 = 0 THEN '1.05' ELSE '1.2' END AS ffd,
  lpad((i * 7919 % 10000000000)::text, 16, '0') AS rnm,
  (9999078000000000 + i * 31::bigint)::text AS drive,
  (7700000000 + i % 4001)::text AS inn,
  (ARRAY['ООО', 'АО', 'ИП'])[1 + i % 3] || ' «Клиент № ' || i % 4001 || '»' AS owner,
  (ARRAY['Москва', 'Тверь', 'Самара', 'Пермь'])[1 + i % 4] || ', ул. ' ||
   (ARRAY['Тверская', 'Ленина', 'Садовая'])[1 + i % 3] || ', д. ' || i % 2003 AS address,
  CASE WHEN i % 2 = 1 OR i % 17 <> 0 THEN 0 WHEN i % 9001 = 0 THEN 128
   ELSE (ARRAY[1, 2, 4, 8, 16, 32, 64])[1 + i % 7] END AS mask
 FROM (SELECT i, (ARRAY[57, 61, 64, 67, 69, 78, 81, 86])[1 + i / 64 % 8] AS model
  FROM generate_series(1, $1::bigint) AS i) AS numbered
) AS born
"""
STATES: Final = """
INSERT INTO register_states (serial_number, seen_at, condition_mask, profile_crc, block_version,
 block)
SELECT r.serial_number,
 CASE WHEN r.silent_since = '2099-12-31Z' THEN $2::timestamptz ELSE r.silent_since END,
 r.condition_mask, 0, $3, b.block
FROM registers r JOIN unnest($1::bytea[]) WITH ORDINALITY AS b(block, place)
 ON b.place = 1 + r.serial_number % array_length($1, 1)
WHERE r.silent_since <> '2000-01-01Z'
"""
HISTORY: Final = """
INSERT INTO readings (serial_number, accepted_at, block_version, block)
SELECT serial_number, seen_at - days * interval '1 day', block_version, block
FROM register_states, generate_series(1, 0, -1) AS days ORDER BY days DESC, serial_number
"""
GROUPS: Final = """
INSERT INTO register_groups (partner_id, parent_id, name, description, created_at, changed_at)
SELECT $1, NULL, 'Group ' || i, '', $2, $2 FROM generate_series(1, 3000) AS i
"""
STOCK: Final = """
INSERT INTO subscription_stock (partner_id, plan, bonus_points, quantity)
VALUES ($1, $2, 0, 1000000)
"""


def fleet(
    registers: Annotated[
        int, typer.Option(min=1000, max=10_000_000, help="number of registers")
    ] = 1_000_000,
    mixed: Annotated[bool, typer.Option(help="also try every filter in every order")] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="print one JSON object on the last line")
    ] = False,
) -> None:
    """Measure list pages, CSV and an assignment over a large fleet; start PostgreSQL."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        (folder / "key-ring.json").write_text(KeyRing.generate(), encoding="ascii")
        cluster = stack.enter_context(PostgresCluster(parameters=POSTGRES))
        asyncio.run(create_database(cluster.url))
        url = cluster.url_of(DATABASE)
        program = [sys.executable, "-m", "cash_server", "migrate"]
        subprocess.run([*program, "--data", str(folder), "--database", url], check=True)
        api = stack.enter_context(running_admin_api(folder, url))
        typer.echo("filling the tables")
        serials = asyncio.run(fill(url, registers))
        report = measure(api, serials, mixed)
    typer.echo(report.text())
    if as_json:
        typer.echo(json.dumps(asdict(report)))


@dataclass(slots=True)
class FleetReport:
    """Milliseconds of requests by query; ``worst`` are the slowest mixed pairs."""

    filters: dict[str, float] = field(default_factory=dict)
    sorts: dict[str, float] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)
    mixed_p50_ms: float = 0.0
    mixed_p95_ms: float = 0.0
    worst: dict[str, float] = field(default_factory=dict)
    groups_ms: float = 0.0
    csv_lines: int = 0
    csv_s: float = 0.0
    csv_growth_mib: float = 0.0
    assign_ms: float = 0.0

    def text(self) -> str:
        """Return the figures as lines for people."""
        lines = [
            f"{ms:7.1f} ms  p95  {name}"
            for part in (self.filters, self.sorts, self.counts)
            for name, ms in part.items()
        ]
        lines += [f"{ms:7.1f} ms  of the worst  {name}" for name, ms in self.worst.items()]
        return "\n".join(
            [
                *lines,
                f"every filter in every order   p50 {self.mixed_p50_ms:.1f} ms   "
                f"p95 {self.mixed_p95_ms:.1f} ms",
                f"GET /groups of 3000, with the numbers of their registers   p95 "
                f"{self.groups_ms:.0f} ms",
                f"CSV of {self.csv_lines} registers   {self.csv_s:.1f} s   "
                f"the process grew by {self.csv_growth_mib:.0f} MiB",
                f"assigning {ASSIGNED} subscriptions   {self.assign_ms:.0f} ms",
            ]
        )


def measure(api: AdminApi, serials: Sequence[str], mixed: bool) -> FleetReport:
    """Run every request once to warm the caches, then measure."""
    report = FleetReport()
    for path in (*FILTERS, *(f"sort={mark}{sort}" for sort in SORTS for mark in ("", "-"))):
        _get_ms(api, path)
    for each in FILTERS:
        report.filters[each] = quantile([_get_ms(api, each) for _ in range(SAMPLES)], 0.95)
        count = [_get_ms(api, each, "/registers/count") for _ in range(MIXED)]
        report.counts["count " + each] = max(count)
    for sort in SORTS:
        for mark in ("", "-"):
            times = [ms for _ in range(SAMPLES // PAGES) for ms in _walk_ms(api, mark + sort)]
            report.sorts[mark + sort] = quantile(times, 0.95)
    if mixed:
        _mix(api, report)
    groups = [_get_ms(api, "", "/groups") for _ in range(SAMPLES)]
    report.groups_ms = quantile(groups, 0.95)
    _download(api, report)
    report.assign_ms = _assign_ms(api, serials[:ASSIGNED])
    return report


def _get_ms(api: AdminApi, query: str, path: str = "/registers") -> float:
    began = perf_counter()
    api.get(f"{path}?{query}")
    return 1000 * (perf_counter() - began)


def _walk_ms(api: AdminApi, sort: str) -> Iterator[float]:
    after = ""
    for _ in range(PAGES):
        began = perf_counter()
        page = api.get(f"/registers?sort={sort}{after}")
        yield 1000 * (perf_counter() - began)
        after = f"&after={page['next']}"


def _mix(api: AdminApi, report: FleetReport) -> None:
    every: list[float] = []
    slowest: dict[str, float] = {}
    for each in FILTERS:
        for sort in SORTS:
            for mark in ("", "-"):
                query = f"{each}&sort={mark}{sort}"
                times = [_get_ms(api, query) for _ in range(MIXED)]
                slowest[query] = median(times)
                every += times
    report.mixed_p50_ms, report.mixed_p95_ms = median(every), quantile(every, 0.95)
    worst = sorted(slowest.items(), key=lambda pair: -pair[1])
    report.worst = dict(worst[:12])


def _download(api: AdminApi, report: FleetReport) -> None:
    began = perf_counter()
    with _peak(api.pid) as growth, api.open("/registers/file") as answer:
        lines = 0
        while piece := answer.read(MIB):
            lines += piece.count(b"\n")
    report.csv_lines, report.csv_s = lines - 1, perf_counter() - began
    report.csv_growth_mib = growth[0] / MIB


@contextmanager
def _peak(pid: int) -> Iterator[list[int]]:
    """Yield a list with the peak growth of a process in bytes, updated until the block ends."""
    process, growth, done = psutil.Process(pid), [0], threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        while not done.wait(WATCH_S):
            growth[0] = max(growth[0], process.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield growth
    finally:
        done.set()
        watcher.join()


def _assign_ms(api: AdminApi, serials: Sequence[str]) -> float:
    """Return the milliseconds of an assignment; raise ``RuntimeError`` if any was refused."""
    began = perf_counter()
    answer = api.post("/subscriptions/assign", {"plans": [PLAN], "serial_numbers": serials})
    took = 1000 * (perf_counter() - began)
    if len(answer["accepted"]) != len(serials):
        raise RuntimeError(f"an assignment was refused: {answer['refused'][0]}")
    return took


async def create_database(url: str) -> None:
    """Create a database whose locale knows Russian letters; ``C`` would give them no trigrams."""
    import asyncpg

    link = await asyncpg.connect(url)
    try:
        locale = "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8' TEMPLATE template0"
        await link.execute(f"CREATE DATABASE {DATABASE} ENCODING 'UTF8' {locale}")
    finally:
        await link.close()


async def fill(url: str, count: int) -> list[str]:
    """Insert registers, states, two readings each, groups and stock; return some serial numbers."""
    import asyncpg

    now = datetime.now(UTC)
    link = await asyncpg.connect(url, command_timeout=FILL_TIMEOUT_S)
    try:
        partner = await link.fetchval("SELECT min(id) FROM partners")
        await link.execute(REGISTERS, count, partner, now)
        # The last calls are in the future: no register falls silent while the benchmark runs.
        seen = now + timedelta(hours=1)
        await link.execute(STATES, blocks(now), seen, telemetry.BLOCK_VERSION)
        await link.execute(HISTORY)
        await link.execute(GROUPS, partner, now)
        await link.execute(STOCK, partner, PLAN)
        await link.execute("VACUUM ANALYZE")
        found = await link.fetch("SELECT serial_number FROM registers WHERE NOT hidden LIMIT 1000")
    finally:
        await link.close()
    return [f"{row['serial_number']:014}" for row in found]


def blocks(now: datetime) -> list[bytes]:
    """Return telemetry blocks of simulated registers."""
    born = DemoRegisters(BLOCKS, now=lambda: now - timedelta(days=60))
    return [telemetry.encode(register.reading(now)) for register in born]
