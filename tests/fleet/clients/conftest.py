"""A database where registers' words have their consequences, and registers that speak."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from fleet.kit.act import Act
from fleet.kit.database import Database
from fleet.telemetry.events import ProfilesChanged
from fleet.wiring import REACTIONS
from tests.fleet.conftest import HandClock
from tests.fleet.registers.conftest import make_profile

Say = Callable[..., Awaitable[None]]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with the whole schema and the reactions of the product."""
    database = Database(database_url, REACTIONS)
    yield database
    await database.close()


@pytest.fixture
def say(database: Database, clock: HandClock) -> Say:
    """Registers say whose they are: ``await say({1: inn, 2: inn}, "ООО Ромашка")``."""

    async def say(owners: dict[int, str], name: str = "", *, fiscalised: bool = True) -> None:
        profiles = tuple(
            make_profile(number, owner_inn=inn, owner_name=name, fiscalised=fiscalised)
            for number, inn in owners.items()
        )
        async with database.transaction() as db:
            await Act(db, None, clock()).announce(ProfilesChanged(clock(), profiles))

    return say
