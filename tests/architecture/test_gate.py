"""The commands: what they say where a component is missing, and what they need."""

import os
import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT
from tests.pace import scaled

TIMEOUT_S = scaled(50)


def output_of(*command: str, **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=inherited | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("environment", "outcome"), [({}, "1 skipped"), ({"CI": "true"}, "1 error")]
)
def test_a_missing_postgresql_is_a_failure_in_ci_only(
    environment: dict[str, str], outcome: str
) -> None:
    one = "tests/simulator/bench/test_postgres.py::test_each_test_has_an_empty_database"
    pytest_command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-ra", one)
    output = output_of(*pytest_command, CASH_SERVER_PG_BIN="/nonexistent", **environment)
    assert outcome in output
    assert "no PostgreSQL can be run: /nonexistent" in output


@pytest.mark.parametrize("python", ["", "/nonexistent/python3.9", "false"])
def test_an_old_python_is_refused_in_words(python: str) -> None:
    # --what-if: as if pyproject.toml were new, so that the installation would start.
    output = output_of("make", "run", "--what-if=pyproject.toml", f"PYTHON={python}")
    assert "Python 3.11 or newer is needed" in output
    assert (python or "none") in output


def test_a_test_of_the_protocol_imports_no_database() -> None:
    program = (
        "import sys, pytest;"
        "code = pytest.main(['-q', '-n', '0', '-p', 'no:cacheprovider', sys.argv[1]]);"
        "print('found', sorted({'sqlalchemy', 'aiohttp', 'fleet', 'gateway'} & set(sys.modules)));"
        "sys.exit(code)"
    )
    output = output_of(sys.executable, "-c", program, "tests/protocol/test_layout.py")
    assert "passed" in output
    assert "found []" in output


def test_help_tells_every_target_in_a_line() -> None:
    lines = output_of("make", "--no-print-directory", "help").splitlines()
    assert {line.split()[0] for line in lines} == {"run", "test", "quick", "bench", "help", "clean"}
    assert all(len(line.split()) > 2 and len(line) < 80 for line in lines)
