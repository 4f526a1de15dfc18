"""What stops a start is one sentence that names the variable or the file, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pace import scaled

NOWHERE = "postgresql://somebody:secret-word@127.0.0.1:1/none"

REFUSALS = {
    "an address that is none": (
        ["up", "--http", "abc"],
        "CASH_SERVER_HTTP: an address is HOST:PORT",
    ),
    "another database": (
        ["migrate", "--database", "mysql://x"],
        "CASH_SERVER_DATABASE: the database URL must begin with postgresql:// or sqlite:///",
    ),
    "no key ring": (["gateway"], "`cash-server key-ring create` makes one"),
    "no database": (["migrate", "--database", NOWHERE], "cannot connect to the database"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_impossible_start_prints_its_reason(case: str, tmp_path: Path) -> None:
    command, sentence = REFUSALS[case]
    done = subprocess.run(
        [sys.executable, "-m", "cash_server", *command, "--data", str(tmp_path / "data")],
        env={**os.environ, "CASH_SERVER_DATABASE": ""},
        capture_output=True,
        text=True,
        timeout=scaled(55),
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert "secret-word" not in done.stderr + done.stdout
