"""The middleware of every request: its number, its log line, its refusal as a problem document."""

import re
import secrets
import time
from collections.abc import Mapping
from types import MappingProxyType

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from fleet.kit.errors import DomainError
from fleet.kit.forwarded import HEADER, Networks, origin_address
from fleet.kit.language import Language, negotiate
from fleet.web.errors import (
    BAD_HTTP,
    BROKEN_BODY,
    BUSY,
    INTERNAL_ERROR,
    METHOD_NOT_ALLOWED,
    NO_SUCH_PATH,
)
from fleet.web.errors import TOO_LARGE as TOO_LARGE_BODY
from fleet.web.problems import to_response
from fleet.web.unread import drop_body

REQUEST_ID = "X-Request-Id"
RETRY_AFTER_S = 5
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

# 40001 serialization failure, 40P01 deadlock, 55P03 lock not available, 57014 statement cancelled,
# 57P01..57P03 the server is going down or coming up, 53300 too many connections (PostgreSQL)
TRANSIENT_SQLSTATES = frozenset(
    {"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "53300"}
)

SECURITY_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }
)

log = structlog.get_logger(__name__)


def language_of(request: web.Request, default: Language) -> Language:
    return negotiate(request.headers.get("Accept-Language", ""), default)


def request_middleware(default_language: Language, max_body: int, proxies: Networks) -> Middleware:
    """Return the outermost middleware of the application.

    Inside it ``request.remote`` is the client's address, also behind the trusted ``proxies``.
    """

    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        request = request.clone(remote=_remote_address(request, proxies))
        request_id = _request_id(request)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        code = ""
        try:
            response = await handler(request)
        except Exception as error:  # whatever it was, the client gets a problem document
            refusal = _to_refusal(error, request_id, max_body)
            code = refusal.code
            response = to_response(refusal, language_of(request, default_language), request_id)
            if refusal.refusal is BROKEN_BODY:
                response.force_close()  # it is unknown where the next request begins
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers[REQUEST_ID] = request_id
        await drop_body(request, response)
        _log_line(request, response, code, began)
        return response

    return around


def _remote_address(request: web.Request, proxies: Networks) -> str:
    return origin_address(request.remote or "", request.headers.getall(HEADER, ()), proxies)


def _request_id(request: web.Request) -> str:
    given = request.headers.get(REQUEST_ID, "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _to_refusal(error: Exception, request_id: str, max_body: int) -> DomainError:
    """Return the refusal for an exception; log an unexpected one with its traceback."""
    match error:
        case DomainError():
            return error
        case web.HTTPNotFound():
            return NO_SUCH_PATH()
        case web.HTTPMethodNotAllowed():
            return METHOD_NOT_ALLOWED(allowed=", ".join(sorted(error.allowed_methods)))
        case web.HTTPRequestEntityTooLarge():
            return TOO_LARGE_BODY(max_bytes=max_body)
        case web.RequestPayloadError():
            return BROKEN_BODY()
        case web.HTTPException() if error.status < 500:
            return BAD_HTTP(status=error.status)
    if _is_transient(error):
        log.warning("request_not_served", error=type(error).__name__)
        return BUSY(retry_after_s=RETRY_AFTER_S)
    log.error("request_failed", exc_info=error)
    return INTERNAL_ERROR(request_id=request_id)


def _is_transient(error: Exception) -> bool:
    """Tell whether the error is temporary: overload, a lost or locked database."""
    if isinstance(error, TimeoutError | PoolTimeoutError | ConnectionError):
        return True
    if isinstance(error, OperationalError | InterfaceError):
        return True
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated or getattr(error.orig, "sqlstate", None) in TRANSIENT_SQLSTATES
    )


def _log_line(request: web.Request, response: web.StreamResponse, code: str, began: float) -> None:
    resource = request.match_info.route.resource
    log.info(
        "http_request",
        method=request.method,
        path=resource.canonical if resource else "",
        status=response.status,
        code=code,
        ms=round((time.perf_counter() - began) * 1000, 1),
        address=request.remote,
    )


async def hide_server_version(_request: web.Request, response: web.StreamResponse) -> None:
    """Replace the ``Server`` header (in ``on_response_prepare``), so that it tells no versions."""
    response.headers["Server"] = "cash-server"
