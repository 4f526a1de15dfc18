"""HTTP client of the driver's web service (KKT-PC 6.4): requests with ids, and their results.

Everything is bounded: each call in time and size, each wait for a result in time.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple
from uuid import uuid4

from aiohttp import ClientError, ClientSession, ClientTimeout

from gateway.assistant.driver.vocabulary import Body, TaskResult, number, part, text
from gateway.assistant.register_connection import RegisterUnreachable

CALL_TIMEOUT_S: Final = 10.0
RESULT_TIMEOUT_S: Final = 120.0
"""Seconds for a result: a registration takes long, and other requests may precede it."""

MAX_ANSWER: Final = 1 << 20
FIRST_PAUSE_S: Final = 0.01
LONGEST_PAUSE_S: Final = 0.5
OK, CREATED, NOT_FOUND, CONFLICT = 200, 201, 404, 409
UNFINISHED: Final = frozenset({"wait", "inProgress", "blocked"})
INTERRUPTED: Final = 502

Credentials = tuple[str, str]
"""Name and password of basic authentication."""


class DriverTimeouts(NamedTuple):
    """Seconds for one HTTP call, and for a request to stay unfinished."""

    call_s: float = CALL_TIMEOUT_S
    result_s: float = RESULT_TIMEOUT_S


DEFAULT_TIMEOUTS: Final = DriverTimeouts()


class Listed(NamedTuple):
    """A register in the service's list; ``connection`` describes how the service reaches it."""

    id: str
    active: bool
    connection: Body


class WebClient:
    """Client of one service; its methods raise ``RegisterUnreachable`` for an unexpected answer."""

    def __init__(
        self, url: str, credentials: Credentials | None, timeouts: DriverTimeouts = DEFAULT_TIMEOUTS
    ) -> None:
        self.url = url.rstrip("/").removesuffix("/api/v2") + "/api/v2"
        self._patience = timeouts
        told = b64encode(":".join(credentials).encode()).decode() if credentials else ""
        self._http = ClientSession(
            headers={"Authorization": f"Basic {told}"} if credentials else {},
            timeout=ClientTimeout(total=timeouts.call_s),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the HTTP connections."""
        await self._http.close()

    async def registers(self) -> list[Listed]:
        """Return the registers of the service, connected or not."""
        found = await self._call("GET", "/devices", expected=(OK,))
        if not isinstance(found.body, list):
            raise _unexpected_answer("a list of registers")
        return [
            Listed(text(each, "id"), each.get("isActive") is True, part(each, "connectionSettings"))
            for each in found.body
            if isinstance(each, dict)
        ]

    async def ask(self, id_: str, tasks: Sequence[Body]) -> list[TaskResult]:
        """Return the results of a new request, for tasks that may be repeated without harm."""
        uuid = str(uuid4())
        if not await self.submit(id_, uuid, tasks):
            raise RegisterUnreachable("the service takes no request for the register")
        return await self.wait_for_results(id_, uuid)

    async def submit(self, id_: str, uuid: str, tasks: Sequence[Body]) -> bool:
        """Submit a request; return False if it is not accepted.

        Either the uuid is already known or the register is not connected.
        """
        body = {"uuid": uuid, "request": list(tasks)}
        found = await self._call(
            "POST", "/requests", id_, body=body, expected=(CREATED, OK, CONFLICT)
        )
        return found.status != CONFLICT

    async def is_known(self, id_: str, uuid: str) -> bool:
        """Tell whether the service remembers a request."""
        found = await self._call("GET", f"/requests/{uuid}", id_, expected=(OK, NOT_FOUND))
        return found.status == OK

    async def wait_for_results(self, id_: str, uuid: str) -> list[TaskResult]:
        """Return the results of a request as soon as all its tasks have ended."""
        pause_s = FIRST_PAUSE_S
        try:
            async with asyncio.timeout(self._patience.result_s):
                while True:
                    found = await self._call("GET", f"/requests/{uuid}", id_, expected=(OK,))
                    results = _results(found.body)
                    if not any(text(each, "status") in UNFINISHED for each in results):
                        return [_task_result(each) for each in results]
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        except TimeoutError:
            raise RegisterUnreachable("the service did not finish a request in time") from None

    async def _call(
        self,
        method: str,
        path: str,
        id_: str = "",
        *,
        body: Body | None = None,
        expected: tuple[int, ...],
    ) -> "_HttpAnswer":
        """Return the answer to one HTTP call; raise ``RegisterUnreachable`` if it is unexpected.

        The error never quotes the answer, because it may contain the refused password.
        """
        params = {"deviceID": id_} if id_ else {}
        try:
            async with self._http.request(
                method, self.url + path, params=params, json=body, allow_redirects=False
            ) as response:
                if response.status not in expected:
                    raise RegisterUnreachable(
                        f"the service answers {response.status} to {method} {path[:32]}"
                    )
                return _HttpAnswer(response.status, _parsed(await _bounded(response.content)))
        except (ClientError, OSError, ValueError) as error:
            raise RegisterUnreachable(
                f"the service does not answer: {type(error).__name__}"
            ) from None


class _HttpAnswer(NamedTuple):
    status: int
    body: Any


async def _bounded(content: Any) -> bytes:
    """Return the whole body; raise ``ValueError`` if it is longer than any answer."""
    raw = bytearray()
    async for chunk in content.iter_chunked(1 << 16):
        raw += chunk
        if len(raw) > MAX_ANSWER:
            raise ValueError("too long")
    return bytes(raw)


def _parsed(raw: bytes) -> Any:
    """Return the parsed JSON, or None for anything else: the status alone may suffice."""
    with suppress(ValueError, RecursionError):
        return json.loads(raw)
    return None


def _results(body: Any) -> list[Body]:
    results = body.get("results") if isinstance(body, dict) else None
    if not isinstance(results, list) or not results:
        raise _unexpected_answer("results")
    if not all(isinstance(each, dict) for each in results):
        raise _unexpected_answer("results")
    return results


def _task_result(result: Mapping[str, Any]) -> TaskResult:
    """Return a task's result from either form.

    The error's fields are in the result itself, or in an object (version 1).
    """
    status = text(result, "status")
    nested = part(result, "error")
    code = number(nested, "code") if nested else number(result, "errorCode")
    if status != "ready" and not code:
        code = INTERRUPTED
    return TaskResult(code, part(result, "result"), canceled=status == "canceled")


def _unexpected_answer(what: str) -> RegisterUnreachable:
    return RegisterUnreachable(f"the service gives no {what}")
