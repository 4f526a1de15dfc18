"""Bodies of requests that were answered without being read, for example refused sign-ins.

On a kept-alive connection the next request begins after such a body.  A short body is read and
dropped; otherwise the response says ``Connection: close``, so that the client sends its next
request over a new connection instead of losing it in this one.
"""

import asyncio
from typing import Final

from aiohttp import web

MOST_BYTES: Final = 64 * 1024
PATIENCE_S: Final = 0.5
"""Longest wait for a body that is still arriving; it delays the response by no more than this."""


async def drop_body(request: web.Request, response: web.StreamResponse) -> None:
    """Drop the rest of the body, or let ``response`` (not sent yet) close the connection."""
    if response.prepared or request.content.is_eof():
        return
    if (request.content_length or 0) > MOST_BYTES or not await _ends(request):
        response.force_close()


async def _ends(request: web.Request) -> bool:
    """Read on; return whether the body ended within ``MOST_BYTES`` and ``PATIENCE_S``."""
    left = MOST_BYTES
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not request.content.is_eof() and left >= 0:
                left -= len(await request.content.readany())
    except (TimeoutError, web.RequestPayloadError, OSError):
        return False
    return left >= 0
