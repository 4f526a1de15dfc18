"""Conversations over MQTT: one link for each serial number, and the checks of its payloads."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from gateway.edge.context import EdgeContext
from gateway.edge.conversation import Conversation
from gateway.edge.metrics import MQTT_DROPPED, DropReason
from protocol.conversation.connection import GatewayEnd
from protocol.conversation.messages import BY_OUTER_CODE, UP_PREFIX, FrameKind, Hello, RefusalReason
from protocol.errors import ProtocolError
from protocol.kktpc.frame import HEADER, Frame, FrameReader
from protocol.rows import parse
from protocol.transport import Transport

MAX_PAYLOAD: Final = 65_536
"""Largest payload in bytes: frames that answer one payload of ours, with room to spare."""

REMEMBERED: Final = 2
"""Number of last payloads to remember, as a multiple of ``max_conversations``."""

_HELLO: Final = UP_PREFIX + bytes((FrameKind.HELLO,))
"""Beginning of a HELLO's data; none of these bytes is ever escaped."""

NEW_HELLO_S: Final = 1
"""Seconds after which a register without a conversation here sends HELLO again."""

Publish = Callable[[str, bytes], bool]
"""Function that queues (serial number, payload); it returns False if the queue is full."""


class MqttLink:
    """Link of one conversation; ``hung_up`` means that the register needs no message of the end."""

    __slots__ = ("_lines", "conversation", "hung_up", "peer")

    transport = Transport.MQTT

    def __init__(self, lines: "MqttConversations", serial_number: str) -> None:
        self._lines = lines
        self.peer = serial_number
        self.hung_up = False
        self.conversation: Conversation | None = None

    def write(self, data: bytes) -> None:
        if not self.hung_up:
            self._lines.publish(self, data)

    def close(self) -> None:
        """Close the link; an empty payload tells the register."""
        self.write(b"")
        self.hung_up = True
        self._lines.on_link_closed(self)


class MqttConversations:
    """Assignment of registers' payloads to their conversations; no method waits."""

    def __init__(self, edge: EdgeContext, publish: Publish) -> None:
        self._edge, self._publish = edge, publish
        self._open: dict[str, MqttLink] = {}
        self._last: OrderedDict[str, int] = OrderedDict()
        end = GatewayEnd(edge.keys)
        self._elsewhere = end.refuse(RefusalReason.ELSEWHERE, NEW_HELLO_S)

    def receive(self, serial_number: str, payload: bytes) -> None:
        """Handle a payload from a register's topic."""
        link = self._open.get(serial_number)
        if not payload:
            self._last.pop(serial_number, None)
            if link is not None:
                _hang_up(link)
        elif len(payload) > MAX_PAYLOAD:
            MQTT_DROPPED[DropReason.OVERSIZE].inc()
            self._refuse(serial_number, RefusalReason.MALFORMED, "payload_bytes")
        elif self._is_repeated(serial_number, payload):
            MQTT_DROPPED[DropReason.DUPLICATE].inc()
        elif (said := serial_number_in_hello(payload)) is not None:
            self._begin(serial_number, said, payload)
        elif link is None or link.conversation is None:
            MQTT_DROPPED[DropReason.ELSEWHERE].inc()
            self._publish(serial_number, self._elsewhere)
        else:
            link.conversation.receive(payload)

    def on_broker_lost(self) -> None:
        """End all conversations, because the broker is lost; accepted readings are durable."""
        self._last.clear()
        for link in list(self._open.values()):
            _hang_up(link)

    def publish(self, link: MqttLink, data: bytes) -> None:
        """Queue data for the register; end the conversation if the queue is full."""
        if self._publish(link.peer, data):
            return
        MQTT_DROPPED[DropReason.OUTBOX].inc()
        _hang_up(link)

    def on_link_closed(self, link: MqttLink) -> None:
        """Forget a closed link, unless a newer one has replaced it."""
        if self._open.get(link.peer) is link:
            del self._open[link.peer]

    def _begin(self, serial_number: str, said: str, payload: bytes) -> None:
        """Start a conversation with a HELLO; an earlier one on this topic ends silently."""
        if said != serial_number:
            MQTT_DROPPED[DropReason.SERIAL_NUMBER].inc()
            self._refuse(serial_number, RefusalReason.MALFORMED, "serial_number")
            return
        self._connect(serial_number).receive(payload)

    def _connect(self, serial_number: str) -> Conversation:
        earlier = self._open.get(serial_number)
        if earlier is not None:
            _hang_up(earlier)
        link = self._open[serial_number] = MqttLink(self, serial_number)
        link.conversation = Conversation(self._edge, link)
        return link.conversation

    def _refuse(self, serial_number: str, reason: RefusalReason, why: str) -> None:
        self._connect(serial_number).refuse(reason, why)

    def _is_repeated(self, serial_number: str, payload: bytes) -> bool:
        """Tell whether the payload repeats the last one.

        At-least-once delivery may repeat a payload; a register's own payloads never repeat.
        """
        mark = hash(payload)
        repeated = self._last.get(serial_number) == mark
        self._last[serial_number] = mark
        self._last.move_to_end(serial_number)
        if len(self._last) > REMEMBERED * self._edge.config.max_conversations:
            self._last.popitem(last=False)
        return repeated


def serial_number_in_hello(payload: bytes) -> str | None:
    """Return the serial number of the HELLO that the payload begins with, else None."""
    if not payload.startswith(_HELLO, HEADER.size):
        return None
    first = next(iter(FrameReader().feed(payload)), None)
    if not isinstance(first, Frame):
        return None
    try:
        hello: Hello = parse(BY_OUTER_CODE[FrameKind.HELLO], first.data[len(_HELLO) :])
    except ProtocolError:
        return None
    return hello.serial_number


def _hang_up(link: MqttLink) -> None:
    """End a conversation without a message, because the other end is gone or has begun another."""
    link.hung_up = True
    if link.conversation is not None:
        link.conversation.on_link_lost()
