"""The embedded broker against peers that mean harm or know no better."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiomqtt import Client, MqttError, ProtocolVersion

from gateway.edge.config import GatewayConfig
from gateway.edge.transports.mqtt import embedded_broker as broker
from gateway.edge.transports.mqtt.embedded_broker import MAX_PACKET, start_broker
from tests.gateway.edge.running_brokers import (
    PASSWORD,
    MemoryAccounts,
    RunningBroker,
    embedded,
    login,
)
from tests.gateway.edge.running_gateway import HOST, WAIT_S

SERIAL = "00106100000001"


@pytest.fixture
async def place() -> AsyncIterator[RunningBroker]:
    async with embedded() as place:
        yield place


async def hangs_up(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(WAIT_S):
        try:
            while await reader.read(4096):
                continue
        except ConnectionError:
            return


async def works(place: RunningBroker) -> bool:
    """Whether somebody else is served all the same."""
    account = login()
    await place.permit(account, [SERIAL])
    topic = f"registers/{SERIAL}/down"
    async with Client(HOST, place.address.port, username=account, password=PASSWORD) as client:
        await client.subscribe(topic, 1)
        async with Client(
            HOST, place.address.port, username=place.address.login, password=place.address.password
        ) as gateway:
            await gateway.publish(topic, b"still here", 1)
        async with asyncio.timeout(WAIT_S):
            return (await anext(aiter(client.messages))).payload == b"still here"


NO_CONNECT = {
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "huge": b"\x10\xff\xff\xff\x7f" + bytes(100),
    "mqtt5": b"\x10\x0c\x00\x04MQTT\x05\x02\x00\x3c\x00\x00",
    "zeros": b"\x00" * 64,
    "cut": b"\x10\x02\x00",
    "nothing": b"",
}


@pytest.mark.parametrize("said", NO_CONNECT.values(), ids=NO_CONNECT.keys())
async def test_a_first_packet_that_is_no_connect_leaves_the_broker_working(
    place: RunningBroker, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(broker, "CONNECT_S", 0.5)
        await say(place, said)
    assert await works(place)


async def say(place: RunningBroker, said: bytes) -> None:
    """By somebody who then waits to be hung up on."""
    reader, writer = await asyncio.open_connection(HOST, place.address.port)
    writer.write(said)
    if len(said) < 4:
        writer.write_eof()
    await hangs_up(reader)
    writer.close()


async def test_closed_peers_do_not_count_as_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """However a first packet goes wrong, its connection counts no more."""
    monkeypatch.setattr(broker, "MAX_CONNECTIONS", 2)
    async with embedded() as place:
        with monkeypatch.context() as patch:
            patch.setattr(broker, "CONNECT_S", 0.2)
            for said in NO_CONNECT.values():
                await asyncio.gather(*(say(place, said) for _ in range(3)))
        assert await works(place)


async def test_a_failed_account_lookup_refuses_the_peer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And nobody takes a place; afterwards everybody is served."""

    async def fail(*_: object) -> bool:
        raise RuntimeError("no database")

    monkeypatch.setattr(broker, "MAX_CONNECTIONS", 2)
    async with embedded() as place:
        with monkeypatch.context() as patch:
            patch.setattr(MemoryAccounts, "broker_account", fail)
            for _ in range(3):
                with pytest.raises(MqttError):
                    async with Client(HOST, place.address.port, username="shop", timeout=1):
                        pytest.fail("it was let in")
        assert await works(place)


@pytest.mark.parametrize("flags", [b"\x02", b"\xc2"], ids=["anonymous", "with a login"])
async def test_another_version_is_refused_at_once(place: RunningBroker, flags: bytes) -> None:
    """Before the time-out, so that a peer of MQTT 5 goes on with 3.1.1."""
    body = b"\x00\x04MQTT\x05" + flags + b"\x00\x3c" + b"\x05\x11\0\0\0\0" + b"\x00\x04shop"
    reader, writer = await asyncio.open_connection(HOST, place.address.port)
    for start in range(len(body) + 2):
        writer.write((b"\x10" + bytes((len(body),)) + body)[start : start + 1])
    async with asyncio.timeout(1):
        assert await reader.read() == b"\x20\x02\x00\x01"
    writer.close()
    assert await works(place)


async def test_an_mqtt_5_client_gets_the_reason(place: RunningBroker) -> None:
    with pytest.raises(MqttError, match="[Uu]nsupported protocol version"):
        async with Client(HOST, place.address.port, protocol=ProtocolVersion.V5, timeout=1):
            pytest.fail("it was taken")


async def test_a_silent_peer_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    async with embedded() as place:
        with monkeypatch.context() as patch:
            patch.setattr(broker, "CONNECT_S", 0.1)
            reader, writer = await asyncio.open_connection(HOST, place.address.port)
            writer.write(b"\x10")
            await hangs_up(reader)
            writer.close()
        assert await works(place)


async def test_a_packet_that_is_too_large_is_refused(place: RunningBroker) -> None:
    account = login()
    await place.permit(account, [SERIAL])
    with pytest.raises(MqttError):
        async with Client(
            HOST, place.address.port, username=account, password=PASSWORD, timeout=1
        ) as client:
            await client.publish(f"registers/{SERIAL}/up", bytes(MAX_PACKET + 1), 1)
    assert await works(place)


async def test_a_peer_silent_beyond_its_keepalive_is_disconnected(place: RunningBroker) -> None:
    """One and a half of the keep-alive that the peer itself has named."""
    account = login()
    await place.permit(account, [])
    name, password = account.encode(), PASSWORD.encode()
    body = b"\x00\x04MQTT\x04\xc2\x00\x01\x00\x00"
    body += len(name).to_bytes(2, "big") + name + len(password).to_bytes(2, "big") + password
    reader, writer = await asyncio.open_connection(HOST, place.address.port)
    writer.write(b"\x10" + bytes((len(body),)) + body)
    assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
    await hangs_up(reader)
    writer.close()


async def test_rights_follow_the_fleet(
    place: RunningBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "RIGHTS_CACHE_S", 0.0)
    account = login()
    await place.permit(account, [SERIAL])
    topic = f"registers/{SERIAL}/down"
    async with Client(HOST, place.address.port, username=account, password=PASSWORD) as client:
        await client.subscribe(topic, 1)
        await client.unsubscribe(topic)
        await place.permit(account, [])
        (code,) = await client.subscribe(topic, 1)
        assert (code if isinstance(code, int) else code.value) == 0x80


async def test_a_taken_address_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        config = GatewayConfig(broker=f"{HOST}:{taken.getsockname()[1]}")
        async with AsyncExitStack() as stack:
            with pytest.raises(OSError, match="cannot listen"):
                await start_broker(stack, config, MemoryAccounts())


async def test_no_broker_starts_when_another_is_configured() -> None:
    async with AsyncExitStack() as stack:
        config = GatewayConfig(mqtt="mqtt://gateway@broker")
        assert await start_broker(stack, config, MemoryAccounts()) is None


async def test_sign_in_attempts_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "ATTEMPTS_PER_MIN", 2)
    account = login()
    async with embedded() as place:
        await place.permit(account, [SERIAL])
        for attempt in range(3):
            right = Client(HOST, place.address.port, username=account, password=PASSWORD)
            if attempt < 2:
                async with right:
                    continue
            with pytest.raises(MqttError):
                await right.__aenter__()
