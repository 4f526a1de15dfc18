"""Registers that call over MQTT, by a real Mosquitto and by the embedded broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiomqtt import Client, ProtocolVersion

from fleet.kit.clock import utc_now
from gateway.edge.metrics import DropReason, Limit
from gateway.edge.transports.mqtt.conversations import MqttConversations
from protocol.conversation.connection import RegisterEnd
from protocol.conversation.messages import (
    Accepted,
    Challenge,
    CheckIn,
    ConversationRefused,
    Message,
    RefusalReason,
)
from protocol.platforms import Platform
from protocol.telemetry import BLOCK_VERSION
from simulator.calls.conversation import ConversationEnding
from simulator.calls.mqtt import MqttCaller, response_topic
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.edge import running_brokers as brokers
from tests.gateway.edge.ordering import order, owner_of
from tests.gateway.edge.running_brokers import PASSWORD, RunningBroker, login
from tests.gateway.edge.running_gateway import (
    BLOCK_OF_ZEROS,
    HOST,
    SERIAL,
    WAIT_S,
    RunningGateway,
    key_of,
    metric_value,
    running_gateway,
)

place = brokers.running_broker

OTHER = "00106100000002"


@pytest.fixture
async def gateway(tmp_path: Path, place: RunningBroker) -> AsyncIterator[RunningGateway]:
    async with running_gateway(tmp_path, broker=place.address) as gateway:
        yield gateway


@pytest.fixture
async def account(place: RunningBroker) -> str:
    """An account that holds ``SERIAL``."""
    name = login()
    await place.permit(name, [SERIAL])
    return name


class Hand:
    """A register's account in the hands of a test: says anything at all, hears messages."""

    def __init__(self, client: Client, serial: str) -> None:
        self.end = RegisterEnd(key_of(serial))
        self.up, self.serial = f"registers/{serial}/up", serial
        self.to = self.up
        self._client = client
        self._heard: list[Message] = []

    async def say(self, payload: bytes, to: str = "", retain: bool = False) -> None:
        await self._client.publish(to or self.to, payload, 1, retain, timeout=WAIT_S)

    def hello(self, serial: str = "") -> bytes:
        return self.end.hello(bytes.fromhex(serial or self.serial), 50, 61, 2, 1)

    def check_in(self) -> bytes:
        return self.end.send(CheckIn(BLOCK_VERSION, BLOCK_OF_ZEROS))

    async def payload(self) -> bytes:
        async with asyncio.timeout(WAIT_S):
            message = await anext(aiter(self._client.messages))
        self.to = response_topic(message) or self.to
        return bytes(message.payload)

    async def hear(self) -> Message:
        while not self._heard:
            self._heard = self.end.receive(await self.payload())
        return self._heard.pop(0)

    async def greet(self) -> None:
        await self.say(self.hello(), self.up)
        assert isinstance(await self.hear(), Challenge)


@asynccontextmanager
async def hand(place: RunningBroker, account: str, serial: str = SERIAL) -> AsyncIterator[Hand]:
    server = place.server(account)
    version = ProtocolVersion.V5 if server.version_5 else ProtocolVersion.V311
    async with Client(
        HOST, server.port, username=account, password=PASSWORD, protocol=version, timeout=WAIT_S
    ) as client:
        await client.subscribe(f"registers/{serial}/down", 1)
        yield Hand(client, serial)


def dropped(why: DropReason) -> float:
    return metric_value("mqtt_dropped_total", why=why)


def ended(outcome: str) -> float:
    return metric_value("conversations_total", road="mqtt", outcome=outcome)


def register(number: int = 1) -> SimulatedRegister:
    return SimulatedRegister(f"001061{number:08}", Platform.V5_0, 61, Random(number), utc_now())


async def test_a_check_in_is_served(
    place: RunningBroker, gateway: RunningGateway, account: str
) -> None:
    served = ended("served")
    talk = await place.call(account, register())
    assert talk.accepted and talk.result is not None
    assert talk.result.ending is ConversationEnding.DONE
    await gateway.until_quiet()
    assert ended("served") == served + 1


async def test_an_operation_is_done_once(
    place: RunningBroker, gateway: RunningGateway, account: str
) -> None:
    one = register()
    actor = await owner_of(gateway.database, [SERIAL])
    assert (await place.call(account, one)).accepted
    await order(gateway.database, actor, [SERIAL], Platform.V5_0)
    await gateway.port._resync()
    talk = await place.call(account, one)
    assert talk.steps_done >= 1 and talk.result is not None
    assert talk.result.ending is ConversationEnding.DONE
    assert set(one.journal.effects.values()) == {1}
    assert (await place.call(account, one)).steps_done == 0


async def test_a_duplicate_is_dropped(
    place: RunningBroker, gateway: RunningGateway, account: str
) -> None:
    before = dropped(DropReason.DUPLICATE)
    async with hand(place, account) as one:
        hello = one.hello()
        await one.say(hello)
        await one.say(hello)
        assert isinstance(await one.hear(), Challenge)
        check_in = one.check_in()
        await one.say(check_in)
        await one.say(check_in)
        assert isinstance(await one.hear(), Accepted)
        assert dropped(DropReason.DUPLICATE) == before + 2


async def test_half_a_frame_waits_for_the_rest(
    place: RunningBroker, gateway: RunningGateway, account: str
) -> None:
    async with hand(place, account) as one:
        await one.greet()
        check_in = one.check_in()
        await one.say(check_in[:100])
        await one.say(check_in[100:])
        assert isinstance(await one.hear(), Accepted)


async def test_a_peer_that_stops_inside_a_frame_is_hung_up(
    place: RunningBroker, gateway: RunningGateway, account: str
) -> None:
    before = metric_value("limits_total", limit=Limit.IDLE_TIMEOUT)
    async with hand(place, account) as one:
        await one.greet()
        await one.say(one.check_in()[:-1])
        (conversation,) = gateway.conversations
        await gateway.until(lambda: conversation._end.pending > 0)
        gateway.skip(gateway.edge.config.idle_timeout_s)
        assert await one.payload() == b""
    await gateway.until_quiet()
    assert metric_value("limits_total", limit=Limit.IDLE_TIMEOUT) == before + 1


async def test_a_failing_message_does_not_affect_others(
    place: RunningBroker, gateway: RunningGateway, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with us, the road stays open."""
    receive, failed = MqttConversations.receive, asyncio.Event()

    def fails_once(lines: MqttConversations, serial_number: str, payload: bytes) -> None:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("a mistake of ours")
        receive(lines, serial_number, payload)

    monkeypatch.setattr(MqttConversations, "receive", fails_once)
    async with hand(place, account) as one:
        await one.say(one.hello())
        await asyncio.wait_for(failed.wait(), WAIT_S)
    assert (await place.call(account, register())).accepted


async def test_a_retained_message_starts_no_conversation(
    place: RunningBroker, tmp_path: Path, account: str
) -> None:
    """It was said to somebody else, at another time: Mosquitto keeps it, the gateway drops it;
    the embedded broker keeps nothing."""
    before = dropped(DropReason.RETAINED)
    async with hand(place, account) as one:
        await one.say(one.hello(), retain=True)
        try:
            async with running_gateway(tmp_path, broker=place.address) as gateway:
                assert (await place.call(account, register())).accepted
                await gateway.until_quiet()
        finally:
            await one.say(b"", one.up, retain=True)
    assert dropped(DropReason.RETAINED) - before == place.address.shared


async def test_a_hello_of_another_register_than_the_topic_is_refused(
    place: RunningBroker, gateway: RunningGateway, account: str
) -> None:
    before = dropped(DropReason.SERIAL_NUMBER)
    async with hand(place, account) as one:
        await one.say(one.hello(OTHER))
        refused = await one.hear()
        assert (
            isinstance(refused, ConversationRefused) and refused.reason == RefusalReason.MALFORMED
        )
    await gateway.until_quiet()
    assert dropped(DropReason.SERIAL_NUMBER) == before + 1


async def test_a_message_without_a_conversation_is_refused_as_elsewhere(
    place: RunningBroker, gateway: RunningGateway, account: str
) -> None:
    before = dropped(DropReason.ELSEWHERE)
    async with hand(place, account) as one:
        await one.greet()
        gateway.server._mqtt._lines._open.clear()  # type: ignore[union-attr]
        await one.say(one.check_in(), one.up)
        refused = await one.hear()
        assert (
            isinstance(refused, ConversationRefused) and refused.reason == RefusalReason.ELSEWHERE
        )
        assert refused.retry_after_s == 1
    assert dropped(DropReason.ELSEWHERE) == before + 1


async def test_a_payload_that_is_too_large_is_refused(
    place: RunningBroker, gateway: RunningGateway, account: str
) -> None:
    before = dropped(DropReason.OVERSIZE)
    async with hand(place, account) as one:
        await one.say(bytes(70_000))
        refused = await one.hear()
        assert (
            isinstance(refused, ConversationRefused) and refused.reason == RefusalReason.MALFORMED
        )
    assert dropped(DropReason.OVERSIZE) == before + 1


async def test_garbage_is_refused(
    place: RunningBroker, gateway: RunningGateway, account: str
) -> None:
    async with hand(place, account) as one:
        for payload in (b"\x00", b"\xfe" * 50, one.hello()[:-1] + b"\x00", b"GET / HTTP/1.1\r\n"):
            await one.say(payload, one.up)
            await one.payload()
    await gateway.until_quiet()


async def test_an_empty_payload_hangs_up(
    place: RunningBroker, gateway: RunningGateway, account: str
) -> None:
    cut = ended("cut")
    async with hand(place, account) as one:
        await one.greet()
        assert gateway.open == 1
        await one.say(b"")
        await gateway.until_quiet()
    assert ended("cut") == cut + 1


async def test_the_last_will_hangs_up(
    place: RunningBroker, gateway: RunningGateway, account: str
) -> None:
    """A register whose power went has said so beforehand."""
    line = MqttCaller(place.server(account), SERIAL)
    async with line:
        end = RegisterEnd(key_of(SERIAL))
        hello = end.hello(bytes.fromhex(SERIAL), 50, 61, 2, 1)
        await line._client.publish(f"registers/{SERIAL}/up", hello, 1)
        await gateway.until(lambda: gateway.open == 1)
        raw: Any = line._client._client
        raw.socket().shutdown(2)
        await gateway.until_quiet()


async def test_the_gateway_hangs_up_with_an_empty_payload(
    place: RunningBroker, gateway: RunningGateway, account: str
) -> None:
    async with hand(place, account) as one:
        await one.greet()
        gateway.skip(gateway.edge.config.idle_timeout_s)
        assert await one.payload() == b""


async def test_a_hello_begins_a_new_conversation(
    place: RunningBroker, gateway: RunningGateway, account: str
) -> None:
    async with hand(place, account) as one:
        await one.greet()
        one.end = RegisterEnd(key_of(SERIAL))
        await one.greet()
        await one.say(one.check_in())
        assert isinstance(await one.hear(), Accepted)
        await one.say(b"")
    await gateway.until_quiet()


async def test_a_conversation_above_the_limit_is_refused_as_busy(
    place: RunningBroker, tmp_path: Path, account: str
) -> None:
    await place.permit(account, [SERIAL, OTHER])
    async with (
        running_gateway(tmp_path, broker=place.address, max_conversations=1),
        hand(place, account) as one,
        hand(place, account, OTHER) as other,
    ):
        await one.greet()
        await other.say(other.hello())
        refused = await other.hear()
        assert isinstance(refused, ConversationRefused) and refused.reason == RefusalReason.BUSY
