"""The index of registers that have work, and how it hears of changes made elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import pytest

from fleet.kit.database import Database
from fleet.kit.follow import Follower
from fleet.operations import service
from fleet.operations.due import CHANNEL, PER_PAYLOAD, Due, DueIndex, payloads
from fleet.operations.models import Operation
from fleet.operations.work import PORTION, load_where
from protocol.platforms import Platform
from tests.fleet.conftest import START
from tests.fleet.operations.stage import Stage, answer_step, serial
from tests.pace import scaled

SOON_S = scaled(20.0)
UPLOAD = {"settings": {"279": 8080}}
KEY = int(serial(1))


def whoever(moment: datetime) -> Due:
    """Due whether the register calls itself or an Assistant does."""
    return Due(moment, moment)


@pytest.fixture
async def index(database_url: str, stage: Stage) -> AsyncIterator[DueIndex]:
    """An index over another ``Database`` object, as in another process."""
    elsewhere = Database(database_url)
    index = DueIndex(elsewhere)
    follower = Follower(elsewhere, {CHANNEL: index.refresh}, index.resync)
    await follower.start()
    yield index
    await follower.close()
    await elsewhere.close()


async def soon(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not happened():  # noqa: ASYNC110 - what happens in a database sets no event
            await asyncio.sleep(0.02)


async def test_peoples_changes_reach_the_index_of_another_process(
    stage: Stage, index: DueIndex
) -> None:
    await stage.enrol(serial(1), Platform.V5_0)
    assert index.get(KEY) is None
    operation_id = await stage.order_one("settings_upload", serial(1), UPLOAD)
    await soon(lambda: index.get(KEY) == whoever(stage.clock()))
    async with stage.database.transaction() as db:
        at = stage.clock() + timedelta(hours=1)
        await service.reschedule(stage.act(db), operation_id, at)
    await soon(lambda: index.get(KEY) == whoever(at))
    assert not index.is_due(KEY, at - timedelta(seconds=1)) and index.is_due(KEY, at)
    await stage.cancel(operation_id)
    await soon(lambda: len(index) == 0)


async def test_changes_of_many_registers_reach_the_index(stage: Stage, index: DueIndex) -> None:
    serials = [serial(number) for number in range(500)]
    for each in serials:
        await stage.enrol(each, Platform.V5_0)
    await stage.order("settings_upload", serials, UPLOAD)
    await soon(lambda: len(index) == len(serials))
    await stage.order("cancel_pending", serials, {})
    await soon(lambda: len(index) == 0)


async def test_ends_of_leases_and_deadlines_reach_the_index(stage: Stage, index: DueIndex) -> None:
    """A check-in that finds a row held by the worker forgets its register for that moment."""
    register = await stage.boot_register(1, Platform.V5_0)
    operation_id = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
    await stage.visit(register)
    await soon(lambda: index.get(KEY) is not None)
    stage.clock.forward(minutes=2)
    async with stage.database.transaction() as db:
        index.settle(KEY, index.get(KEY), None)
        assert await service.requeue_silent(stage.act(db), PORTION) == 1
    await soon(lambda: index.get(KEY) is not None)
    stage.clock.forward(days=8)
    async with stage.database.transaction() as db:
        assert await service.end_overdue(stage.act(db), PORTION) == 1
    await soon(lambda: index.get(KEY) is None)
    assert (await stage.operation(operation_id)).finished_at == stage.clock()


async def test_batch_result_does_not_replace_a_newer_notification(database: Database) -> None:
    index, later = DueIndex(database), whoever(START + timedelta(hours=1))
    index.settle(KEY, None, whoever(START))
    assert index.get(KEY) == whoever(START)
    before = index.get(KEY)
    index.settle(KEY, before, later)
    index.settle(KEY, before, None)
    assert index.get(KEY) == later
    index.settle(KEY, index.get(KEY), None)
    assert len(index) == 0


async def test_only_open_operations_are_due(stage: Stage) -> None:
    register = await stage.boot_register(1, Platform.V5_0)
    await stage.order_one("settings_upload", register.serial_number, UPLOAD)
    index = DueIndex(stage.database)
    await index.resync()
    assert index.is_due(KEY, stage.clock())
    step = (await stage.visit(register)).step
    assert step is not None
    await stage.visit(register, answer_step(register, step, stage.clock()))
    await index.refresh(f"{serial(1)},{serial(2)}")
    assert len(index) == 0


def test_payloads_are_short_sorted_and_complete() -> None:
    serials = [serial(number) for number in range(PER_PAYLOAD + 1)]
    found = payloads(serials[::-1] + serials)
    assert [payload.count(",") + 1 for payload in found] == [PER_PAYLOAD, 1]
    assert ",".join(found).split(",") == serials
    assert max(map(len, found)) < 8000
    assert payloads([]) == []


async def test_load_where_takes_a_portion(stage: Stage) -> None:
    await stage.enrol(serial(1), Platform.V5_0)
    ids = [await stage.order_one("settings_upload", serial(1), UPLOAD) for _ in range(3)]
    async with stage.database.transaction() as db:
        works = await load_where(db, Operation.serial_number == serial(1), limit=2)
    assert [work.id for work in works] == ids[:2]
