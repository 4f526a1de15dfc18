"""The gateway's connection to an MQTT broker: one connection, restored for ever.

``Link.write`` must not wait, so outgoing messages go through a bounded queue.  When the broker is
lost, every conversation over it ends, and the registers begin new ones.
"""

import asyncio
import logging
import random
import secrets
import socket
from contextlib import AsyncExitStack, suppress
from typing import Final, NamedTuple

import structlog
from aiomqtt import Client, Message, MqttError, ProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.edge.context import EdgeContext, StartTask, start_alone
from gateway.edge.metrics import MQTT_CONNECTED, MQTT_DROPPED, DropReason
from gateway.edge.transports.mqtt.address import BrokerAddress
from gateway.edge.transports.mqtt.conversations import MqttConversations
from gateway.edge.transports.mqtt.reports import AssistantReports
from gateway.edge.transports.mqtt.topics import (
    TopicKind,
    TopicOwner,
    response_topic,
    subscriptions,
    topic_owner,
)
from protocol.transport import Transport

INBOX: Final = 10_000
"""Received messages that may wait; a register whose message is dropped connects again."""

OUTBOX: Final = 10_000
"""Messages that may wait for the broker."""

PUBLISHERS: Final = 20
"""Messages sent to the broker and not acknowledged yet; their order is kept."""

KEEPALIVE_S: Final = 15
BROKER_S: Final = 10.0
"""Longest wait in seconds for one answer of the broker."""

FIRST_BACK_OFF_S: Final = 0.2
LONGEST_BACK_OFF_S: Final = 15.0
FLUSH_S: Final = 1.0
QOS: Final = 1
_REFUSED: Final = 0x80
"""First code of SUBACK that means a refusal."""

log = structlog.get_logger("gateway")

_QUIET: Final = logging.getLogger("gateway.mqtt")
"""Logger of the library, which is silenced; the important events are logged here."""
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class _OutgoingMessage(NamedTuple):
    to: TopicOwner
    payload: bytes


class _Inbox(asyncio.Queue[Message]):
    """Queue that counts and drops messages when it is full."""

    def put_nowait(self, item: Message) -> None:
        if self.full():
            MQTT_DROPPED[DropReason.INBOX].inc()
        else:
            super().put_nowait(item)


class MqttListener:
    """The gateway's MQTT client."""

    def __init__(
        self, edge: EdgeContext, address: BrokerAddress, start_task: StartTask = start_alone
    ) -> None:
        self._start_task = start_task
        self.gateway_id = f"{socket.gethostname().split('.')[0]}-{secrets.token_hex(4)}"
        self._address = address
        self._outbox: asyncio.Queue[_OutgoingMessage] = asyncio.Queue(OUTBOX)
        self._lines = MqttConversations(edge, self._to_register)
        self._reports = AssistantReports(edge, self._to_assistant)
        self._connected = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect in the background; return after the first success or ``BROKER_S``."""
        self._running = self._start_task("mqtt", self._run)
        with suppress(TimeoutError):
            async with asyncio.timeout(BROKER_S):
                await self._connected.wait()

    async def stop(self) -> None:
        """Send queued messages for at most ``FLUSH_S`` seconds, then disconnect."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S if self._connected.is_set() else 0):
                await self._outbox.join()
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    def _to_register(self, serial_number: str, payload: bytes) -> bool:
        return self._put(_OutgoingMessage(TopicOwner(TopicKind.REGISTERS, serial_number), payload))

    def _to_assistant(self, login: str, payload: bytes) -> bool:
        return self._put(_OutgoingMessage(TopicOwner(TopicKind.ASSISTANTS, login), payload))

    def _put(self, leaving: _OutgoingMessage) -> bool:
        try:
            self._outbox.put_nowait(leaving)
        except asyncio.QueueFull:
            return False
        return True

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as work:
            work.create_task(self._reports.run())
            back_off_s = FIRST_BACK_OFF_S
            while True:
                was_connected = await self._connect()
                back_off_s = FIRST_BACK_OFF_S if was_connected else 2 * back_off_s
                back_off_s = min(back_off_s, LONGEST_BACK_OFF_S)
                await asyncio.sleep(back_off_s * random.uniform(0.5, 1.5))

    async def _connect(self) -> bool:
        """Serve one connection until it is lost; return whether it was established."""
        address = self._address
        try:
            async with AsyncExitStack() as stack:
                client = self._client()
                stack.callback(_retrieve_error, client)
                await stack.enter_async_context(client)
                stack.callback(self._lost)
                await self._subscribe(client)
                self._connected.set()
                MQTT_CONNECTED.set(1)
                log.info("listening", road=Transport.MQTT, host=address.host, port=address.port)
                await self._serve(client)
        except* (MqttError, OSError) as lost:
            words = "; ".join(str(one) for one in lost.exceptions)
            log.warning("broker_lost", host=address.host, port=address.port, why=words)
        was_connected = self._connected.is_set()
        self._connected.clear()
        return was_connected

    def _client(self) -> Client:
        address = self._address
        client = Client(
            address.host,
            address.port,
            identifier=self.gateway_id,
            username=address.login,
            password=address.password,
            protocol=ProtocolVersion.V5 if address.shared else ProtocolVersion.V311,
            tls_context=address.tls,
            keepalive=KEEPALIVE_S,
            timeout=BROKER_S,
            queue_type=_Inbox,
            max_queued_incoming_messages=INBOX,
            max_inflight_messages=PUBLISHERS,
            logger=_QUIET,
        )
        client.pending_calls_threshold = 2 * PUBLISHERS
        return client

    async def _subscribe(self, client: Client) -> None:
        topics = subscriptions(self.gateway_id, self._address.shared)
        granted = await client.subscribe([(topic, QOS) for topic in topics])
        if any((code if isinstance(code, int) else code.value) >= _REFUSED for code in granted):
            raise MqttError("the broker's rights do not let this account listen")

    def _lost(self) -> None:
        """End the conversations and drop their messages: the next connection must not send them."""
        MQTT_CONNECTED.set(0)
        self._lines.on_broker_lost()
        while not self._outbox.empty():
            self._outbox.get_nowait()
            self._outbox.task_done()

    async def _serve(self, client: Client) -> None:
        async with asyncio.TaskGroup() as work:
            for _ in range(PUBLISHERS):
                work.create_task(self._publish(client))
            async for message in client.messages:
                try:
                    self._take(message)
                except Exception:  # one message must not end MQTT for all registers
                    log.exception("message_failed", topic=message.topic.value)

    def _take(self, message: Message) -> None:
        sender = topic_owner(message.topic.value)
        if sender is None:
            MQTT_DROPPED[DropReason.TOPIC].inc()
        elif message.retain:
            MQTT_DROPPED[DropReason.RETAINED].inc()
        elif sender.kind is TopicKind.REGISTERS:
            self._lines.receive(sender.name, bytes(message.payload))
        else:
            self._reports.receive(sender.name, bytes(message.payload))

    async def _publish(self, client: Client) -> None:
        """Publish queued messages for ever.

        Nothing is awaited between our queue and the library's, so the order is kept.
        """
        while True:
            leaving = await self._outbox.get()
            try:
                properties = self._properties(leaving.to)
                await client.publish(leaving.to.down, leaving.payload, QOS, properties=properties)
            finally:
                self._outbox.task_done()

    def _properties(self, to: TopicOwner) -> Properties | None:
        """Return the Response Topic, which keeps the conversation with this gateway."""
        if not self._address.shared or to.kind is not TopicKind.REGISTERS:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = response_topic(to.name, self.gateway_id)
        return properties


def _retrieve_error(client: Client) -> None:
    """Retrieve the error of a lost connection, so that asyncio does not log it again."""
    lost = client._disconnected
    if lost.done() and not lost.cancelled():
        lost.exception()
