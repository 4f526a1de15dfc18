"""Declarations of a feature's endpoints; ``admin_api`` serves and documents them.

An endpoint is a function with a decorator::

    @endpoint("POST", "/registers/enrol", right=Right.REGISTERS)
    async def enrol(call: Call[Nothing, SerialList]) -> Verdicts:
        \"\"\"Add registers to the cabinet by their serial numbers.\"\"\"
        return ...

The types of the signature are the contract: the input is validated with them, the answer and the
OpenAPI document are made from them.  The docstring's first paragraph is the summary in that
document, the rest is the description.  The HTTP edge opens the transaction (for GET a read-only
one) before the handler and commits it afterwards; a handler contains no SQL.
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
    file (``Upload``).  ``act`` is inside the request's transaction; ``acts`` opens other ones.
    """

    act: Act
    acts: Acts
    address: str
    query: Query
    body: Body
    idempotency_key: str | None = None
    """The key under which a repeated request is recognised, if the endpoint is ``repeatable``."""

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
        """Return the calling employee; raise ``RuntimeError`` if nobody has signed in."""
        return self.act.actor


class Attachment(BaseModel):
    """A reply that is a file instead of JSON."""

    name: str
    media_type: str
    content: bytes


class Upload(Input):
    """A request body that is a file, sent unchanged as ``application/octet-stream``.

    A file longer than ``max_bytes`` is refused before or while it is read.
    """

    max_bytes: ClassVar[int]

    content: bytes


class Download(BaseModel):
    """A reply that is a file too long to hold in memory.

    ``pieces`` are produced as fast as the client reads them, inside the request's transaction.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    media_type: str
    pieces: AsyncGenerator[bytes, None]


FILES: Final[tuple[type[BaseModel], ...]] = (Attachment, Download)
"""The types of replies that are not JSON."""

Handle = Callable[[Any], Awaitable[BaseModel | None]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A declared endpoint.

    ``path`` begins after ``PREFIX``; its ``{names}`` are fields of ``query``.  ``right``: the right
    that the employee must have; None = being signed in is enough.  ``public``: no sign-in is
    needed.  ``reply`` None = an empty 204.  ``own_transactions``: the handler does something slow
    between reading and writing, so it opens short transactions through ``call.acts``.
    ``repeatable``: the header ``Idempotency-Key`` is accepted.  ``files``: the media types that a
    reply of one of the types in ``FILES`` may have.
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
    """Tell whether the request body is a file instead of JSON."""
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
