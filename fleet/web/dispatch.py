"""The way from an HTTP request to a handler's call and back, which opens the transactions."""

import asyncio
import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ValidationError

from fleet.accounts import service as accounts
from fleet.accounts.roles import RIGHT_NAMES, ROLE_NAMES, granted_by_support
from fleet.kit.actor import Actor
from fleet.kit.acts import Acts
from fleet.kit.clock import Clock
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.errors import FieldError
from fleet.kit.http import (
    IDEMPOTENCY_KEY,
    NOT_SIGNED_IN,
    Attachment,
    Call,
    Download,
    Endpoint,
    Upload,
    is_upload,
)
from fleet.kit.input import Input
from fleet.kit.language import Language
from fleet.kit.validation import InvalidInput, refuse_input
from fleet.web.downloads import Downloads
from fleet.web.errors import (
    BAD_KEY,
    FILE_TOO_LARGE,
    NO_RIGHT,
    NOT_A_FILE,
    NOT_JSON,
    REPEATED,
    RIGHT_OF_SUPPORT,
)
from fleet.web.middleware import language_of
from fleet.web.slots import Slots

REQUEST_TIMEOUT_S = 30.0
UPLOAD_TIMEOUT_S = 300.0
"""Time for an upload: enough for twenty megabytes at half a megabit per second."""
MAX_UPLOADS, MAX_OWN_UPLOADS = 8, 2
"""Simultaneous uploads of all and of one partner; each is held in memory until it is stored."""
MAX_BODY_BYTES = 1024 * 1024

Model = TypeVar("Model", bound=Input)


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """The part of the process that serves endpoints, with everything that a request needs."""

    database: Database
    clock: Clock
    language: Language
    config: FleetConfig
    downloads: Downloads = field(default_factory=Downloads)
    uploads: Slots = field(default_factory=lambda: Slots(MAX_UPLOADS, MAX_OWN_UPLOADS))

    def serve(self, endpoint: Endpoint) -> Handler:
        """Return the aiohttp handler of a declared endpoint."""

        async def handle(request: web.Request) -> web.StreamResponse:
            timeout_s = UPLOAD_TIMEOUT_S if is_upload(endpoint) else REQUEST_TIMEOUT_S
            async with asyncio.timeout(timeout_s) as deadline:
                return await self._respond(endpoint, request, deadline)

        return handle

    async def _respond(
        self, endpoint: Endpoint, request: web.Request, deadline: asyncio.Timeout
    ) -> web.StreamResponse:
        actor = None if endpoint.public else await self._authenticate(request)
        if endpoint.right is not None and actor is not None:
            _require(endpoint.right, actor)
        with self._take_slot(endpoint, actor):
            return await self._run_handler(endpoint, request, actor, deadline)

    def _acts(self, actor: Actor | None, language: Language) -> Acts:
        return Acts(self.database, self.clock, actor, language, self.config)

    def _take_slot(self, endpoint: Endpoint, actor: Actor | None) -> AbstractContextManager[None]:
        """Return a context that holds an upload slot if the endpoint takes a file, else nothing."""
        return self.uploads.take(_partner(actor)) if is_upload(endpoint) else nullcontext()

    async def _run_handler(
        self,
        endpoint: Endpoint,
        request: web.Request,
        actor: Actor | None,
        deadline: asyncio.Timeout,
    ) -> web.StreamResponse:
        query = read_query(endpoint.query, request)
        body = await read_body(endpoint.body, request) if endpoint.body else None
        language = language_of(request, self.language)
        acts = self._acts(actor, language)
        async with acts.read() if endpoint.reads_only else acts.transaction() as act:
            call = Call(
                act=act,
                acts=acts,
                address=_address(request),
                query=query,
                body=body,
                idempotency_key=_idempotency_key(request) if endpoint.repeatable else None,
            )
            reply = await endpoint.handle(call)
            if isinstance(reply, Download):
                headers = _file_headers(reply.name, language)
                whose = _partner(actor)
                return await self.downloads.send(request, reply, headers, deadline, whose)
            return _response(endpoint, reply, language)

    async def _authenticate(self, request: web.Request) -> Actor:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.isascii():
            raise NOT_SIGNED_IN()
        async with self._acts(None, self.language).read() as act:
            actor = await accounts.authenticate(act, token.strip(), _address(request))
        if actor is None:
            raise NOT_SIGNED_IN()
        structlog.contextvars.bind_contextvars(employee_id=actor.employee_id)
        return actor


def _partner(actor: Actor | None) -> int | None:
    return actor.partner_id if actor else None


def _file_headers(name: str, language: Language) -> dict[str, str]:
    return {
        "Content-Language": language.value,
        "Content-Disposition": f'attachment; filename="{name}"',
    }


def _response(endpoint: Endpoint, reply: BaseModel | None, language: Language) -> web.Response:
    headers = {"Content-Language": language.value}
    if isinstance(reply, Attachment):
        headers = _file_headers(reply.name, language)
        return web.Response(body=reply.content, content_type=reply.media_type, headers=headers)
    text = reply.model_dump_json(by_alias=True).encode() if reply else None
    return web.Response(
        body=text, status=endpoint.status, content_type="application/json", headers=headers
    )


def _idempotency_key(request: web.Request) -> str | None:
    """Return the header's value or None; refuse a repeated one and anything but visible ASCII."""
    given = request.headers.getall(IDEMPOTENCY_KEY, [])
    if any(re.fullmatch(r"[!-~]{1,64}", key) is None for key in given) or len(given) > 1:
        raise BAD_KEY()
    return given[0] if given else None


def _require(right: str, actor: Actor) -> None:
    if right in actor.rights:
        return
    role, needed = ROLE_NAMES[actor.role], granted_by_support(right)
    if needed is not None:
        raise RIGHT_OF_SUPPORT(role=role, right=RIGHT_NAMES[right], needed=ROLE_NAMES[needed])
    raise NO_RIGHT(role=role, right=RIGHT_NAMES[right])


def read_query(model: type[Model], request: web.Request) -> Model:
    """Return the parameters of the path and of the query string; refuse a repeated one."""
    given: dict[str, str] = {}
    for name, value in (*request.match_info.items(), *request.query.items()):
        if name in given:
            raise InvalidInput([FieldError(name, REPEATED, {})])
        given[name] = value
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise refuse_input(error) from None


async def read_body(model: type[Model], request: web.Request) -> Model:
    """Return the validated JSON body, read strictly, or the file that the body consists of."""
    if issubclass(model, Upload):
        return model(content=await read_upload(model, request))
    if request.content_type != "application/json":
        raise NOT_JSON()
    try:
        return model.model_validate_json(await request.read(), strict=True)
    except ValidationError as error:
        raise refuse_input(error) from None


async def read_upload(model: type[Upload], request: web.Request) -> bytes:
    """Return the uploaded file; refuse one that is too long as soon as that is known."""
    if request.content_type != "application/octet-stream":
        raise NOT_A_FILE()
    too_large = FILE_TOO_LARGE(max_bytes=model.max_bytes)
    if (request.content_length or 0) > model.max_bytes:
        raise too_large
    content = bytearray()
    async for chunk in request.content.iter_any():
        content += chunk
        if len(content) > model.max_bytes:
            raise too_large
    return bytes(content)


def _address(request: web.Request) -> str:
    return request.remote or ""
