"""HTTP endpoints of the service: ``/api/v2`` and the older ``/requests`` (KKT-PC 6.4)."""

import asyncio
import binascii
import hmac
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from simulator.calls.socket_call import utc_now
from simulator.register.simulated_register import SimulatedRegister
from simulator.web_requests.failures import DriverFailure
from simulator.web_requests.queue import (
    DriverRequest,
    DuplicateRequest,
    QueueFull,
    RequestBegun,
    RequestQueue,
    Status,
    TaskResult,
)
from simulator.web_requests.served_register import ServedRegister

MAX_BODY: Final = 1 << 20
MAX_TASKS: Final = 100
MAX_UUID: Final = 64
LOOK_FOR_PAPER_S: Final = 0.2
SERVICE_FAULT: Final = 505
"""Error code of every refusal by the service itself."""

OPERATIONS: Final = {
    "queryDeviceStatus": "getDeviceStatus",
    "queryDeviceInfo": "getDeviceInfo",
    "queryShiftStatus": "getShiftStatus",
    "queryShiftTotals": "getShiftTotals",
    "queryFnInfo": "getFnInfo",
    "queryFnStatus": "getFnStatus",
    "queryOfdExchangeStatus": "ofdExchangeStatus",
    "queryLicenses": "getLicenses",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RequestRefused(Exception):
    """A refusal by the service: an HTTP status and a sentence."""

    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status, self.description = status, description


def build_app(
    registers: Sequence[SimulatedRegister],
    *,
    credentials: tuple[str, str] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> web.Application:
    """Return the service over these registers, with ids "1", "2"…, all of them active.

    The first register is the default one. ``credentials`` are the name and password of basic
    authentication, which is off without them.
    """
    service = _Service(registers, clock)
    app = web.Application(
        client_max_size=MAX_BODY, middlewares=[_complaints, _authentication(credentials)]
    )
    app.add_routes(service.routes())
    app.cleanup_ctx.append(service.workers)
    return app


class _Service:
    """The registers, their queues, and the default register of requests that name none."""

    def __init__(
        self, registers: Sequence[SimulatedRegister], clock: Callable[[], datetime]
    ) -> None:
        self._clock = clock
        self._desks = {
            str(n): ServedRegister(str(n), each) for n, each in enumerate(registers, start=1)
        }
        self._queues = {
            each.id: RequestQueue(each, clock, LOOK_FOR_PAPER_S) for each in self._desks.values()
        }
        self._default = next(iter(self._desks), "")

    def routes(self) -> list[web.RouteDef]:
        """Return every endpoint."""
        base = "/api/v2"
        return [
            web.get(f"{base}/serverInfo", self.server_info),
            web.get(f"{base}/devices", self.list_desks),
            web.get(f"{base}/devices/{{id}}", self.show_register),
            web.post(f"{base}/setDefaultDevice", self.set_default),
            web.post(f"{base}/activateDevice", self.activate),
            web.post(f"{base}/deactivateDevice", self.deactivate),
            web.get(f"{base}/getRequestsQueueStatus", self.queue_status),
            web.post(f"{base}/operations/{{name}}", self.operation),
            *self._request_routes(f"{base}/requests"),
            *self._request_routes("/requests"),
        ]

    def _request_routes(self, path: str) -> list[web.RouteDef]:
        return [
            web.post(path, self.add_request),
            web.get(f"{path}/{{uuid}}", self.show_request),
            web.delete(f"{path}/{{uuid}}", self.cancel_request),
        ]

    async def workers(self, _: web.Application) -> AsyncIterator[None]:
        """Run one worker for each register while the service runs."""
        running = [asyncio.create_task(queue.run()) for queue in self._queues.values()]
        yield
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    # ---- the service and its registers ---------------------------------------------------------

    async def server_info(self, _: web.Request) -> web.Response:
        """Return the service's version and time; no authentication is required."""
        return web.json_response(
            {
                "currentDateTime": self._clock().isoformat(timespec="seconds"),
                "driverVersion": "10.8.0.0",
                "os": "linux",
                "serverVersion": "1.0.4.0",
            }
        )

    async def list_desks(self, _: web.Request) -> web.Response:
        """Return all registers."""
        return web.json_response([self._shown(each) for each in self._desks.values()])

    async def show_register(self, request: web.Request) -> web.Response:
        """Return one register, or the default one."""
        return web.json_response(self._shown(self._named(request.match_info["id"])))

    async def set_default(self, request: web.Request) -> web.Response:
        """Choose the default register."""
        self._default = self._named(_text(await _body(request), "id")).id
        return web.json_response({})

    async def activate(self, request: web.Request) -> web.Response:
        """Accept requests for the register from now on."""
        self._desk(request).active = True
        return web.json_response({})

    async def deactivate(self, request: web.Request) -> web.Response:
        """Accept no more requests for the register."""
        self._desk(request).active = False
        return web.json_response({})

    def _shown(self, desk: ServedRegister) -> dict[str, Any]:
        return {
            "connectionSettings": {"port": "usb", "usbDevice": "auto", "model": 500},
            "hasLicense": False,
            "id": desk.id,
            "isActive": desk.active,
            "isDefault": desk.id == self._default,
            "isLock": False,
            "name": f"ККТ {desk.register.serial_number}",
        }

    def _desk(self, request: web.Request) -> ServedRegister:
        return self._named(request.query.get("deviceID", "") or "default")

    def _named(self, name: str) -> ServedRegister:
        desk = self._desks.get(self._default if name == "default" else name)
        if desk is None:
            raise RequestRefused(404, f"Устройство с ID [{name[:MAX_UUID]}] не найдено")
        return desk

    # ---- requests ------------------------------------------------------------------------------

    async def add_request(self, request: web.Request) -> web.Response:
        """Queue a request: 201 if it will be executed once, 409 if its uuid is known."""
        desk, body = self._desk(request), await _body(request)
        uuid, tasks = _text(body, "uuid"), _tasks(body)
        if not desk.active:
            raise RequestRefused(409, f"ККТ [{desk.id}] не подключена")
        queue = self._queues[desk.id]
        try:
            number = queue.add(uuid, tasks)
        except DuplicateRequest:
            raise RequestRefused(
                409, "Невозможно добавить: задание с таким UUID уже есть"
            ) from None
        except QueueFull:
            raise RequestRefused(503, "Очередь заданий заполнена") from None
        return web.json_response({"uuid": uuid, "number": number, **_block(queue)}, status=201)

    async def show_request(self, request: web.Request) -> web.Response:
        """Return the state of each task of a request."""
        _, found = self._found(request)
        show = _shown_v2 if request.path.startswith("/api/v2/") else _shown_v1
        return web.json_response({"results": [show(each) for each in found.results]})

    async def cancel_request(self, request: web.Request) -> web.Response:
        """Cancel a request that has not begun."""
        queue, found = self._found(request)
        try:
            queue.cancel(found)
        except RequestBegun:
            raise RequestRefused(409, "Задание уже выполняется или выполнено") from None
        return web.json_response({})

    async def queue_status(self, request: web.Request) -> web.Response:
        """Return the numbers of requests by status; ``number`` counts the waiting ones."""
        queue = self._queues[self._desk(request).id]
        counts = queue.counts()
        shown = {status.value: counts[status] for status in Status}
        return web.json_response({"number": counts[Status.WAIT], **shown, **_block(queue)})

    async def operation(self, request: web.Request) -> web.Response:
        """Answer a query at once, without the queue."""
        name = OPERATIONS.get(request.match_info["name"])
        if name is None:
            raise RequestRefused(404, "Нет такой операции")
        queue = self._queues[self._desk(request).id]
        try:
            return web.json_response(await queue.run_now({"type": name}))
        except DriverFailure as failure:
            raise RequestRefused(409, failure.description) from None

    def _found(self, request: web.Request) -> tuple[RequestQueue, DriverRequest]:
        desk, uuid = self._desk(request), request.match_info["uuid"]
        found = self._queues[desk.id].find(uuid)
        if found is None:
            raise RequestRefused(
                404, f"Задание с UUID [{uuid[:MAX_UUID]}] для устройства [{desk.id}] не найдено"
            )
        return self._queues[desk.id], found


# ---- bodies of requests and answers ---------------------------------------------------------


async def _body(request: web.Request) -> dict[str, Any]:
    """Return the JSON object of a request; raise ``RequestRefused`` for any other body."""
    try:
        found = json.loads(await request.text())
    except (ValueError, RecursionError, LookupError):
        raise RequestRefused(400, "Тело запроса не является корректным JSON") from None
    if not isinstance(found, dict):
        raise RequestRefused(400, "Тело запроса должно быть объектом JSON")
    return found


def _text(body: dict[str, Any], name: str) -> str:
    found = body.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= MAX_UUID:
        raise RequestRefused(400, f"Поле '{name}' не задано или некорректно")
    return found


def _tasks(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tasks of a request, whose field holds one task or a list."""
    found = body.get("request")
    tasks = [found] if isinstance(found, dict) else found
    if not isinstance(tasks, list) or not tasks:
        raise RequestRefused(400, "Поле 'request' не задано или пустое")
    if len(tasks) > MAX_TASKS or not all(isinstance(each, dict) for each in tasks):
        raise RequestRefused(400, "Поле 'request' некорректно")
    return tasks


def _shown_v2(result: TaskResult) -> dict[str, Any]:
    return {
        "status": result.status,
        "errorCode": result.code,
        "errorDescription": result.description,
        "result": result.result,
    }


def _shown_v1(result: TaskResult) -> dict[str, Any]:
    return {
        "status": result.status,
        "error": {"code": result.code, "description": result.description},
        "result": result.result,
    }


def _block(queue: RequestQueue) -> dict[str, Any]:
    blocked = queue.blocked
    return {
        "isBlocked": blocked is not None,
        "blockedUUID": blocked.uuid if blocked else "",
        "blockReason": "paperError" if blocked else "",
    }


# ---- authentication and refusals ------------------------------------------------------------


@web.middleware
async def _complaints(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return every refusal as the service's JSON."""
    try:
        return await handler(request)
    except RequestRefused as refused:
        return _complaint(refused.status, refused.description)
    except web.HTTPRequestEntityTooLarge:
        return _complaint(400, "Слишком большой запрос")
    except web.HTTPClientError as found:
        return _complaint(found.status, found.reason)


def _complaint(status: int, description: str) -> web.Response:
    headers = {"WWW-Authenticate": 'Basic realm="atol"'} if status == 401 else {}
    body = {"error": {"code": SERVICE_FAULT, "description": description}}
    return web.json_response(body, status=status, headers=headers)


def _authentication(credentials: tuple[str, str] | None) -> Any:
    expected = ":".join(credentials).encode() if credentials else None

    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        if expected and not request.path.endswith("/serverInfo") and not _knows(request, expected):
            raise RequestRefused(401, "unauthorized")
        return await handler(request)

    return authenticate


def _knows(request: web.Request, expected: bytes) -> bool:
    scheme, _, told = request.headers.get("Authorization", "").partition(" ")
    with suppress(binascii.Error, ValueError):
        return scheme.lower() == "basic" and hmac.compare_digest(b64decode(told), expected)
    return False
