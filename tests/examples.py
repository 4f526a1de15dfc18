"""How many examples hypothesis tries: few while somebody waits, all of them under ``CI=true``.

Examples are the same in every run; ``SEARCH=true`` looks for others, and for as many.
"""

import os
from typing import Final

import hypothesis

FEW: Final = 10
_AT_ANY_SPEED: Final = hypothesis.settings(
    deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "quick", _AT_ANY_SPEED, derandomize=True, max_examples=FEW, stateful_step_count=15
)
hypothesis.settings.register_profile("same", _AT_ANY_SPEED, derandomize=True)
hypothesis.settings.register_profile("search", _AT_ANY_SPEED)


def profile() -> str:
    """Return the name of the profile that the environment asks for."""
    if os.environ.get("SEARCH") == "true":
        return "search"
    return "same" if os.environ.get("CI") == "true" else "quick"


hypothesis.settings.load_profile(profile())


def examples(count: int) -> int:
    """Return ``count``, or at most ``FEW`` in the profile ``quick``."""
    return min(count, FEW) if profile() == "quick" else count
