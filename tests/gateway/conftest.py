"""A gateway stands on a database, and on a broker for one of its transports."""

import pytest

from tests.servers import load


def pytest_configure(config: pytest.Config) -> None:
    load(config, "schema", "mosquitto")
