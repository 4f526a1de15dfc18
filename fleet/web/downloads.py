"""Files that leave piece by piece, as fast as the peer takes them."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing

import structlog
from aiohttp import web

from fleet.kit.http import Download
from fleet.web.middleware import REQUEST_ID, SECURITY_HEADERS
from fleet.web.slots import Slots

MAX_DOWNLOADS, MAX_OWN_DOWNLOADS = 3, 1
"""At once, and of one partner: each holds a connection of the database's pool until its end."""
PIECE_TIMEOUT_S = 30.0
"""For making a piece and for the peer to take it."""
DOWNLOAD_TIMEOUT_S = 900.0


class Downloads:
    """Those of one process."""

    def __init__(self) -> None:
        self._places = Slots(MAX_DOWNLOADS, MAX_OWN_DOWNLOADS)

    async def send(
        self,
        request: web.Request,
        reply: Download,
        headers: Mapping[str, str],
        deadline: asyncio.Timeout,
        partner_id: int | None,
    ) -> web.StreamResponse:
        """The answer with the whole file; ``deadline`` is moved on with each piece.

        A file that breaks off takes its connection with it: the peer must not believe it whole.
        """
        with self._places.take(partner_id):
            async with aclosing(reply.pieces) as pieces:
                try:
                    response = await _begin(request, reply.media_type, headers)
                    clock = asyncio.get_running_loop().time
                    end = clock() + DOWNLOAD_TIMEOUT_S
                    async for piece in pieces:
                        await response.write(piece)
                        deadline.reschedule(min(end, clock() + PIECE_TIMEOUT_S))
                    await response.write_eof()
                except BaseException:
                    if request.transport is not None:
                        request.transport.abort()
                    raise
        return response


async def _begin(
    request: web.Request, media_type: str, headers: Mapping[str, str]
) -> web.StreamResponse:
    # The middleware's headers come too late for an answer that has begun.
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    always = {**SECURITY_HEADERS, REQUEST_ID: request_id}
    response = web.StreamResponse(headers={**always, **headers, "Content-Type": media_type})
    await response.prepare(request)
    return response
