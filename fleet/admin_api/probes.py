"""Probes for operators: whether the process runs, whether it can work, and its metrics.

They need no sign-in, because they reveal nothing about partners or registers.  A proxy in front
of the server should not publish ``/metrics``.
"""

import asyncio

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from fleet.kit.database import Database

READY_TIMEOUT_S = 2.0

log = structlog.get_logger(__name__)


def add_probes(app: web.Application, database: Database) -> None:
    async def ready(_request: web.Request) -> web.Response:
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
