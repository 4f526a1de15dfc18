"""The stage of the tests of operations."""

from pathlib import Path

import pytest

from fleet.accounts.roles import Role
from fleet.firmware.image_folder import ImageFolder
from fleet.kit.database import Database
from tests.fleet.conftest import Employ, HandClock
from tests.fleet.operations.stage import Stage
from tests.protocol.publisher import PUBLISHER


@pytest.fixture
async def stage(database: Database, clock: HandClock, employ: Employ, tmp_path: Path) -> Stage:
    """Over both dialects; the actor may order everything."""
    shelf = ImageFolder(tmp_path / "images", [PUBLISHER])
    return Stage(database, clock, await employ("anna", Role.ADMINISTRATOR), shelf)
