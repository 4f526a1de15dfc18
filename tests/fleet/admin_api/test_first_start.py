"""What a new server has: an administrator, and with demo registers all that they need."""

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import select

from fleet.accounts.models import Employee, Partner
from fleet.admin_api.first_start import (
    LOGIN,
    PASSWORD_CHANGED,
    PASSWORD_FILE,
    InitialCredentials,
    enrol_demo,
    prepare_admin,
)
from fleet.kit.act import Act
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.subscriptions.catalogue import CATALOGUE
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.holdings import entitled_registers
from fleet.subscriptions.models import Grant
from fleet.subscriptions.service import FIRST_STOCK
from fleet.subscriptions.stock import available
from tests.fleet.conftest import Api, HandClock

DEMO = ["00106100000001", "00106900000002"]


async def start(database: Database, clock: HandClock, folder: Path, demo: list[str]) -> int:
    """The first partner, as ``cash-server up`` leaves it."""
    async with database.transaction() as db:
        await prepare_admin(Act(db, None, clock(), config=FleetConfig(data=folder)))
        await enrol_demo(Act(db, None, clock()), demo)
        return (await db.scalars(select(Employee.partner_id).where(Employee.login == LOGIN))).one()


async def prepare(
    database: Database, clock: HandClock, folder: Path, **more: Any
) -> InitialCredentials:
    async with database.transaction() as db:
        return await prepare_admin(Act(db, None, clock(), config=FleetConfig(data=folder, **more)))


async def test_the_generated_password_is_shown_while_it_is_valid(
    api: Api, database: Database, clock: HandClock, tmp_path: Path
) -> None:
    first = await prepare(database, clock, tmp_path)
    assert (await prepare(database, clock, tmp_path)) == first
    assert (tmp_path / PASSWORD_FILE).stat().st_mode & 0o777 == 0o600
    assert (await api.sign_in(LOGIN, first.shown_password)).json["employee"][
        "role"
    ] == "administrator"
    change = {"password": first.shown_password, "new_password": "chosen by a person"}
    assert (await api.post("/me/password", change)).status == 204
    assert await prepare(database, clock, tmp_path) == PASSWORD_CHANGED


async def test_a_lost_data_folder_does_not_cause_a_new_password(
    database: Database, clock: HandClock, tmp_path: Path
) -> None:
    await prepare(database, clock, tmp_path / "first")
    assert await prepare(database, clock, tmp_path / "second") == PASSWORD_CHANGED
    assert not (tmp_path / "second" / PASSWORD_FILE).exists()


async def test_an_empty_password_file_is_replaced(
    api: Api, database: Database, clock: HandClock, tmp_path: Path
) -> None:
    (tmp_path / PASSWORD_FILE).write_text("")
    shown = (await prepare(database, clock, tmp_path)).shown_password
    assert (await api.sign_in(LOGIN, shown)).status == 200


async def test_a_password_file_written_by_a_person_does_not_stop_the_start(
    api: Api, database: Database, clock: HandClock, tmp_path: Path
) -> None:
    (tmp_path / PASSWORD_FILE).write_text("пароль для пробы\n", "utf-8")
    assert (await prepare(database, clock, tmp_path)).shown_password == "пароль для пробы"
    assert (await api.sign_in(LOGIN, "пароль для пробы")).status == 200
    (tmp_path / PASSWORD_FILE).write_bytes("другой".encode("cp1251"))
    assert await prepare(database, clock, tmp_path) == PASSWORD_CHANGED


async def test_two_simultaneous_first_starts_create_one_administrator(
    database: Database, clock: HandClock, tmp_path: Path
) -> None:
    one, other = await asyncio.gather(*(prepare(database, clock, tmp_path) for _ in range(2)))
    assert one == other
    async with database.read() as db:
        assert len(list(await db.scalars(select(Partner)))) == 1


async def test_the_configured_password_is_used_only_at_the_first_start(
    api: Api, database: Database, clock: HandClock, tmp_path: Path
) -> None:
    given = await prepare(database, clock, tmp_path, admin_password="first password")
    assert given == InitialCredentials(LOGIN, "…", "CASH_SERVER_ADMIN_PASSWORD")
    await api.sign_in(LOGIN, "first password")
    change = {"password": "first password", "new_password": "chosen by a person"}
    assert (await api.post("/me/password", change)).status == 204
    assert (
        await prepare(database, clock, tmp_path, admin_password="first password")
        == PASSWORD_CHANGED
    )
    assert (await api.sign_in(LOGIN, "first password")).status == 401
    assert (await api.sign_in(LOGIN, "chosen by a person")).status == 200


async def test_demo_registers_may_use_every_service_and_come_with_stock(
    database: Database, clock: HandClock, tmp_path: Path
) -> None:
    for _ in range(2):
        partner_id = await start(database, clock, tmp_path, DEMO)
    async with database.read() as db:
        for service in Entitlement:
            assert await entitled_registers(db, DEMO, service, clock()) == set(DEMO)
        assert await available(db, partner_id) == dict.fromkeys(CATALOGUE, FIRST_STOCK)


async def test_without_demo_registers_no_stock_is_given(
    database: Database, clock: HandClock, tmp_path: Path
) -> None:
    partner_id = await start(database, clock, tmp_path, [])
    async with database.read() as db:
        assert await available(db, partner_id) == {}
        assert list(await db.scalars(select(Grant).where(Grant.partner_id == partner_id))) == []
