"""Accounts in Mosquitto, by its dynamic security: a real broker answers."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiomqtt import Client, MqttError, ProtocolVersion

from fleet.kit import broker
from fleet.kit.broker import BrokerAdmin, BrokerDown, BrokerRefused, LoginTaken, broker_admin
from fleet.kit.config import FleetConfig
from protocol import broker_url
from protocol.broker_url import BrokerUrl
from tests.servers.mosquitto import ADMIN, HOST, Mosquitto

ONE, OTHER = "00106100000001", "00106100000002"
PASSWORD = "eight-or-more"


@pytest.fixture
def admin(mosquitto: Mosquitto) -> BrokerAdmin:
    return BrokerAdmin(broker_url.parse(mosquitto.url), mosquitto.password)


@pytest.fixture
async def login(admin: BrokerAdmin) -> AsyncIterator[str]:
    name = f"shop-{uuid4().hex[:12]}"
    yield name
    await admin.delete_account(name)


async def lets_in(mosquitto: Mosquitto, login: str, password: str) -> bool:
    try:
        async with Client(
            HOST, mosquitto.port, username=login, password=password, protocol=ProtocolVersion.V5
        ):
            return True
    except MqttError:
        return False


async def test_an_account_gets_exactly_its_registers(
    mosquitto: Mosquitto, admin: BrokerAdmin, login: str
) -> None:
    await admin.create_account(login, PASSWORD)
    assert (await admin.accounts())[login] == frozenset()
    await admin.set_registers(login, [ONE, OTHER])
    assert (await admin.accounts())[login] == {ONE, OTHER}
    await admin.set_registers(login, [OTHER])
    assert (await admin.accounts())[login] == {OTHER}
    assert await lets_in(mosquitto, login, PASSWORD)


async def test_repeated_broker_commands_have_no_further_effect(
    mosquitto: Mosquitto, admin: BrokerAdmin, login: str
) -> None:
    """The second time, a password is set and the registers stay."""
    await admin.create_account(login, PASSWORD)
    await admin.set_registers(login, [ONE])
    await admin.set_registers(login, [ONE])
    await admin.create_account(login, PASSWORD + "2")
    assert (await admin.accounts())[login] == {ONE}
    assert await lets_in(mosquitto, login, PASSWORD + "2")
    assert not await lets_in(mosquitto, login, PASSWORD)


async def test_setting_the_same_registers_disconnects_nobody(
    mosquitto: Mosquitto, admin: BrokerAdmin, login: str
) -> None:
    await admin.create_account(login, PASSWORD)
    await admin.set_registers(login, [ONE])
    async with Client(HOST, mosquitto.port, username=login, password=PASSWORD) as client:
        await admin.set_registers(login, [ONE])
        await client.publish(f"registers/{ONE}/up", b"", 1)


async def test_a_new_password_replaces_the_previous_one(
    mosquitto: Mosquitto, admin: BrokerAdmin, login: str
) -> None:
    await admin.create_account(login, PASSWORD)
    await admin.set_password(login, "another-one")
    assert await lets_in(mosquitto, login, "another-one")
    assert not await lets_in(mosquitto, login, PASSWORD)
    with pytest.raises(BrokerRefused, match="setClientPassword"):
        await admin.set_password(f"{login}x", PASSWORD)


async def test_a_deleted_account_cannot_sign_in(
    mosquitto: Mosquitto, admin: BrokerAdmin, login: str
) -> None:
    await admin.create_account(login, PASSWORD)
    await admin.delete_account(login)
    await admin.delete_account(login)
    assert login not in await admin.accounts()
    assert not await lets_in(mosquitto, login, PASSWORD)


async def test_foreign_accounts_are_not_changed(
    mosquitto: Mosquitto, admin: BrokerAdmin, login: str
) -> None:
    """The administrator's, the gateways', and one that somebody made by other means."""
    gateway = f"{login}-gateway"
    await admin.ensure_gateway_account(gateway, PASSWORD)
    foreign = {"command": "createClient", "username": login, "password": PASSWORD, "roles": []}
    await admin._send_commands([foreign])
    try:
        for taken in (ADMIN, gateway, login):
            with pytest.raises(LoginTaken):
                await admin.create_account(taken, PASSWORD + "2")
            await admin.delete_account(taken)
            assert taken not in await admin.accounts()
        with pytest.raises(LoginTaken):
            await admin.ensure_gateway_account(login, PASSWORD + "2")
        passwords = {ADMIN: mosquitto.password, gateway: PASSWORD, login: PASSWORD}
        for taken, password in passwords.items():
            assert await lets_in(mosquitto, taken, password)
    finally:
        for made in (gateway, login):
            await admin._send_commands([{"command": "deleteClient", "username": made}])


async def test_foreign_accounts_are_not_listed(admin: BrokerAdmin) -> None:
    await admin.ensure_gateway_account("gateway", PASSWORD)
    assert {ADMIN, "gateway"} & (await admin.accounts()).keys() == set()


async def test_the_gateway_account_is_created_from_password_files(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """What an operator runs: files hold the passwords."""
    files = tmp_path / "admin", tmp_path / "gateway"
    for file, password in zip(files, (mosquitto.password, PASSWORD), strict=True):
        file.write_text(f"{password}\n")
    config = FleetConfig(broker_admin=mosquitto.url, broker_admin_password_file=files[0])
    for _ in range(2):
        await broker.ensure_gateway_account(config, "gateway", files[1])
    assert await lets_in(mosquitto, "gateway", PASSWORD)


async def test_without_a_configured_broker_there_is_no_administration(tmp_path: Path) -> None:
    assert broker_admin(FleetConfig()) is None
    with pytest.raises(ValueError, match="CASH_SERVER_BROKER_ADMIN"):
        await broker.ensure_gateway_account(FleetConfig(), "gateway", tmp_path)


def test_an_empty_password_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("\n")
    with pytest.raises(ValueError, match="no password"):
        broker.read_password(file)


async def test_an_unreachable_broker_is_reported_as_down() -> None:
    with socket.socket() as nobody:
        nobody.bind((HOST, 0))
        url = BrokerUrl(ADMIN, HOST, nobody.getsockname()[1], False)
        with pytest.raises(BrokerDown):
            await BrokerAdmin(url, PASSWORD).accounts()


async def test_a_silent_broker_is_reported_as_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "BROKER_TIMEOUT_S", 0.3)
    with socket.socket() as silent:
        silent.bind((HOST, 0))
        silent.listen()
        url = BrokerUrl(ADMIN, HOST, silent.getsockname()[1], False)
        with pytest.raises(BrokerDown):
            await BrokerAdmin(url, PASSWORD).accounts()


async def test_a_wrong_broker_password_is_reported_as_down(mosquitto: Mosquitto) -> None:
    with pytest.raises(BrokerDown):
        await BrokerAdmin(broker_url.parse(mosquitto.url), "wrong").accounts()


async def test_an_ordinary_account_cannot_administer_the_broker(
    mosquitto: Mosquitto, admin: BrokerAdmin, login: str
) -> None:
    await admin.create_account(login, PASSWORD)
    url = BrokerUrl(login, HOST, mosquitto.port, False)
    monkey: Any = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr(broker, "BROKER_TIMEOUT_S", 1.0)
        with pytest.raises(BrokerDown):
            await BrokerAdmin(url, PASSWORD).accounts()
