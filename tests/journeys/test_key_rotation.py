"""A register gets its key of another generation, and is not lost whatever becomes of it."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from fleet.operations.models import Operation
from protocol.conversation.seal import KeyRing
from protocol.platforms import Platform
from simulator.register.keys import RegisterKey
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.edge.running_gateway import KEYS, key_of
from tests.journeys.conftest import Deployment
from tests.journeys.shops import status

BOTH_KEYS = KeyRing({1: bytes(range(32)), 2: bytes(range(32, 64))})
OTHER_SECOND = KeyRing({1: bytes(range(32)), 2: bytes(range(64, 96))})
TO_SECOND = {"generation": 2}
BOTH = pytest.mark.parametrize("platform", list(Platform))


def works_under(register: SimulatedRegister) -> int:
    """Generation of the key of its next conversation."""
    return register.keys.next_key(RegisterKey(1, key_of(register.serial_number))).generation


@pytest.fixture
async def registers_town(town: Deployment) -> AsyncIterator[Deployment]:
    """The gateway has a second generation."""
    town.gateway.edge.keys = BOTH_KEYS
    yield town


@BOTH
async def test_register_checks_in_under_the_new_key(
    registers_town: Deployment, platform: Platform
) -> None:
    town = registers_town
    register = await town.enrol_and_check_in(platform)
    id_ = await town.order(register, "key_rotation", params=TO_SECOND)
    await town.call(register)
    assert await status(town, id_) == ("queued", "awaiting_call")
    assert (await town.call(register)).accepted
    assert await status(town, id_) == ("succeeded", "done")
    new = BOTH_KEYS.register_key(2, register.serial)
    assert register.keys.proven == (2, new) and register.keys.candidate is None
    assert (await town.call(register)).accepted


async def test_key_is_not_stored_in_the_database(registers_town: Deployment) -> None:
    town = registers_town
    register = await town.enrol_and_check_in(Platform.V5_0)
    await town.order(register, "key_rotation", params=TO_SECOND)
    new = BOTH_KEYS.register_key(2, register.serial)
    assert new is not None
    await town.call(register)
    assert register.keys.candidate == (2, new)
    async with town.gateway.database.read() as db:
        rows = (await db.execute(select(*Operation.__table__.columns))).all()
    assert rows and new.hex() not in str(rows) and repr(new)[2:-1] not in str(rows)


async def test_register_drops_a_key_unknown_to_the_gateway(
    registers_town: Deployment,
) -> None:
    """The ring was restored from an old copy between the order and the next calls."""
    town = registers_town
    register = await town.enrol_and_check_in(Platform.V5_0)
    id_ = await town.order(register, "key_rotation", params=TO_SECOND)
    for ring in (KEYS, OTHER_SECOND):
        town.gateway.edge.keys = BOTH_KEYS
        assert (await town.call(register)).accepted
        assert works_under(register) == 2
        town.gateway.edge.keys = ring
        assert not (await town.call(register)).accepted
        assert works_under(register) == 1
    town.gateway.edge.keys = BOTH_KEYS
    await town.call(register)
    await town.call(register)
    assert await status(town, id_) == ("succeeded", "done")


async def test_register_that_keeps_its_old_key_fails_the_operation(
    registers_town: Deployment,
) -> None:
    town = registers_town
    register = await town.enrol_and_check_in(Platform.V5_0)
    id_ = await town.order(register, "key_rotation", params=TO_SECOND)
    for _ in range(4):
        assert (await town.call(register)).accepted
        register.keys.candidate = None
    assert await status(town, id_) == ("failed", "key_not_taken")
    assert (await town.call(register)).accepted


async def test_generation_absent_from_the_ring_fails_the_operation(town: Deployment) -> None:
    register = await town.enrol_and_check_in(Platform.V5_0)
    id_ = await town.order(register, "key_rotation", params=TO_SECOND)
    await town.call(register)
    assert await status(town, id_) == ("failed", "command_failed")
    assert works_under(register) == 1 and (await town.call(register)).accepted
