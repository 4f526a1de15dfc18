"""A gateway with the usual limits for the tests that need no others."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.edge.running_gateway import RunningGateway, running_gateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[RunningGateway]:
    async with running_gateway(tmp_path) as gateway:
        yield gateway
