"""The benchmark's PostgreSQL."""

import pytest

from tests.servers import load


def pytest_configure(config: pytest.Config) -> None:
    load(config, "postgresql")
