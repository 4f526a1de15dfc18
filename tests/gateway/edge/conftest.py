"""A gateway with the usual limits for the tests that need no others."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.edge.running import Running, running


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as gateway:
        yield gateway
