"""The Assistant's connection to the cash server's MQTT broker: sign-in, reports, conversations.

It uses MQTT 5 if the broker supports it, else 3.1.1.  One gateway of several names itself in the
Response Topic of its answer, and the rest of that conversation is sent there.
"""

import asyncio
import logging
import random
import ssl
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import aiomqtt
from aiomqtt import ProtocolVersion
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY

from gateway.assistant.conversation import HungUp
from protocol.broker_url import PORTS
from protocol.conversation.assistant import (
    MAX_REPORT,
    AssistantReport,
    ReportAnswer,
    decode_report_answer,
    encode,
)
from protocol.errors import RemoteError

CONNECT_S: Final = 10.0
V5_CONNECT_S: Final = 4.0
"""Seconds to connect with MQTT 5: a broker that does not support it may not answer."""

KEEPALIVE_S: Final = 30
REST_S, MOST_REST_S = 1.0, 60.0
"""Seconds between two tries to sign in: doubled each time, jittered by half."""

CHANGES_S: Final = 2.0
"""Shortest time in seconds between two reports."""

FIRST_REPORT_S: Final = 60
"""Seconds between reports until the server sets them."""

MAX_WAITING_PAYLOADS: Final = 256
"""Payloads that may wait in one conversation; more of them end it."""

REFUSED: Final = 128
"""First reason code that means a refusal (MQTT 5, 2.4; 3.1.1, 3.9.3)."""

_log = logging.getLogger(__name__)


class BrokerLinkListener(Protocol):
    """Owner of the broker link, which is informed of it; no method waits."""

    def make_report(self) -> AssistantReport:
        """Return the report to send now."""

    def on_report_answer(self, registers: ReportAnswer) -> None:
        """Handle the server's answer to a report."""

    def on_signed_in(self) -> None:
        """Handle the sign-in at the broker."""

    def on_signed_out(self, why: str, wait_s: float) -> None:
        """Handle the loss of the broker or a failed try; the next follows after ``wait_s``."""


class RegisterLink:
    """The topics of one register: a ``ConversationLink`` for one conversation after another."""

    def __init__(self, broker: "BrokerLink", serial_number: str) -> None:
        self._broker = broker
        self._topic = f"registers/{serial_number}/up"
        self.down = f"registers/{serial_number}/down"
        self._begin()

    def _begin(self) -> None:
        self._up = self._topic
        self._last = b""
        self._heard = False
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_WAITING_PAYLOADS)

    def open(self) -> "RegisterLink":
        """Prepare for a new conversation: drop what is left of the previous one."""
        self._begin()
        return self

    async def send(self, data: bytes) -> None:
        await self._broker.publish(self._up, data)

    async def receive(self) -> bytes:
        """Return the next payload; raise ``HungUp`` at the end of the conversation.

        An end before the first payload belongs to the previous conversation and is ignored.
        """
        while True:
            payload = await self._waiting.get()
            if payload is None:
                raise HungUp("the broker is gone")
            if payload:
                self._heard = True
                return payload
            if self._heard:
                raise HungUp("the gateway hung up")

    async def hang_up(self) -> None:
        """Tell the gateway that the conversation has ended, if the broker is connected."""
        try:
            await self._broker.publish(self._up, b"")
        except HungUp as why:
            _log.debug("hanging up: %s", why)

    def on_payload(self, payload: bytes, answer_to: str | None) -> None:
        """Queue a payload for the register; drop a repetition, which is a duplicate delivery."""
        if payload and payload == self._last:
            return
        self._last = payload
        if answer_to is not None and answer_to.startswith(f"{self._topic}/"):
            self._up = answer_to
        self._put(payload)

    def on_broker_lost(self) -> None:
        """End the conversation, because the broker is lost."""
        self._put(None)

    def _put(self, payload: bytes | None) -> None:
        if self._waiting.full():
            self._waiting = asyncio.Queue(MAX_WAITING_PAYLOADS)
            payload = None
        self._waiting.put_nowait(payload)


class BrokerLink:
    """The connection to the broker; ``run`` it until it is cancelled.

    ``register_link`` returns the link of a register, ``request_report`` asks for a report soon.
    """

    def __init__(
        self,
        url: str,
        login: str,
        password: str,
        listener: BrokerLinkListener,
        ca_file: Path | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._host, self._login, self._password = str(parts.hostname), login, password
        self._port = parts.port or PORTS[parts.scheme]
        self._tls = parts.scheme == "mqtts"
        self._ca_file = ca_file
        self._owner = listener
        self._links: dict[str, RegisterLink] = {}
        self._client: aiomqtt.Client | None = None
        self._versions = [ProtocolVersion.V5, ProtocolVersion.V311]
        self._news = asyncio.Event()
        self._next_report_s: float = FIRST_REPORT_S

    @property
    def is_connected(self) -> bool:
        return self._client is not None

    def request_report(self) -> None:
        """Send a report soon, because something has changed."""
        self._news.set()

    async def register_link(self, serial_number: str) -> RegisterLink:
        """Return the subscribed link of a register; raise ``HungUp`` if refused."""
        link = self._links.get(serial_number)
        if link is None:
            link = self._links[serial_number] = RegisterLink(self, serial_number)
            if self._client is not None and not await _subscribed(self._client, link.down):
                del self._links[serial_number]
                raise HungUp("the broker does not let us listen for the register")
        return link.open()

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1, not retained; return when the broker has acknowledged.

        Raise ``HungUp`` if it does not.
        """
        client = self._client
        if client is None:
            raise HungUp("no broker")
        try:
            await client.publish(topic, payload, qos=1, timeout=CONNECT_S)
        except aiomqtt.MqttError as error:
            raise HungUp(str(error)) from None

    async def run(self) -> None:
        """Sign in again and again, with growing pauses."""
        rest_s = REST_S
        while True:
            why = "refused"
            for version in tuple(self._versions):
                signed_in, why = await self._sign_in(version)
                if signed_in:
                    self._versions.sort(key=lambda each: each is not version)
                    rest_s = REST_S
                    break
            wait_s = rest_s * (0.5 + random.random() / 2)
            self._owner.on_signed_out(why, wait_s)
            await asyncio.sleep(wait_s)
            rest_s = min(rest_s * 2, MOST_REST_S)

    async def _sign_in(self, version: ProtocolVersion) -> tuple[bool, str]:
        """Serve one connection; return whether it was established and why it ended."""
        signed_in, why = False, ""
        try:
            async with self._new_client(version) as client:
                signed_in = True
                await self._serve(client)
        except* (aiomqtt.MqttError, OSError, TimeoutError) as group:
            why = str(_first(group))
        finally:
            self._client = None
            for link in self._links.values():
                link.on_broker_lost()
        return signed_in, why

    def _new_client(self, version: ProtocolVersion) -> aiomqtt.Client:
        five = version is ProtocolVersion.V5
        return aiomqtt.Client(
            self._host,
            self._port,
            username=self._login,
            password=self._password,
            identifier=f"assistant-{self._login}",
            protocol=version,
            will=aiomqtt.Will(f"assistants/{self._login}/up", b"", qos=1),
            clean_session=None if five else True,
            clean_start=True if five else MQTT_CLEAN_START_FIRST_ONLY,
            timeout=V5_CONNECT_S if five else CONNECT_S,
            keepalive=KEEPALIVE_S,
            max_queued_incoming_messages=MAX_WAITING_PAYLOADS * 4,
            tls_context=self._context(),
        )

    def _context(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self._ca_file) if self._tls else None

    async def _serve(self, client: aiomqtt.Client) -> None:
        await _subscribed(client, f"assistants/{self._login}/down")
        for link in self._links.values():
            await _subscribed(client, link.down)
        self._client = client
        self._news.set()
        self._owner.on_signed_in()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(client), name="broker, listening")
            group.create_task(self._keep_reporting(), name="broker, reports")

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            topic = message.topic.value.split("/")
            payload = message.payload
            if message.retain or not isinstance(payload, bytes):
                continue
            if topic[0] == "registers" and (link := self._links.get(topic[1])):
                link.on_payload(payload, getattr(message.properties, "ResponseTopic", None))
            elif topic[0] == "assistants":
                self._on_report_answer(payload)

    def _on_report_answer(self, payload: bytes) -> None:
        if not payload:
            return
        try:
            registers = decode_report_answer(payload)
        except RemoteError as error:
            _log.warning("the server's answer to a report: %s", error)
            return
        self._next_report_s = registers.next_report_s
        self._owner.on_report_answer(registers)

    async def _keep_reporting(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._next_report_s):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            payload = encode(self._owner.make_report())
            if len(payload) <= MAX_REPORT:
                try:
                    await self.publish(f"assistants/{self._login}/up", payload)
                except HungUp as why:
                    _log.info("a report did not leave: %s", why)
            await asyncio.sleep(CHANGES_S)


async def _subscribed(client: aiomqtt.Client, topic: str) -> bool:
    """Subscribe to a topic; return whether the broker has granted it."""
    try:
        codes: Any = await client.subscribe(topic, qos=1, timeout=CONNECT_S)
    except aiomqtt.MqttError as error:
        _log.warning("%s cannot be subscribed: %s", topic, error)
        return False
    return all(int(getattr(code, "value", code)) < REFUSED for code in codes)


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    """Return the first of the errors that ended a connection."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
