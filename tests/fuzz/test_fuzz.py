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

from tests.examples import examples
from tests.fuzz.targets import TARGETS
from tests.pace import scaled

ROOT = Path(__file__).parents[2]
RUNS = 3000
RUN_S = 180


@pytest.mark.parametrize("name", TARGETS)
def test_arbitrary_bytes_do_no_harm(name: str) -> None:
    @settings(max_examples=examples(100), deadline=None)
    @given(st.binary(max_size=2048))
    def run(data: bytes) -> None:
        TARGETS[name](data)

    run()


@pytest.mark.timeout(RUN_S + 10)
def test_guided_bytes_do_no_harm(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        assert sys.platform != "linux" or sys.version_info >= (3, 14), "atheris is missing"
        pytest.skip("atheris is not to be had here")
    options = ["--runs", str(RUNS), "--seconds", str(round(scaled(RUN_S))), "--seed", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *TARGETS, *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=scaled(RUN_S),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = re.findall(r"^(?:Target (\w+)|Done (\d+) runs)", done.stderr, re.MULTILINE)
    assert told == [one for name in TARGETS for one in ((name, ""), ("", str(RUNS)))]
