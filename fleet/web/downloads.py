"""Downloads: files that are sent piece by piece, as fast as the client reads them."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing

import structlog
from aiohttp import web

from fleet.kit.http import Download
from fleet.web.middleware import REQUEST_ID, SECURITY_HEADERS
from fleet.web.slots import Slots

MAX_DOWNLOADS, MAX_OWN_DOWNLOADS = 3, 1
"""Simultaneous downloads of all and of one partner; each holds a database connection to its end."""
PIECE_TIMEOUT_S = 30.0
"""Time to produce a piece and for the client to read it."""
DOWNLOAD_TIMEOUT_S = 900.0


class Downloads:
    """The downloads of one process."""

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
        """Send the whole file and return the finished response; extend ``deadline`` by each piece.

        After an error the connection is aborted, so that the client cannot take a part of the file
        for the whole.
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
    # The middleware adds its headers too late for a response that has already begun.
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    always = {**SECURITY_HEADERS, REQUEST_ID: request_id}
    response = web.StreamResponse(headers={**always, **headers, "Content-Type": media_type})
    await response.prepare(request)
    return response
