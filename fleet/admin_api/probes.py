"""Probes for operators: whether the process runs, whether it can work, and its metrics.

They need no sign-in, because they reveal nothing about partners or registers.  A proxy in front
of the server should not publish ``/metrics``.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from fleet.kit.database import Database

READY_TIMEOUT_S = 2.0

log = structlog.get_logger(__name__)


Failing = Callable[[], Sequence[str]]
"""Function that names the long-lived tasks of the process that fail now."""


def add_probes(app: web.Application, database: Database, failing: Failing = tuple) -> None:
    """Add ``/healthz``, ``/readyz`` and ``/metrics``; a failing task makes the process unready."""

    async def ready(_request: web.Request) -> web.Response:
        if names := failing():
            reason = f"failing: {', '.join(names)}"
            return web.json_response({"status": reason, "failing": list(names)}, status=503)
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await database.probe()
        except Exception as error:  # whatever the driver raises, the answer is "not ready"
            log.warning("database_not_ready", error=type(error).__name__)
            return web.json_response({"status": "database does not answer"}, status=503)
        return web.json_response({"status": "ready"})

    app.router.add_get("/healthz", _healthy)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", _metrics)


async def _healthy(_request: web.Request) -> web.Response:
    return web.json_response({"status": "alive"})


async def _metrics(_request: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def start_probes(
    stack: AsyncExitStack, database: Database, address: tuple[str, int], failing: Failing
) -> None:
    """Serve the probes alone on an address of their own until the stack ends."""
    app = web.Application()
    add_probes(app, database, failing)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, *address).start()
