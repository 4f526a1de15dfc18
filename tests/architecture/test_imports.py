"""Each contract of .importlinter, broken on purpose in a copy of the tree."""

import configparser
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.architecture.tree import FRONT_DOOR, PACKAGES, ROOT
from tests.pace import scaled

CONTRACTS_FILE = ".importlinter"

Files = Mapping[str, str]
"""Lines to add to files, by path; a file or package that is missing is made."""

SKELETON: Files = {
    "gateway/twig.py": "",
    "fleet/device_port.py": "",
    "fleet/wiring.py": "",
    "fleet/accounts/twig.py": "",
    "fleet/audit/twig.py": "",
    "fleet/kit/twig.py": "",
    "fleet/receipts/twig.py": "",
    "fleet/registers/twig.py": "",
    "fleet/support/twig.py": "import time",
}
"""What the violations reach for; parts of it are not written yet."""

VIOLATIONS = (
    ("parts", "protocol/leaf.py", "import fleet"),
    ("parts", "fleet/support/leaf.py", "import gateway"),
    ("parts", "gateway/leaf.py", "import simulator"),
    ("parts", "simulator/leaf.py", "import gateway"),
    ("parts", "gateway/leaf.py", "import cash_server"),
    ("one_door", "gateway/leaf.py", "import fleet.kit.twig"),
    ("one_door", "gateway/edge/transports/leaf.py", "from fleet import wiring"),
    ("other_end", "simulator/leaf.py", "import fleet"),
    ("other_end", "simulator/leaf.py", "from fleet import device_port"),
    ("assistant", "gateway/assistant/leaf.py", "from gateway import twig"),
    ("assistant", "gateway/assistant/leaf.py", "import fleet.device_port"),
    ("two_programs", "gateway/edge/leaf.py", "import gateway.assistant.config"),
    ("no_circles", "protocol/kktpc/crc.py", "import protocol.kktpc.frame"),
    ("no_circles", "simulator/calls/conversation.py", "import simulator.calls.socket_call"),
    ("tiers", "fleet/kit/leaf.py", "import fleet.audit"),
    ("tiers", "fleet/audit/leaf.py", "import fleet.accounts"),
    ("tiers", "fleet/telemetry/leaf.py", "import fleet.registers"),
    ("tiers", "fleet/registers/leaf.py", "import fleet.wiring"),
    ("tiers", "fleet/support/leaf.py", "import fleet.receipts"),
    ("tiers", "fleet/loyalty/__init__.py", ""),
    ("migrations", "fleet/migrations/leaf.py", "import fleet.audit.twig"),
    ("pure_protocol", "protocol/leaf.py", "import asyncio"),
    ("pure_protocol", "protocol/leaf.py", "from time import monotonic"),
    ("pure_protocol", "protocol/leaf.py", "def read() -> None:\n    import socket"),
    ("pure_rules", "fleet/support/rules.py", "from sqlalchemy import select"),
    ("pure_rules", "fleet/support/rules.py", "import fleet.support.twig"),
    ("pure_rules", "fleet/operations/types/leaf.py", "import aiohttp.web"),
    ("no_sql_in_pages", "fleet/support/routes.py", "import sqlalchemy.orm"),
    ("no_sql_in_pages", "fleet/support/pages.py", "from sqlalchemy import text"),
    ("no_http_in_services", "fleet/support/service.py", "from aiohttp import web"),
    ("no_http_in_services", "fleet/support/queries.py", "import aiohttp"),
    ("no_http_in_services", "fleet/support/models.py", "import aiohttp"),
    ("no_sql_in_gateway", "gateway/leaf.py", "import sqlalchemy"),
)
"""Contract, file, line: in files that nobody imports, so that one line breaks one contract."""

ALLOWED: Files = {
    "gateway/leaf.py": "from fleet import device_port\nimport protocol",
    "gateway/assistant/leaf.py": "import protocol",
    "simulator/leaf.py": "import protocol",
    "fleet/support/rules.py": "import protocol, datetime",
    "fleet/support/models.py": "import sqlalchemy",
    "fleet/support/service.py": "import sqlalchemy, fleet.support.models, fleet.registers",
    "fleet/support/routes.py": "import aiohttp, fleet.support.service",
    "fleet/migrations/leaf.py": "import fleet.support.models, fleet.kit.twig",
    "fleet/worker/leaf.py": "import fleet.wiring",
}


def contracts() -> dict[str, str]:
    """The names of the contracts, by id."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / CONTRACTS_FILE)
    sections = [section for section in parser.sections() if ":" in section]
    return {section.partition(":")[2]: parser[section]["name"] for section in sections}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in (FRONT_DOOR, CONTRACTS_FILE):
        shutil.copy(ROOT / name, tmp_path)
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    add(tmp_path, SKELETON)
    return tmp_path


def add(tree: Path, files: Files) -> None:
    for name, lines in files.items():
        path = tree / name
        for folder in path.relative_to(tree).parents[:-1]:
            (tree / folder).mkdir(parents=True, exist_ok=True)
            (tree / folder / "__init__.py").touch()
        with path.open("a") as file:
            file.write(f"\n{lines}\n")


def broken_contracts(tree: Path) -> set[str]:
    """Names of the contracts that lint-imports reports as broken; its other troubles raise."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=tree,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=scaled(50),
    )
    assert "kept" in done.stdout and "broken." in done.stdout, done.stdout + done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    # Behind the verdict may stand "(2 ignored imports)".
    broken = {line.partition(" BROKEN")[0] for line in lines if " BROKEN" in line}
    assert done.returncode == (1 if broken else 0)
    return broken


def test_the_tree_keeps_every_contract(copy: Path) -> None:
    assert broken_contracts(copy) == set()


def test_what_is_allowed_is_not_refused(copy: Path) -> None:
    add(copy, ALLOWED)
    assert broken_contracts(copy) == set()


@pytest.mark.parametrize(("contract", "file", "line"), VIOLATIONS)
def test_a_violation_breaks_its_contract_and_no_other(
    copy: Path, contract: str, file: str, line: str
) -> None:
    add(copy, {file: line})
    assert broken_contracts(copy) == {contracts()[contract]}


def test_every_contract_is_proved() -> None:
    assert {contract for contract, _, _ in VIOLATIONS} == set(contracts())
