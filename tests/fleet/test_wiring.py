"""The table of reactions: what a fact causes, in its own transaction."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import Counter
from sqlalchemy import select

from fleet.kit.act import Act
from fleet.kit.database import Database
from fleet.kit.metrics import CONDITIONS_CHANGED, OPERATIONS_MOVED
from fleet.operations.events import ChangedOperation, OperationStatusesChanged
from fleet.operations.rules import OperationStatus
from fleet.registers.models import CashRegister
from fleet.telemetry.events import (
    ConditionChange,
    ConditionsChanged,
    Profile,
    ProfilesChanged,
)
from fleet.telemetry.rules import BY_NAME
from fleet.wiring import REACTIONS
from protocol.platforms import Platform
from tests.fleet.conftest import START

ONE = "00106900000001"
PROFILE = Profile(
    serial_number=ONE,
    platform=Platform.V5_0,
    model=69,
    key_generation=1,
    channel=2,
    firmware_version="5.8.14",
    ffd_version="1.2",
    fiscalised=True,
    registration_number="",
    fiscal_drive_number="",
    owner_inn="",
    owner_name="",
    address="",
    utc_offset_min=180,
)


@pytest.fixture
async def wired(database_url: str, database: Database) -> AsyncIterator[Database]:
    wired = Database(database_url, REACTIONS)
    yield wired
    await wired.close()


def count(counter: Counter, *labels: str) -> float:
    return float(counter.labels(*labels)._value.get())


def bits(*names: str) -> int:
    return sum(1 << BY_NAME[name].bit for name in names)


def test_every_fact_has_a_reaction() -> None:
    assert all(REACTIONS.values())


async def test_a_profile_is_kept_with_the_reading_or_not_at_all(wired: Database) -> None:
    with pytest.raises(LookupError):
        async with wired.transaction() as db:
            await Act(db, None, START).announce(ProfilesChanged(START, (PROFILE,)))
            raise LookupError
    async with wired.read() as db:
        assert await db.scalar(select(CashRegister.serial_number)) is None
    async with wired.transaction() as db:
        await Act(db, None, START).announce(ProfilesChanged(START, (PROFILE,)))
    async with wired.read() as db:
        assert await db.scalar(select(CashRegister.profile_at)) == START


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_conditions_are_counted_each_way(wired: Database) -> None:
    watched = [
        ("battery_low", "broken"),
        ("battery_low", "mended"),
        ("hardware_error", "broken"),
        ("hardware_error", "mended"),
    ]
    before = [count(CONDITIONS_CHANGED, *labels) for labels in watched]
    low, hard = bits("battery_low"), bits("hardware_error")
    changes = (ConditionChange(ONE, low, low | hard), ConditionChange(ONE, low | hard, 0))
    async with wired.transaction() as db:
        await Act(db, None, START).announce(ConditionsChanged(START, changes))
    after = [count(CONDITIONS_CHANGED, *labels) for labels in watched]
    assert [b - a for a, b in zip(before, after, strict=True)] == [0, 1, 1, 1]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_moves_of_operations_are_counted(wired: Database) -> None:
    before = count(OPERATIONS_MOVED, "settings_upload", "failed")
    moves = tuple(
        ChangedOperation(n, ONE, "settings_upload", OperationStatus.FAILED) for n in range(3)
    )
    async with wired.transaction() as db:
        await Act(db, None, START).announce(OperationStatusesChanged(START, moves))
    assert count(OPERATIONS_MOVED, "settings_upload", "failed") == before + 3
