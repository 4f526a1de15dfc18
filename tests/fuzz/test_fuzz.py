"""Every target, a short while: the long runs are `python -m tests.fuzz`."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
SECONDS = 1


@pytest.mark.parametrize("name", TARGETS)
def test_arbitrary_bytes_do_no_harm(name: str) -> None:
    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=2048))
    def run(data: bytes) -> None:
        TARGETS[name](data)

    run()


@pytest.mark.parametrize("name", TARGETS)
def test_guided_bytes_do_no_harm(name: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        assert sys.platform != "linux" or sys.version_info >= (3, 14), "atheris is missing"
        pytest.skip("atheris is not to be had here")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(SECONDS), "--seed", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=45,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    runs = re.search(r"Done (\d+) runs", done.stderr)
    assert runs and int(runs[1]) > 100, done.stderr[-500:]
