"""Calls over MQTT: a ``RegisterConversation`` whose bytes go through a broker.

An ``MqttCaller`` is one connection of an account, on which one register can make many calls. Every
wait is bounded. The last will hangs up, so a register that loses its broker leaves no conversation
open.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final, Self

from aiomqtt import Client, Message, MqttError, ProtocolVersion, Will

from simulator.calls.conversation import RegisterConversation
from simulator.calls.socket_call import CallTimeouts, utc_now

QOS: Final = 1
KEEPALIVE_S: Final = 30
FIRST_BACK_OFF_S: Final = 0.2
LONGEST_BACK_OFF_S: Final = 60.0

_QUIET: Final = logging.getLogger("simulator.mqtt")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


@dataclass(frozen=True, slots=True)
class MqttAccount:
    """A broker and an account there; MQTT version 5 has the Response Topic."""

    host: str
    port: int
    login: str
    password: str
    version_5: bool = True


class MqttCaller:
    """A register's connection to a broker: ``async with MqttCaller(account, serial_number)``.

    Entering raises ``OSError`` when the broker cannot be reached or refuses.
    """

    def __init__(
        self,
        server: MqttAccount,
        serial_number: str,
        timeouts: CallTimeouts | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._up = f"registers/{serial_number}/up"
        self._down = f"registers/{serial_number}/down"
        self._patience, self._now = timeouts or CallTimeouts(), now
        self._open_at = ""
        self._client = Client(
            server.host,
            server.port,
            username=server.login,
            password=server.password,
            protocol=ProtocolVersion.V5 if server.version_5 else ProtocolVersion.V311,
            will=Will(self._up, b"", QOS),
            keepalive=KEEPALIVE_S,
            timeout=self._patience.connect_s,
            logger=_QUIET,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._client.__aenter__()
            await self._client.subscribe(self._down, QOS)
        except MqttError as error:
            raise ConnectionError(str(error)) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            # Hang up an unfinished call here: after a clean disconnect no last will is sent.
            await self._hang_up()
            await self._client.__aexit__(None, None, None)
        except MqttError:  # the broker has closed the connection first
            return
        finally:
            _retrieve_error(self._client)

    async def call(self, conversation: RegisterConversation) -> None:
        """Hold the whole conversation; raise ``ConnectionError`` when the broker is lost."""
        try:
            await self._converse(conversation)
            await self._hang_up()
        except MqttError as error:
            conversation.break_off("cut")
            raise ConnectionError(str(error)) from error

    async def _converse(self, talk: RegisterConversation) -> None:
        self._open_at = self._up
        await self._say(talk.start())
        try:
            while not talk.is_over:
                message = await self._hear(talk)
                self._open_at = response_topic(message) or self._open_at
                await self._answer(talk, bytes(message.payload))
        except TimeoutError:
            talk.break_off("silence")

    async def _answer(self, talk: RegisterConversation, payload: bytes) -> None:
        if not payload:
            talk.break_off("cut")
        elif said := talk.receive(payload, self._now()):
            await self._say(said)

    async def _hear(self, talk: RegisterConversation) -> Message:
        patience = self._patience
        async with asyncio.timeout(patience.held_s if talk.is_held else patience.answer_s):
            return await anext(aiter(self._client.messages))

    async def _hang_up(self) -> None:
        if self._open_at:
            await self._say(b"")
        self._open_at = ""

    async def _say(self, payload: bytes) -> None:
        await self._client.publish(self._open_at, payload, QOS)


def _retrieve_error(client: Client) -> None:
    """Read the error that the library stores; an unread one would be logged a second time."""
    lost = client._disconnected
    if lost.done() and not lost.cancelled():
        lost.exception()


def response_topic(message: Message) -> str | None:
    """Return the topic to which the gateway wants the following messages (MQTT 5), or ``None``."""
    return getattr(message.properties, "ResponseTopic", None)


async def keep_calling(
    open_caller: Callable[[], MqttCaller],
    make_conversation: Callable[[], RegisterConversation],
    random: Random,
    interval_s: Callable[[RegisterConversation], float],
) -> None:
    """Call until cancelled, on one connection after another, with jittered back-off."""
    back_off_s = FIRST_BACK_OFF_S
    while True:
        try:
            async with open_caller() as line:
                while True:
                    talk = make_conversation()
                    await line.call(talk)
                    back_off_s = FIRST_BACK_OFF_S if talk.accepted else _longer(back_off_s)
                    wait_s = interval_s(talk) if talk.accepted else back_off_s
                    await asyncio.sleep(wait_s * random.uniform(0.9, 1.1))
        except OSError:
            back_off_s = _longer(back_off_s)
            await asyncio.sleep(back_off_s * random.uniform(0.5, 1.0))


def _longer(back_off_s: float) -> float:
    return min(2 * back_off_s, LONGEST_BACK_OFF_S)
