"""Schemathesis runs the whole OpenAPI document: what the server does is what the document says.

Every check that schemathesis has is on.  The phases: coverage (each constraint of each schema,
met and broken) and a few random requests; ``OPENAPI_EXAMPLES=50`` sends more of them, and chains
of requests too.
"""

import asyncio
import json
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from structlog.testing import capture_logs

from fleet.kit.database import Database
from fleet.migrations.run import full_metadata
from fleet.wiring import REACTIONS
from tests.fleet.admin_api.stocked import INN, SERIALS, stock
from tests.fleet.conftest import Api, HandClock

EXAMPLES: Final = int(os.environ.get("OPENAPI_EXAMPLES", "3"))
TIMEOUT_S: Final = 120 + 12 * EXAMPLES
REACHED: Final = 0.85
"""Of the operations at least so many must be done, or the run says little."""

CONFIG: Final = f"""
hooks = "tests.fleet.admin_api.openapi_hooks"
headers = {{ Authorization = "Bearer ${{ANNA}}" }}
continue-on-failure = true
warnings = false

[dictionaries.serials]
values = {json.dumps(SERIALS[:3])}
[dictionaries.ids]
values = [1, 2]
[dictionaries.employees]
values = [5, 6]

[dictionaries.inns]
values = ["{INN}"]
[dictionaries.plans]
values = ["monitoring"]
[dictionaries.operation_types]
values = ["settings_download", "archive_closing", "cancel_pending"]

[parameters]
"path.serial_number" = {{ dictionary = "serials", probability = 0.7 }}
"path.id" = {{ dictionary = "ids", probability = 0.7 }}
"path.inn" = {{ dictionary = "inns", probability = 0.7 }}
"query.ids" = {{ dictionary = "ids", probability = 0.7 }}
"body.serial_number" = {{ dictionary = "serials", probability = 0.7 }}
"body.serial_numbers[*]" = {{ dictionary = "serials", probability = 0.7 }}
"body.plan" = {{ dictionary = "plans", probability = 0.7 }}
"body.plans[*]" = {{ dictionary = "plans", probability = 0.7 }}
"body.type" = {{ dictionary = "operation_types", probability = 0.7 }}
"body.address_id" = {{ dictionary = "ids", probability = 0.7 }}
"body.outlet_id" = {{ dictionary = "ids", probability = 0.7 }}

[[operations]]
include-path-regex = "/employees/"
parameters = {{ "path.id" = {{ dictionary = "employees", probability = 0.7 }} }}

[[operations]]
include-path-regex = "/support/"
headers = {{ Authorization = "Bearer ${{IGOR}}" }}

# Who asks for these may end their own sign-in.
[[operations]]
include-path-regex = "/me/"
headers = {{ Authorization = "Bearer ${{OLGA}}" }}

[[operations]]
include-path-regex = "/(sign-out|revoke|revoke-others|me/password)$"
headers = {{ Authorization = "Bearer ${{PETR}}" }}
"""


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'fleet.db'}"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """With the whole schema and the reactions."""
    database = Database(database_url, REACTIONS)
    async with database.transaction() as db:
        await (await db.connection()).run_sync(full_metadata().create_all)
    yield database
    await database.close()


@pytest.mark.timeout(TIMEOUT_S + 30)
async def test_the_server_does_what_the_document_says(
    api: Api, database: Database, clock: HandClock, tmp_path: Path
) -> None:
    tokens = await stock(api, database, clock)
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    with capture_logs() as lines:
        code, told = await _run(config, str(api.client.make_url("/api/v1/openapi.json")), tokens)
    assert code == 0, told
    statuses = defaultdict(set)
    for line in lines:
        if line["event"] == "http_request":
            statuses[line["method"], line["path"]].add(line["status"])
    document = (await api.get("/openapi.json")).json["paths"]
    operations = {(method.upper(), path) for path in document for method in document[path]}
    done = {each for each in operations if any(200 <= status < 300 for status in statuses[each])}
    print(len(done), *sorted(map(str, operations - done)), sep="\n")
    assert len(done) / len(operations) >= REACHED, sorted(operations - done)


async def _run(config: Path, document: str, tokens: dict[str, str]) -> tuple[int | None, str]:
    """Exit code and report of a run by a process of its own."""
    phases = "coverage,fuzzing,stateful" if "OPENAPI_EXAMPLES" in os.environ else "coverage,fuzzing"
    more = ["--phases", phases, "--max-examples", str(EXAMPLES), "--generation-deterministic"]
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)],
        *["run", document, "--checks", "all", "--no-color", *more],
        cwd=Path(__file__).parents[3],
        env={**os.environ, **{login.upper(): token for login, token in tokens.items()}},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, told.decode()
