"""Bodies of requests that were answered without being read, such as refusals of the sign-in.

The next request of a kept connection begins behind such a body.  A short one is read and dropped;
otherwise the answer says ``Connection: close``, so that the peer sends its next request over a new
connection instead of losing it in this one.
"""

import asyncio
from typing import Final

from aiohttp import web

MOST_BYTES: Final = 64 * 1024
PATIENCE_S: Final = 0.5
"""For a body that is on its way; who asks waits so much longer for the answer at most."""


async def drop_body(request: web.Request, response: web.StreamResponse) -> None:
    """Drop what is left of the body, or let ``response``, not yet sent, end the connection."""
    if response.prepared or request.content.is_eof():
        return
    if (request.content_length or 0) > MOST_BYTES or not await _ends(request):
        response.force_close()


async def _ends(request: web.Request) -> bool:
    """Read on; return whether the body ended within the bounds."""
    left = MOST_BYTES
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not request.content.is_eof() and left >= 0:
                left -= len(await request.content.readany())
    except (TimeoutError, web.RequestPayloadError, OSError):
        return False
    return left >= 0
