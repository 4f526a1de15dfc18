"""Accounts in the broker's own books: a real Mosquitto, told at once and reconciled later."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import func, select

from fleet.accounts.roles import Role
from fleet.admin_api.app import build_app
from fleet.assistants.models import BrokerAccount
from fleet.assistants.provisioning import Reconciliation
from fleet.kit.actor import Actor
from fleet.kit.broker import BrokerAdmin, broker_admin
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.registers.models import CashRegister
from tests.fleet.conftest import Api, Employ, HandClock
from tests.servers.mosquitto import ADMIN, Mosquitto

SERIAL, OTHER = "00106900000001", "00106900000002"
PASSWORD = "secret of the shop"


@pytest.fixture
def config(mosquitto: Mosquitto, tmp_path: Path) -> FleetConfig:
    password = tmp_path / "broker.password"
    password.write_text(mosquitto.password)
    return FleetConfig(broker_admin=mosquitto.url, broker_admin_password_file=password)


@pytest.fixture
def admin(config: FleetConfig) -> BrokerAdmin:
    admin = broker_admin(config)
    assert admin is not None
    return admin


@pytest.fixture
async def login(admin: BrokerAdmin) -> AsyncIterator[str]:
    name = f"shop-{uuid4().hex[:12]}"
    yield name
    await admin.delete_account(name)


@pytest.fixture
async def anna(employ: Employ, database: Database) -> Actor:
    anna = await employ("anna", Role.ENGINEER)
    async with database.transaction() as db:
        for serial in (SERIAL, OTHER):
            db.add(CashRegister(serial_number=serial, partner_id=anna.partner_id, model=69))
    return anna


@pytest.fixture
async def told(
    database: Database, clock: HandClock, config: FleetConfig, anna: Actor
) -> AsyncIterator[Api]:
    """The admin API of a fleet whose broker is Mosquitto."""
    app = build_app(database, clock, config=config)
    async with TestClient(TestServer(app)) as client:
        api = Api(client)
        await api.sign_in("anna")
        yield api


@pytest.fixture
async def untold(
    database: Database, clock: HandClock, anna: Actor, closed_port: int
) -> AsyncIterator[Api]:
    """The same, while Mosquitto is down."""
    config = FleetConfig(broker_admin=f"mqtt://{ADMIN}@127.0.0.1:{closed_port}")
    async with TestClient(TestServer(build_app(database, clock, config=config))) as client:
        api = Api(client)
        await api.sign_in("anna")
        yield api


async def made(api: Api, login: str) -> int:
    answer = await api.post("/assistants", {"login": login, "password": PASSWORD})
    assert answer.status == 201, answer.json
    return int(answer.json["id"])


async def test_account_changes_reach_the_broker_at_once(
    told: Api, admin: BrokerAdmin, login: str
) -> None:
    id_ = await made(told, login)
    assert (await admin.accounts())[login] == frozenset()
    await told.post(f"/assistants/{id_}/registers", {"serial_number": SERIAL})
    assert (await admin.accounts())[login] == frozenset({SERIAL})
    path = f"/assistants/{id_}/password"
    assert (await told.ask("PUT", path, json={"password": "other secret"})).status == 204
    await told.ask("DELETE", f"/assistants/{id_}/registers/{SERIAL}")
    assert (await admin.accounts())[login] == frozenset()
    await told.ask("DELETE", f"/assistants/{id_}")
    assert login not in await admin.accounts()


async def test_terminal_account_is_created_and_deleted_in_the_broker(
    told: Api, admin: BrokerAdmin
) -> None:
    made_one = (await told.post(f"/registers/{OTHER}/mqtt-account")).json
    try:
        assert (await admin.accounts())[made_one["login"]] == frozenset({OTHER})
    finally:
        await told.ask("DELETE", f"/registers/{OTHER}/mqtt-account")
    assert made_one["login"] not in await admin.accounts()


async def test_broker_failure_refuses_the_request_and_changes_nothing(
    untold: Api, database: Database
) -> None:
    answer = await untold.post("/assistants", {"login": "shop-9", "password": PASSWORD})
    assert (answer.status, answer.json["code"]) == (503, "broker_down")
    async with database.read() as db:
        assert await db.scalar(select(func.count()).select_from(BrokerAccount)) == 0


async def test_login_of_a_foreign_broker_account_is_refused(
    told: Api, admin: BrokerAdmin, login: str, database: Database
) -> None:
    await admin._send_commands(
        [{"command": "createClient", "username": login, "password": PASSWORD}]
    )
    try:
        answer = await told.post("/assistants", {"login": login, "password": PASSWORD})
        assert (answer.status, answer.json["code"]) == (409, "assistant_login_taken")
        async with database.read() as db:
            assert await db.scalar(select(func.count()).select_from(BrokerAccount)) == 0
    finally:
        await admin._send_commands([{"command": "deleteClient", "username": login}])


async def test_reconciliation_corrects_changes_that_the_broker_missed(
    told: Api, untold: Api, admin: BrokerAdmin, database: Database, login: str
) -> None:
    """A register added and an account deleted while it was down; an account it should not have."""
    lasting, doomed, orphan = login, f"{login}-doomed", f"{login}-orphan"
    first, second = await made(told, lasting), await made(told, doomed)
    await admin.create_account(orphan, PASSWORD)
    added = await untold.post(f"/assistants/{first}/registers", {"serial_number": SERIAL})
    assert added.status == 200
    assert (await untold.ask("DELETE", f"/assistants/{second}")).status == 204
    reconciliation = Reconciliation()
    await reconciliation.run(database, admin)
    books = await admin.accounts()
    assert books[lasting] == frozenset({SERIAL})
    assert {doomed, orphan} <= books.keys(), "they may be under way: the second look decides"
    await reconciliation.run(database, admin)
    assert await reconciliation.run(database, admin) == 0, "the same again changes nothing"
    assert not {doomed, orphan} & (await admin.accounts()).keys()


async def test_new_password_restores_an_account_that_the_broker_lost(
    told: Api, admin: BrokerAdmin, login: str
) -> None:
    id_ = await made(told, login)
    await told.post(f"/assistants/{id_}/registers", {"serial_number": SERIAL})
    await admin.delete_account(login)
    path = f"/assistants/{id_}/password"
    assert (await told.ask("PUT", path, json={"password": PASSWORD})).status == 204
    assert (await admin.accounts())[login] == frozenset({SERIAL})
