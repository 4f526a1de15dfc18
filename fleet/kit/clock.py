"""The clock as a parameter: code calls a ``Clock``, and tests set the time themselves."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""A function that returns the current time, aware, in UTC."""


def utc_now() -> datetime:
    return datetime.now(UTC)
