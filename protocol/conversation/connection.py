"""The cash-server conversation without a socket (sans-IO), both ends.

``receive(bytes)`` returns messages, ``send(message)`` returns bytes.  Both ends follow the one
table of transitions below; a message that the table does not allow cannot be sent (``LocalError``)
and is refused when it is received (``RemoteError``).  After an error in received bytes the
conversation is closed.
"""

import os
from collections.abc import Callable
from enum import IntEnum, auto
from typing import Any, Final

from protocol.conversation.messages import (
    BY_OUTER_CODE,
    DOWN_PREFIX,
    MAX_MESSAGE,
    ROWS,
    UP_PREFIX,
    VERSION,
    Accepted,
    Block,
    Challenge,
    CheckIn,
    ConversationRefused,
    Farewell,
    FrameKind,
    Hello,
    Keepalive,
    Message,
    Step,
    StepDone,
    StepRefused,
    parse_sealed,
)
from protocol.conversation.seal import (
    DOWN,
    NONCE_SIZE,
    UP,
    KeyRing,
    Seal,
    equal_in_constant_time,
    proof,
)
from protocol.errors import LocalError, ProtocolError, RemoteError
from protocol.kktpc.frame import ASYNC_ID, LAST_HOST_ID, BadFrame, FrameReader, encode
from protocol.rows import MessageRow, Side, build, parse

RandomBytes = Callable[[int], bytes]


class ConversationState(IntEnum):
    """State of a conversation, equal at both ends (an IntEnum, because numbers hash faster)."""

    SILENT = auto()
    GREETED = auto()
    CHALLENGED = auto()
    CHECKED_IN = auto()
    OPEN = auto()
    STEPPING = auto()
    CLOSED = auto()


# fmt: off
TRANSITIONS: Final[dict[tuple[ConversationState, type[Any]], ConversationState]] = {
    (ConversationState.SILENT, Hello):                  ConversationState.GREETED,
    (ConversationState.SILENT, ConversationRefused):    ConversationState.CLOSED,
    (ConversationState.GREETED, Challenge):             ConversationState.CHALLENGED,
    (ConversationState.GREETED, ConversationRefused):   ConversationState.CLOSED,
    (ConversationState.CHALLENGED, CheckIn):            ConversationState.CHECKED_IN,
    (ConversationState.CHALLENGED, ConversationRefused):ConversationState.CLOSED,
    (ConversationState.CHECKED_IN, Accepted):           ConversationState.OPEN,
    (ConversationState.CHECKED_IN, ConversationRefused):ConversationState.CLOSED,
    (ConversationState.OPEN, Block):                    ConversationState.OPEN,
    (ConversationState.OPEN, Step):                     ConversationState.STEPPING,
    (ConversationState.OPEN, CheckIn):                  ConversationState.CHECKED_IN,  # held
    (ConversationState.OPEN, Keepalive):                ConversationState.OPEN,
    (ConversationState.OPEN, Farewell):                 ConversationState.CLOSED,
    (ConversationState.OPEN, ConversationRefused):      ConversationState.CLOSED,
    (ConversationState.STEPPING, StepDone):             ConversationState.OPEN,
    (ConversationState.STEPPING, StepRefused):          ConversationState.OPEN,
    (ConversationState.STEPPING, Keepalive):            ConversationState.STEPPING,
    (ConversationState.STEPPING, ConversationRefused):  ConversationState.CLOSED,
}
# fmt: on


class _End:
    """Common part of both ends: frames, transitions, sealing."""

    _side: Side
    _peer_prefix: bytes

    def __init__(self, random: RandomBytes, max_message: int) -> None:
        self.state = ConversationState.SILENT
        self._random = random
        self._reader = FrameReader(max_message)
        self._serial = b""
        self._sealed_up: Seal | None = None
        self._sealed_down: Seal | None = None

    @property
    def pending(self) -> int:
        """Return the number of received bytes of a frame that is not complete yet."""
        return self._reader.pending

    def receive(self, data: bytes) -> list[Message]:
        """Return the messages that these bytes complete.

        Raise ``RemoteError``; messages before the error in the same bytes are dropped with the
        conversation, as a broken link would drop them.
        """
        try:
            return [self._message(item) for item in self._reader.feed(data)]
        except ProtocolError:
            self.state = ConversationState.CLOSED
            raise

    def send(self, message: Message) -> bytes:
        """Return the frame of a message and move to the state after it.

        Raise ``LocalError`` if this end may not send the message in this state.
        """
        row = ROWS[type(message)]
        if not row.side & self._side:
            raise LocalError("side", f"{type(message).__name__} is not ours to send")
        self.state = self._after(row, LocalError)
        if row.code in BY_OUTER_CODE:
            return self._frame(row.code, build(row, message))
        plain = bytes((row.code,)) + build(row, message)
        return self._frame(FrameKind.SEALED, self._outgoing().seal(plain, self._associated()))

    def _message(self, item: Any) -> Message:
        if isinstance(item, BadFrame):
            raise RemoteError(item.reason, "not a frame")
        data, prefix = item.data, self._peer_prefix
        if not data.startswith(prefix) or len(data) == len(prefix):
            raise RemoteError("malformed", "not a frame of the conversation")
        kind = data[len(prefix)]
        body = data[len(prefix) + 1 :]
        message = self._open(body) if kind == FrameKind.SEALED else self._outer(kind, body)
        row = ROWS[type(message)]
        if row.side == self._side:
            raise RemoteError("order", f"{type(message).__name__} from the wrong side")
        self.state = self._after(row, RemoteError)
        self._on_message(message, body)
        return message

    def _outer(self, kind: int, body: bytes) -> Message:
        row = BY_OUTER_CODE.get(kind)
        if row is None:
            raise RemoteError("malformed", "unknown kind")
        message: Message = parse(row, body)
        return message

    def _open(self, body: bytes) -> Message:
        incoming = self._incoming()
        if incoming is None:
            raise RemoteError("order", "sealed before the challenge")
        return parse_sealed(incoming.open(body, self._associated()))

    def _after(self, row: MessageRow, error: type[ProtocolError]) -> ConversationState:
        after = TRANSITIONS.get((self.state, row.message))
        if after is None:
            raise error("order", f"{row.message.__name__} in {self.state.name}")
        return after

    def _agree(self, key: bytes, nonces: bytes) -> None:
        self._sealed_up = Seal(key, UP, nonces)
        self._sealed_down = Seal(key, DOWN, nonces)

    def _associated(self) -> bytes:
        return b"\x03" + self._serial

    def _incoming(self) -> Seal | None:
        return self._sealed_up if self._side is Side.GATEWAY else self._sealed_down

    def _outgoing(self) -> Seal:
        seal = self._sealed_down if self._side is Side.GATEWAY else self._sealed_up
        if seal is None:
            raise LocalError("order", "nothing is sealed before the challenge")
        return seal

    def _on_message(self, message: Message, body: bytes) -> None:
        """Update this end after a received message has moved its state."""

    def _frame(self, kind: int, body: bytes) -> bytes:
        raise LocalError("side", "an end frames its own way")


class GatewayEnd(_End):
    """The gateway's end.

    After HELLO the owner calls ``challenge()`` or ``refuse()``.
    """

    _side = Side.GATEWAY
    _peer_prefix = UP_PREFIX

    def __init__(
        self, keys: KeyRing, random: RandomBytes = os.urandom, max_message: int = MAX_MESSAGE
    ) -> None:
        super().__init__(random, max_message)
        self._keys = keys
        self._hello_body = b""
        self._hello: Hello | None = None
        self._packet_id = 0

    def challenge(self) -> bytes:
        """Return CHALLENGE for the received HELLO.

        Raise ``RemoteError("key")`` for an unknown key generation.
        """
        hello = self._hello
        if hello is None:
            raise LocalError("order", "nobody has said HELLO")
        key = self._keys.register_key(hello.key_generation, hello.serial)
        if key is None:
            raise RemoteError("key", f"no key of generation {hello.key_generation}")
        nonce = self._random(NONCE_SIZE)
        self._agree(key, hello.nonce + nonce)
        return self.send(Challenge(nonce, proof(key, self._hello_body, nonce)))

    def refuse(self, reason: int, retry_after_s: int) -> bytes:
        """Return REFUSED, which is allowed in every state, also after an error."""
        if self.state is ConversationState.CLOSED:
            self.state = ConversationState.SILENT
        return self.send(ConversationRefused(reason, retry_after_s))

    def _on_message(self, message: Message, body: bytes) -> None:
        if isinstance(message, Hello):
            if message.version != VERSION:
                raise RemoteError("version", f"version {message.version}")
            if not message.serial_number.isdecimal():
                raise RemoteError("malformed", "the serial number is not BCD")
            self._hello, self._hello_body, self._serial = message, body, message.serial

    def _frame(self, kind: int, body: bytes) -> bytes:
        packet_id, self._packet_id = self._packet_id, (self._packet_id + 1) % (LAST_HOST_ID + 1)
        return encode(packet_id, DOWN_PREFIX + bytes((kind,)) + body)


class RegisterEnd(_End):
    """The register's end; it connects and sends ``hello()`` first."""

    _side = Side.REGISTER
    _peer_prefix = DOWN_PREFIX

    def __init__(
        self, key: bytes, random: RandomBytes = os.urandom, max_message: int = MAX_MESSAGE
    ) -> None:
        super().__init__(random, max_message)
        self._key = key
        self._hello_body = b""

    def hello(
        self, serial: bytes, platform: int, model: int, channel: int, key_generation: int
    ) -> bytes:
        """Return HELLO with a fresh nonce; ``serial`` is 7 BCD bytes."""
        self._serial = serial
        message = Hello(
            VERSION, platform, serial, model, channel, key_generation, self._random(NONCE_SIZE)
        )
        self._hello_body = build(ROWS[Hello], message)
        return self.send(message)

    def _on_message(self, message: Message, body: bytes) -> None:
        if isinstance(message, Challenge):
            expected = proof(self._key, self._hello_body, message.nonce)
            if not equal_in_constant_time(expected, message.proof):
                raise RemoteError("key", "the gateway does not know our key")
            self._agree(self._key, self._hello_body[-NONCE_SIZE:] + message.nonce)

    def _frame(self, kind: int, body: bytes) -> bytes:
        return encode(ASYNC_ID, UP_PREFIX + bytes((kind,)) + body)
