"""The stage of the tests of operations."""

import pytest

from fleet.accounts.roles import Role
from fleet.kit.database import Database
from tests.fleet.conftest import Employ, HandClock
from tests.fleet.operations.stage import Stage


@pytest.fixture
async def stage(database: Database, clock: HandClock, employ: Employ) -> Stage:
    """Over both dialects; the actor may order everything."""
    return Stage(database, clock, await employ("anna", Role.ADMINISTRATOR))
