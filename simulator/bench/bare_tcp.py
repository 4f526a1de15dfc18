"""A bare TCP server, which measures the cost of a session without any work.

It answers the first bytes of a connection with as many bytes as a CHALLENGE has and the next ones
with as many as an ACCEPTED has. ``python -m simulator.bench.bare_tcp PORT CHALLENGE ACCEPTED``
(bytes in hex) runs it until it is terminated.
"""

import asyncio
import sys
from typing import cast


class BareLink(asyncio.Protocol):
    """A connection with two fixed answers."""

    answers: tuple[bytes, bytes]

    def __init__(self) -> None:
        self._heard = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._heard < len(self.answers):
            self._transport.write(self.answers[self._heard])
        self._heard += 1


async def serve(port: int) -> None:
    """Listen until cancelled."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(BareLink, "0.0.0.0", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    BareLink.answers = (bytes.fromhex(sys.argv[2]), bytes.fromhex(sys.argv[3]))
    uvloop.run(serve(int(sys.argv[1])))
