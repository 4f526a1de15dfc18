"""A register changes hands while something is ordered for it: no order of its former owner is
done at the new one's."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import update

from fleet.kit.act import Act
from fleet.kit.database import Database
from fleet.operations import ordering
from fleet.operations.delivery import Visit, deliver
from fleet.operations.ordering import OperationRequest
from fleet.operations.rules import Channel, OperationStatus, StatusCause
from fleet.registers.models import CashRegister
from fleet.registers.ownership import hand_over
from fleet.wiring import REACTIONS
from protocol.platforms import Platform
from tests.fleet.conftest import Employ
from tests.fleet.operations.stage import Stage, serial
from tests.fleet.waiting import until_blocked

ONE, TWO = serial(1), serial(2)
UPLOAD = {"settings": {"279": 8080}}


@pytest.fixture
async def wired(database_url: str, stage: Stage) -> AsyncIterator[Database]:
    """Another process over the same database, with the reactions of the program."""
    wired = Database(database_url, REACTIONS)
    yield wired
    await wired.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_hand_over_waits_for_a_concurrent_order_and_cancels_it(
    stage: Stage, wired: Database, employ: Employ
) -> None:
    """On SQLite there is one writer at a time."""
    await stage.enrol(ONE, Platform.V5_0)
    heir = (await employ("heir")).partner_id

    async def give() -> None:
        async with wired.transaction() as db:
            await hand_over(Act(db, None, stage.clock()), [ONE], heir)

    async with stage.database.transaction() as db:
        request = OperationRequest("settings_upload", [ONE], UPLOAD, Channel.CASH_SERVER, None)
        await ordering.create(stage.act(db), request)
        giving = asyncio.create_task(give())
        await until_blocked(wired, giving)
        assert not giving.done()
        # What a check-in writes into the register waits for no order.
        async with wired.transaction() as other:
            mine = update(CashRegister).where(CashRegister.serial_number == ONE)
            await other.execute(mine.values(firmware_version="5.9.2"))
    await giving
    (row,) = await stage.operations()
    assert (row.status, row.cause) == (OperationStatus.CANCELLED, StatusCause.HANDED_OVER)


async def test_operation_of_a_former_owner_does_not_begin(stage: Stage, employ: Employ) -> None:
    """However its operation has come to wait for the register still."""
    heir = (await employ("heir")).partner_id
    for each in (ONE, TWO):
        await stage.enrol(each, Platform.V5_0)
        await stage.order_one("settings_upload", each, UPLOAD)
    begun, unbegun = Visit(ONE, Platform.V5_0), Visit(TWO, Platform.V5_0)
    async with stage.database.transaction() as db:
        assert (await deliver(stage.act(db), [begun]))[0].step is not None
        await db.execute(update(CashRegister).values(partner_id=heir))
        first, second = await deliver(stage.act(db), [begun, unbegun])
    assert first.step is not None
    assert (second.step, second.pending) == (None, 0)
