"""Registers that connect over TCP: one connection is one conversation.

The first bytes determine whether it carries frames or HTTP.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from gateway.edge.context import EdgeContext
from gateway.edge.conversation import Conversation
from gateway.edge.metrics import LIMITS, Limit
from gateway.edge.transports.http import HttpLink
from gateway.edge.transports.protocol_detection import PeerProtocol, detect_protocol
from protocol.conversation.messages import RefusalReason
from protocol.transport import Transport


class TcpLink(asyncio.Protocol):
    """A connection, called by asyncio (or uvloop); no method waits."""

    __slots__ = ("_conversation", "_edge", "_first", "_take", "_transport", "peer")

    transport = Transport.TCP
    http_transport = Transport.HTTP

    def __init__(self, edge: EdgeContext) -> None:
        self._edge = edge
        self._conversation: Conversation | None = None
        self._transport: asyncio.Transport | None = None
        self._take: Callable[[bytes], None] = self._choose_receiver
        self._first = b""
        self.peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if name else ""
        self._conversation = Conversation(self._edge, self)

    def data_received(self, data: bytes) -> None:
        self._take(data)

    def connection_lost(self, exc: Exception | None) -> None:
        conversation, self._conversation, self._transport = self._conversation, None, None
        self._take = _ignore
        if conversation is not None:
            conversation.on_link_lost()

    def write(self, data: bytes) -> None:
        """Send data; abort the connection if the peer leaves ``unsent_bytes`` unread."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        unsent = transport.get_write_buffer_size()
        if unsent > self._edge.config.unsent_bytes and self._conversation is not None:
            transport.abort()
            self._conversation.abort(Limit.UNSENT_BYTES)

    def close(self) -> None:
        """Close after sending what was written; ignore further received bytes."""
        self._take = _ignore
        if self._transport is not None:
            self._transport.close()

    def _choose_receiver(self, data: bytes) -> None:
        """Choose the receiver by the first bytes, and pass them to it."""
        conversation = self._conversation
        if conversation is None:
            return
        first = self._first + data
        spoken = detect_protocol(first)
        if spoken is PeerProtocol.UNDECIDED:
            self._first = first
            return
        if spoken is PeerProtocol.FRAMES:
            self._take = conversation.receive
        elif spoken is PeerProtocol.HTTP:
            link = HttpLink(conversation, self, self._edge.config, self.http_transport)
            conversation.link, self._take = link, link.receive
        else:
            LIMITS[Limit.FIRST_BYTES].inc()
            conversation.refuse(RefusalReason.MALFORMED, "first_bytes")
        self._first = b""
        self._take(first)


def _ignore(_: bytes) -> None:
    """Ignore bytes for a connection that is being closed."""


async def listen(edge: EdgeContext, host: str, port: int) -> asyncio.Server:
    """Accept connections until the server is closed; raise ``OSError`` if the address is taken."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: TcpLink(edge), host, port, backlog=4096)
