"""How patient the tests are: every time limit of a test is stretched by one factor.

The factor compares this machine, as busy as it is when the run starts, with an idle one.  It is
measured once: workers of pytest-xdist and programs that tests start inherit it by ``VARIABLE``.
A limit exists to end a test that hangs; how long a busy machine takes decides no test.
"""

import os
import time
from typing import Final

VARIABLE: Final = "CASH_SERVER_TESTS_PACE"
MOST: Final = 8.0
ROUNDS: Final = 2_000_000
REFERENCE_S: Final = 0.1
"""What ``ROUNDS`` take on an idle core of a usual server."""


def measure() -> float:
    """Return the factor, 1 to ``MOST``, by the wall time of a fixed amount of work."""
    began = time.perf_counter()
    total = 0
    for number in range(ROUNDS):
        total += number & 7
    return min(MOST, max(1.0, (time.perf_counter() - began) / REFERENCE_S))


FACTOR: Final = float(os.environ.setdefault(VARIABLE, f"{measure():.2f}"))


def scaled(seconds: float) -> float:
    """Return the limit in seconds that stands for ``seconds`` on an idle machine."""
    return seconds * FACTOR
