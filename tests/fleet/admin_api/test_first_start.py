"""What a new server has: an administrator, and with demo registers all that they need."""

from pathlib import Path

from sqlalchemy import select

from fleet.accounts.models import Employee
from fleet.admin_api.first_start import LOGIN, enrol_demo, prepare_admin
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.subscriptions.catalogue import CATALOGUE
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.models import Grant
from fleet.subscriptions.service import FIRST_STOCK, entitled
from fleet.subscriptions.stock import available
from tests.fleet.conftest import HandClock

DEMO = ["00106100000001", "00106900000002"]


async def start(database: Database, clock: HandClock, folder: Path, demo: list[str]) -> int:
    """The first partner, as ``cash-server up`` leaves it."""
    async with database.transaction() as db:
        await prepare_admin(db, FleetConfig(data=folder), clock())
        await enrol_demo(db, demo, clock())
        return (await db.scalars(select(Employee.partner_id).where(Employee.login == LOGIN))).one()


async def test_demo_registers_may_do_everything_at_once_and_there_is_stock_to_try(
    database: Database, clock: HandClock, tmp_path: Path
) -> None:
    for _ in range(2):
        partner_id = await start(database, clock, tmp_path, DEMO)
    async with database.read() as db:
        for service in Entitlement:
            assert await entitled(db, DEMO, service, clock()) == set(DEMO)
        assert await available(db, partner_id) == dict.fromkeys(CATALOGUE, FIRST_STOCK)


async def test_without_a_demonstration_nothing_is_given(
    database: Database, clock: HandClock, tmp_path: Path
) -> None:
    partner_id = await start(database, clock, tmp_path, [])
    async with database.read() as db:
        assert await available(db, partner_id) == {}
        assert list(await db.scalars(select(Grant).where(Grant.partner_id == partner_id))) == []
