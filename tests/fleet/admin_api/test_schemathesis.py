"""Schemathesis runs the whole OpenAPI document: what the server does is what the document says.

Every check that schemathesis has is on.  The phases: coverage (each constraint of each schema,
met and broken) and a few random requests; ``OPENAPI_EXAMPLES=50`` sends more of them, and chains
of requests too.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from structlog.testing import capture_logs

from fleet.admin_api.endpoints import ENDPOINTS
from fleet.kit.database import Database
from fleet.kit.http import PREFIX
from fleet.wiring import REACTIONS
from tests.fleet.admin_api.stocked import INN, SERIALS, stock
from tests.fleet.conftest import PASSWORD, Api, HandClock
from tests.fleet.subscriptions.conftest import ON_SQLITE
from tests.pace import scaled

EXAMPLES: Final = int(os.environ.get("OPENAPI_EXAMPLES", "3"))
TIMEOUT_S: Final = 240 + 12 * EXAMPLES
REACHED: Final = 0.75
"""Of the operations at least so many must be done, or the run says little."""

CONFIG: Final = f"""
hooks = "tests.fleet.admin_api.openapi_hooks"
headers = {{ Authorization = "Bearer ${{ANNA}}" }}
continue-on-failure = true
warnings = false

# What schemathesis takes for a refusal, and 413: the body was too long to be read.
[checks.negative_data_rejection]
expected-statuses = [
    "400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429", "5xx"
]

[dictionaries.serials]
values = {json.dumps(SERIALS[:3])}
[dictionaries.ids]
values = [1, 4]
[dictionaries.employees]
values = [5, 6]

[dictionaries.id_lists]
values = ["4"]
[dictionaries.payments]
values = ["${{PAYMENT}}"]
[dictionaries.logins]
values = ["olga", "petr"]
[dictionaries.passwords]
values = ["{PASSWORD}"]
[dictionaries.files]
values = ["AAAA"]
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
"query.ids" = {{ dictionary = "id_lists", probability = 0.7 }}
"body.serial_number" = {{ dictionary = "serials", probability = 0.7 }}
"body.serial_numbers[*]" = {{ dictionary = "serials", probability = 0.7 }}
"body.login" = {{ dictionary = "logins", probability = 0.7 }}
"body.to" = {{ dictionary = "logins", probability = 0.7 }}
"body.password" = {{ dictionary = "passwords", probability = 0.7 }}
"body.content" = {{ dictionary = "files", probability = 0.7 }}
"body.plan" = {{ dictionary = "plans", probability = 0.7 }}
"body.plans[*]" = {{ dictionary = "plans", probability = 0.7 }}
"body.type" = {{ dictionary = "operation_types", probability = 0.7 }}
"body.address_id" = {{ dictionary = "ids", probability = 0.7 }}
"body.outlet_id" = {{ dictionary = "ids", probability = 0.7 }}

[[operations]]
include-path-regex = "/employees/"
parameters = {{ "path.id" = {{ dictionary = "employees", probability = 0.7 }} }}

[[operations]]
include-path-regex = "/payments/"
parameters = {{ "path.id" = {{ dictionary = "payments", probability = 0.7 }} }}

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
async def database(database_url: str) -> AsyncIterator[Database]:
    """With the reactions."""
    database = Database(database_url, REACTIONS)
    yield database
    await database.close()


@ON_SQLITE
@pytest.mark.timeout(TIMEOUT_S + 30)
async def test_the_server_conforms_to_its_openapi_document(
    api: Api, database: Database, clock: HandClock, tmp_path: Path
) -> None:
    stocked = await stock(api, database, clock)
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.replace("${PAYMENT}", stocked["PAYMENT"]))
    with capture_logs() as lines:
        code, told = await _run(config, str(api.client.make_url("/api/v1/openapi.json")), stocked)
    assert code == 0, told
    every = {(each.method, PREFIX + each.path) for each in ENDPOINTS}
    done = every & {
        (line["method"], line["path"])
        for line in lines
        if line["event"] == "http_request" and line["status"] < 300
    }
    assert len(done) / len(every) >= REACHED, sorted(every - done)


async def _run(config: Path, document: str, variables: dict[str, str]) -> tuple[int | None, str]:
    """Exit code and report of a run by a process of its own."""
    phases = "coverage,fuzzing,stateful" if "OPENAPI_EXAMPLES" in os.environ else "coverage,fuzzing"
    more = ["--phases", phases, "--max-examples", str(EXAMPLES), "--generation-deterministic"]
    more += ["--suppress-health-check", "too_slow"]
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)],
        *["run", document, "--checks", "all", "--no-color", *more],
        cwd=config.parent,
        env={**os.environ, **variables, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(scaled(TIMEOUT_S)):
            told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, told.decode()
