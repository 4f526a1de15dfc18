"""The register's side of one conversation: bytes in, bytes out, no socket and no clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from protocol import telemetry
from protocol.conversation.connection import ConversationState, RegisterEnd
from protocol.conversation.messages import (
    Accepted,
    Block,
    Challenge,
    CheckIn,
    ConversationRefused,
    Farewell,
    Keepalive,
    LinkChannel,
    Message,
    RefusalReason,
    Step,
    StepDone,
)
from protocol.errors import ProtocolError
from simulator.register.failures import PowerLost
from simulator.register.keys import RegisterKey
from simulator.register.simulated_register import SimulatedRegister

NO_CONNECTION: Final = frozenset({"connect", "connect_timeout"})
"""Reasons of calls that failed before a connection existed."""

Ledger = Callable[[str, int, datetime], None]
"""A function called with serial number, reading number and time of each accepted reading."""


class ConversationEnding(StrEnum):
    """The way in which a conversation ended."""

    DONE = "done"
    """The reading was accepted, and all steps that followed are done."""
    REFUSED = "refused"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class ConversationResult:
    """The result of a conversation; ``detail`` is the gateway's reason or the cause of the break.

    The reading of a broken conversation may have been accepted before.
    """

    ending: ConversationEnding
    detail: str = ""
    retry_after_s: int | None = None


def no_ledger(serial_number: str, reading_number: int, at: datetime) -> None:
    """Ignore an accepted reading: the default ledger."""


class RegisterConversation:
    """One conversation from HELLO to its end, under the given key or a later one from the server.

    ``channel``: what HELLO says instead of the register's own link; an Assistant's way, say.
    ``telemetry_version``: the layout of its readings, one of ``protocol.telemetry.LAYOUTS``.

    ``start`` returns the first bytes, ``receive`` takes bytes and returns the bytes to send,
    ``report`` sends a new reading in a held conversation. The caller hangs up when it ``is_over``.
    ``messages_received`` counts complete messages: bytes alone are not a sign of life.
    """

    __slots__ = (
        "_channel",
        "_end",
        "_key",
        "_ledger",
        "_telemetry_version",
        "accepted",
        "messages_received",
        "is_held",
        "next_check_in_s",
        "result",
        "register",
        "steps_done",
        "steps_refused",
    )

    def __init__(
        self,
        register: SimulatedRegister,
        key: bytes,
        key_generation: int,
        ledger: Ledger = no_ledger,
        channel: LinkChannel | None = None,
        telemetry_version: int = telemetry.BLOCK_VERSION,
    ) -> None:
        self.register = register
        self._telemetry_version = telemetry_version
        self._channel = channel
        self.accepted = False
        self.is_held = False
        self.messages_received = 0
        self.next_check_in_s: int | None = None
        self.result: ConversationResult | None = None
        self.steps_done = self.steps_refused = 0
        self._key = register.keys.next_key(RegisterKey(key_generation, key))
        self._end = RegisterEnd(self._key.key)
        self._ledger = ledger

    @property
    def is_over(self) -> bool:
        """Tell whether there is a result and nothing more to send."""
        return self.result is not None

    @property
    def can_report(self) -> bool:
        """Tell whether a held conversation waits only for the next reading."""
        return not self.is_over and self.is_held and self._end.state is ConversationState.OPEN

    def start(self) -> bytes:
        """Return HELLO."""
        register = self.register
        return self._end.hello(
            register.serial,
            register.platform.wire_code,
            register.model,
            self._channel or register.channel,
            self._key.generation,
        )

    def receive(self, data: bytes, now: datetime) -> bytes:
        """Return the bytes to send in reply to any bytes; raise nothing.

        After the end of the conversation all bytes are ignored.
        """
        if self.is_over:
            return b""
        try:
            messages = self._end.receive(data)
        except ProtocolError as error:
            if error.code == "key":
                self.register.keys.on_refused(self._key)
            self.break_off(error.code)
            return b""
        self.messages_received += len(messages)
        return b"".join(self._answer(message, now) for message in messages)

    def report(self, now: datetime) -> bytes:
        """Return CHECK_IN with a fresh reading."""
        version = self._telemetry_version
        return self._say(CheckIn(version, telemetry.encode(self.register.reading(now), version)))

    def break_off(self, why: str) -> None:
        """Record that the link or the peer broke the conversation; do nothing after its end."""
        if self.result is None:
            self.result = ConversationResult(ConversationEnding.BROKEN, why)
            self.register.internet_reached = why not in NO_CONNECTION
            self.register.cabinet_reached = self.accepted

    def _answer(self, message: Message, now: datetime) -> bytes:
        if self.is_over:
            return b""
        answer = _HANDLERS[type(message)](self, message, now)
        return b"" if answer is None else answer

    def _say(self, message: Message) -> bytes:
        """Return the encoded message, or nothing if the peer has closed the conversation."""
        return b"" if self._end.state is ConversationState.CLOSED else self._end.send(message)

    def _challenged(self, _: Challenge, now: datetime) -> bytes:
        return self.report(now)

    def _on_accepted(self, message: Accepted, now: datetime) -> None:
        self.accepted = True
        self.register.internet_reached = self.register.cabinet_reached = True
        self.register.keys.on_accepted(self._key)
        self.is_held = bool(message.hold)
        self.next_check_in_s = message.next_check_in_s
        self._ledger(self.register.serial_number, self.register.readings, now)
        if not message.hold and not message.pending_operations:
            self.result = ConversationResult(ConversationEnding.DONE)

    def _step(self, message: Step, now: datetime) -> bytes:
        boots = self.register.loader.boots
        result = self.register.do_step(message.operation_id, message.step, message.command, now)
        if isinstance(result, StepDone):
            self.steps_done += 1
        else:
            self.steps_refused += 1
        said = self._say(result)
        if self.register.loader.boots > boots:
            self.result = ConversationResult(ConversationEnding.DONE, "restarted")
        return said

    def _block(self, message: Block, now: datetime) -> None:
        try:
            self.register.take_block(message.command, now)
        except PowerLost:
            self.break_off("power")

    def _farewell(self, message: Farewell, _: datetime) -> None:
        self.next_check_in_s = message.next_check_in_s
        self.result = ConversationResult(ConversationEnding.DONE)

    def _refused(self, message: ConversationRefused, _: datetime) -> None:
        if message.reason == RefusalReason.KEY:
            self.register.keys.on_refused(self._key)
        self.register.internet_reached, self.register.cabinet_reached = True, False
        self.result = ConversationResult(
            ConversationEnding.REFUSED, _reason(message.reason), message.retry_after_s
        )

    def _keepalive(self, message: Keepalive, _: datetime) -> bytes:
        return self._say(message)


def _reason(code: int) -> str:
    try:
        return RefusalReason(code).name.lower()
    except ValueError:
        return f"reason_{code}"


_HANDLERS: Final[dict[type[Any], Callable[[RegisterConversation, Any, datetime], bytes | None]]] = {
    Challenge: RegisterConversation._challenged,
    Accepted: RegisterConversation._on_accepted,
    Block: RegisterConversation._block,
    Step: RegisterConversation._step,
    Farewell: RegisterConversation._farewell,
    ConversationRefused: RegisterConversation._refused,
    Keepalive: RegisterConversation._keepalive,
}
