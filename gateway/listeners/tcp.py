"""Registers that call over plain TCP: one connection is one conversation."""

import asyncio
from typing import cast

from gateway.conversation import Conversation
from gateway.edge import Edge
from gateway.metrics import Limit


class TcpLink(asyncio.Protocol):
    """A connection; asyncio (or uvloop) calls it, nothing waits."""

    __slots__ = ("_conversation", "_edge", "_transport", "peer")

    road = "tcp"

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._conversation: Conversation | None = None
        self._transport: asyncio.Transport | None = None
        self.peer = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if name else ""
        self._conversation = Conversation(self._edge, self)

    def data_received(self, data: bytes) -> None:
        if self._conversation is not None:
            self._conversation.receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        conversation, self._conversation, self._transport = self._conversation, None, None
        if conversation is not None:
            conversation.lost()

    def write(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        unsent = transport.get_write_buffer_size()
        if unsent > self._edge.config.unsent_bytes and self._conversation is not None:
            transport.abort()
            self._conversation.abort(Limit.UNSENT_BYTES)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def listen(edge: Edge, host: str, port: int) -> asyncio.Server:
    """Accepts connections until the server is closed; ``OSError`` if the address is taken."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: TcpLink(edge), host, port, backlog=4096)
