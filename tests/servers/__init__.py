"""Servers that tests start: PostgreSQL and Mosquitto.

Each module here is a plugin of pytest; the conftest of a folder that needs its fixtures says so::

    def pytest_configure(config: pytest.Config) -> None:
        load(config, "postgresql", "mosquitto")

Other folders neither start nor import anything of it.
"""

import os
from typing import NoReturn

import pytest


def load(config: pytest.Config, *names: str) -> None:
    """Register modules of this package as plugins; one that is there already stays."""
    for name in names:
        config.pluginmanager.import_plugin(f"{__name__}.{name}")


def missing(what: object) -> NoReturn:
    """Skip the test for want of a component; with ``CI=true`` that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(what))
    pytest.skip(str(what))
