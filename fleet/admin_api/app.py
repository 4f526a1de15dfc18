"""The admin API as an aiohttp application."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from fleet.accounts.pages import add_password_page
from fleet.admin_api.docs import add_docs
from fleet.admin_api.endpoints import ENDPOINTS
from fleet.admin_api.openapi import build_document
from fleet.admin_api.probes import Failing, add_probes
from fleet.billing.pages import add_payment_pages
from fleet.kit.clock import Clock
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.http import PREFIX, Endpoint
from fleet.kit.language import Language
from fleet.web.dispatch import MAX_BODY_BYTES, Dispatcher
from fleet.web.middleware import hide_server_version, request_middleware
from fleet.web.server_log import SERVER_LOG

STOP_S: Final = 2
"""Time for running requests to end when the server stops."""


def build_app(
    database: Database,
    clock: Clock,
    *,
    endpoints: Sequence[Endpoint] = ENDPOINTS,
    language: Language = Language.RU,
    config: FleetConfig | None = None,
    failing: Failing = tuple,
) -> web.Application:
    """Return the application, ready for a runner; it does not close ``database``.

    ``language`` is used when ``Accept-Language`` names neither Russian nor English.
    """
    config = config or FleetConfig()
    around = request_middleware(language, MAX_BODY_BYTES, config.proxies)
    app = web.Application(middlewares=[around], client_max_size=MAX_BODY_BYTES)
    app.on_response_prepare.append(hide_server_version)
    edge = Dispatcher(database, clock, language, config)
    for endpoint in endpoints:
        app.router.add_route(endpoint.method, PREFIX + endpoint.path, edge.serve(endpoint))
    _refuse_other_methods(app, endpoints)
    document = build_document(tuple(endpoints))

    async def show_document(_request: web.Request) -> web.Response:
        return web.json_response(document)

    app.router.add_get(f"{PREFIX}/openapi.json", show_document)
    add_docs(app)
    add_password_page(app, language)
    add_payment_pages(app, database, clock, config)
    add_probes(app, database, failing)
    return app


def _refuse_other_methods(app: web.Application, endpoints: Sequence[Endpoint]) -> None:
    """Refuse every method that a fixed path does not accept.

    Otherwise ``/registers/{serial_number}`` would take a GET of ``/registers/enrol``.
    """
    allowed: dict[str, set[str]] = {}
    for endpoint in endpoints:
        allowed.setdefault(endpoint.path, set()).add(endpoint.method)
    for path, methods in allowed.items():
        if "{" not in path:
            app.router.add_route("*", PREFIX + path, _refusing(methods))


def _refusing(allowed: set[str]) -> Handler:
    async def refuse(request: web.Request) -> web.Response:
        raise web.HTTPMethodNotAllowed(request.method, allowed)

    return refuse


async def start_api(
    stack: AsyncExitStack,
    database: Database,
    clock: Clock,
    config: FleetConfig,
    failing: Failing = tuple,
) -> int:
    """Serve the API on its address until the stack ends; return its port number."""
    app = build_app(database, clock, language=config.language, config=config, failing=failing)
    runner = web.AppRunner(app, access_log=None, logger=SERVER_LOG, shutdown_timeout=STOP_S)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, *config.http_address).start()
    return int(runner.addresses[0][1])
