"""How a feature declares its endpoints; ``admin_api`` serves them and documents them.

An endpoint is one function and one line above it::

    @endpoint("POST", "/registers/enrol", right=Right.REGISTERS)
    async def enrol(call: Call[Nothing, SerialList]) -> Verdicts:
        \"\"\"Add registers to the cabinet by their serial numbers.\"\"\"
        return ...

The types of the signature are the contract: they validate the input, shape the answer and make
the OpenAPI document; the first paragraph of the docstring is the summary, the rest the
description.  The edge opens the transaction (for GET a read) before the handler and commits it
after; a handler holds no SQL.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from inspect import cleandoc
from typing import Any, ClassVar, Final, Generic, TypeVar, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.acts import Acts
from fleet.kit.config import FleetConfig
from fleet.kit.errors import ErrorKind, Refusal
from fleet.kit.input import Input
from fleet.kit.language import Language

PREFIX = "/api/v1"

IDEMPOTENCY_KEY = "Idempotency-Key"

NOT_SIGNED_IN = Refusal(
    ErrorKind.UNAUTHENTICATED,
    "not_signed_in",
    ru="Войдите заново: вход не выполнен, истёк или завершён. Для API: получите токен через POST "
    "/api/v1/sign-in и передайте его в заголовке Authorization: Bearer <token>.",
    en="Sign in: your sign-in has expired or was ended. For the API: get a token from POST "
    "/api/v1/sign-in and send it in the header Authorization: Bearer <token>.",
    field="Authorization",
)

Query = TypeVar("Query", bound=Input)
Body = TypeVar("Body", bound=Input | None)


@dataclass(frozen=True, slots=True)
class Call(Generic[Query, Body]):
    """One request, as its handler sees it.

    ``query`` holds the parameters of the path and of the query string, ``body`` the JSON or the
    file (``Upload``).
    ``act`` is the request's, inside its transaction; ``acts`` opens more of them.
    """

    act: Act
    acts: Acts
    address: str
    query: Query
    body: Body
    idempotency_key: str | None = None
    """Names the request when it is sent again; read where the endpoint is ``repeatable``."""

    @property
    def db(self) -> AsyncSession:
        return self.act.db

    @property
    def language(self) -> Language:
        return self.act.language

    @property
    def config(self) -> FleetConfig:
        return self.act.config

    @property
    def actor(self) -> Actor:
        """The employee who asks; only a public endpoint can be without one."""
        return self.act.actor


class Attachment(BaseModel):
    """A reply that is a file, not JSON of ours."""

    name: str
    media_type: str
    content: bytes


class Upload(Input):
    """A body that is a file, sent as it is under ``application/octet-stream``.

    ``max_bytes``: a longer one is refused before it is read, or while it is.
    """

    max_bytes: ClassVar[int]

    content: bytes


class Download(BaseModel):
    """A reply that is a file too long for memory; ``pieces`` are made as the peer takes them,
    inside the request's transaction."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    media_type: str
    pieces: AsyncGenerator[bytes, None]


FILES: Final[tuple[type[BaseModel], ...]] = (Attachment, Download)
"""Replies that are not JSON."""

Handle = Callable[[Any], Awaitable[BaseModel | None]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A declared endpoint.  ``path`` begins after ``PREFIX``; its ``{names}`` are in ``query``.

    ``right``: what the employee must have; None = being signed in is enough.
    ``public``: no sign-in.  ``reply`` None = an empty 204.  ``own_transactions``: something slow
    stands between looking and writing, so the handler opens short ones through ``call.acts``.
    ``repeatable``: takes the header ``Idempotency-Key``.  ``files``: the media types that a reply
    of ``FILES`` may have.
    """

    method: str
    path: str
    name: str
    handle: Handle
    summary: str
    description: str
    feature: str
    query: type[Input]
    body: type[Input] | None
    reply: type[BaseModel] | None
    right: StrEnum | None
    public: bool
    status: int
    own_transactions: bool
    repeatable: bool
    files: tuple[str, ...]

    @property
    def reads_only(self) -> bool:
        return self.method == "GET" or self.own_transactions


def is_upload(endpoint: Endpoint) -> bool:
    """Whether the body is a file and not JSON."""
    return endpoint.body is not None and issubclass(endpoint.body, Upload)


def endpoint(
    method: str,
    path: str,
    *,
    right: StrEnum | None = None,
    public: bool = False,
    status: int = 200,
    own_transactions: bool = False,
    repeatable: bool = False,
    files: Iterable[str] = (),
) -> Callable[[Handle], Endpoint]:
    """Declare a handler ``async (call: Call[Query, Body]) -> Reply | None`` as an endpoint."""

    def declare(handle: Handle) -> Endpoint:
        hints = get_type_hints(handle)
        query, body = get_args(hints["call"])
        reply = hints["return"] if hints["return"] is not type(None) else None
        summary, _, description = cleandoc(handle.__doc__ or "").partition("\n\n")
        return Endpoint(
            method=method,
            path=path,
            name=handle.__name__,
            handle=handle,
            summary=" ".join(summary.split()).rstrip("."),
            description=" ".join(description.split()),
            feature=handle.__module__.split(".")[-2],
            query=query,
            body=None if body is type(None) else body,
            reply=reply,
            right=right,
            public=public,
            status=status if reply else 204,
            own_transactions=own_transactions,
            repeatable=repeatable,
            files=tuple(files),
        )

    return declare
