"""An Assistant reports over MQTT and gets the keys of its registers, which only it can open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiomqtt import Client
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from fleet.assistants import service
from fleet.assistants.provisioning import Provisioning
from fleet.kit.act import Act
from fleet.kit.clock import utc_now
from gateway.edge.config import GatewayConfig
from gateway.edge.metrics import DropReason
from gateway.edge.transports.mqtt.embedded_broker import start_broker
from protocol.conversation.assistant import AssistantReport, decode_report_answer, encode, open_key
from tests.gateway.edge import running_brokers as brokers
from tests.gateway.edge.ordering import owner_of
from tests.gateway.edge.running_brokers import PASSWORD, RunningBroker, login
from tests.gateway.edge.running_gateway import (
    HOST,
    SERIAL,
    WAIT_S,
    RunningGateway,
    key_of,
    metric_value,
    running_gateway,
)

place = brokers.running_broker


@pytest.fixture
async def gateway(tmp_path: Path, place: RunningBroker) -> AsyncIterator[RunningGateway]:
    async with running_gateway(tmp_path, broker=place.address) as gateway:
        yield gateway


async def employ(gateway: RunningGateway, account: str) -> None:
    """An Assistant's account with ``SERIAL`` in the cabinet."""
    actor, broker = await owner_of(gateway.database, [SERIAL]), Provisioning(None)
    async with gateway.database.transaction() as db:
        values = account, PASSWORD, "the shop"
        id_ = await service.create(Act(db, actor, utc_now()), broker, values)
        await service.add_register(Act(db, actor, utc_now()), broker, id_, SERIAL)


@asynccontextmanager
async def assistant(port: int, account: str) -> AsyncIterator[Client]:
    async with Client(HOST, port, username=account, password=PASSWORD, timeout=WAIT_S) as client:
        await client.subscribe(f"assistants/{account}/down", 1)
        yield client


def report(own: X25519PrivateKey) -> AssistantReport:
    public = own.public_key().public_bytes_raw().hex()
    return AssistantReport(version="1", computer="till", public_key=public, registers=[])


async def keys_of(client: Client, account: str) -> dict[str, bytes]:
    """What a report is answered with."""
    own = X25519PrivateKey.generate()
    await client.publish(f"assistants/{account}/up", encode(report(own)), 1)
    async with asyncio.timeout(WAIT_S):
        message = await anext(aiter(client.messages))
    held = decode_report_answer(bytes(message.payload)).registers
    assert all(one.key_generation == 1 for one in held)
    return {one.serial_number: open_key(one.key, one.serial_number, own) for one in held}


async def test_a_report_is_answered_with_keys(
    place: RunningBroker, gateway: RunningGateway
) -> None:
    account = login()
    await place.permit(account, [SERIAL])
    await employ(gateway, account)
    async with assistant(place.address.port, account) as client:
        assert await keys_of(client, account) == {SERIAL: key_of(SERIAL)}


async def test_an_invalid_report_is_not_answered(
    place: RunningBroker, gateway: RunningGateway
) -> None:
    account, stranger = login(), login()
    await place.permit(account, [])
    await place.permit(stranger, [])
    await employ(gateway, account)
    before = metric_value("mqtt_dropped_total", why=DropReason.REPORT)
    async with (
        assistant(place.address.port, account) as client,
        assistant(place.address.port, stranger) as other,
    ):
        await other.publish(
            f"assistants/{stranger}/up", encode(report(X25519PrivateKey.generate())), 1
        )
        for payload in (b"", b"{", b"[]", bytes(70_000)):
            await client.publish(f"assistants/{account}/up", payload, 1)
        await gateway.until(
            lambda: metric_value("mqtt_dropped_total", why=DropReason.REPORT) == before + 4
        )
        assert await keys_of(client, account) == {SERIAL: key_of(SERIAL)}


async def test_the_embedded_broker_asks_the_fleet(tmp_path: Path) -> None:
    """As ``cash-server up`` composes them: who may connect stands in the database."""
    account = login()
    async with running_gateway(tmp_path) as gateway, AsyncExitStack() as stack:
        config = GatewayConfig(broker=f"{HOST}:0")
        address = await start_broker(stack, config, gateway.port)
        assert address is not None
        await gateway.server.start_mqtt(address)
        await employ(gateway, account)
        async with assistant(address.port, account) as client:
            assert await keys_of(client, account) == {SERIAL: key_of(SERIAL)}
            (code,) = await client.subscribe(f"registers/{SERIAL}/down", 1)
            assert code == 1
            (code,) = await client.subscribe("registers/00106100000002/down", 1)
            assert code == 0x80
