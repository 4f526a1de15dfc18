"""Problem documents (RFC 9457): every refusal of the API in one form."""

from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import web
from pydantic import BaseModel, Field

from fleet.kit.errors import DomainError, ErrorKind
from fleet.kit.language import Language

CONTENT_TYPE = "application/problem+json"

STATUSES: Mapping[ErrorKind, int] = MappingProxyType(
    {
        ErrorKind.BAD_REQUEST: 400,
        ErrorKind.UNAUTHENTICATED: 401,
        ErrorKind.FORBIDDEN: 403,
        ErrorKind.NOT_FOUND: 404,
        ErrorKind.METHOD_NOT_ALLOWED: 405,
        ErrorKind.CONFLICT: 409,
        ErrorKind.TOO_LARGE: 413,
        ErrorKind.UNSUPPORTED_TYPE: 415,
        ErrorKind.INVALID: 422,
        ErrorKind.TOO_MANY_REQUESTS: 429,
        ErrorKind.INTERNAL: 500,
        ErrorKind.UNAVAILABLE: 503,
    }
)

TITLES: Mapping[ErrorKind, tuple[str, str]] = MappingProxyType(
    {
        ErrorKind.BAD_REQUEST: ("Запрос не читается", "Bad request"),
        ErrorKind.UNAUTHENTICATED: ("Требуется вход", "Sign-in required"),
        ErrorKind.FORBIDDEN: ("Недостаточно прав", "Not enough rights"),
        ErrorKind.NOT_FOUND: ("Не найдено", "Not found"),
        ErrorKind.METHOD_NOT_ALLOWED: ("Метод не поддерживается", "Method not allowed"),
        ErrorKind.CONFLICT: ("Действие сейчас невозможно", "Not possible now"),
        ErrorKind.TOO_LARGE: ("Слишком большой запрос", "Request too large"),
        ErrorKind.UNSUPPORTED_TYPE: (
            "Тип содержимого не поддерживается",
            "Unsupported content type",
        ),
        ErrorKind.INVALID: ("Неверные данные", "Invalid input"),
        ErrorKind.TOO_MANY_REQUESTS: ("Слишком много запросов", "Too many requests"),
        ErrorKind.INTERNAL: ("Ошибка сервера", "Server error"),
        ErrorKind.UNAVAILABLE: ("Сервис временно недоступен", "Service unavailable"),
    }
)


class FieldProblem(BaseModel):
    """The error of one field."""

    field: str
    code: str
    detail: str


class Problem(BaseModel):
    """The reason why a request was refused; a refused request changes nothing."""

    type: str = Field(description="URN of the code.")
    title: str = Field(description="The kind of the refusal, in the language of the answer.")
    status: int
    detail: str = Field(description="What is wrong and what to do, in the language of the answer.")
    code: str = Field(description="The refusal itself; does not change between versions.")
    field: str = Field(description="The input that it is about.")
    errors: list[FieldProblem] = Field(description="Every field refused; may be empty.")
    request_id: str = Field(description="To find the request in the server's log.")


def to_problem(error: DomainError, language: Language, request_id: str) -> Problem:
    ru, en = TITLES[error.kind]
    return Problem(
        type=f"urn:cash-server:problem:{error.code}",
        title=ru if language is Language.RU else en,
        status=STATUSES[error.kind],
        detail=error.message(language),
        code=error.code,
        field=error.field,
        errors=[
            FieldProblem(field=e.field, code=e.refusal.code, detail=e.message(language))
            for e in error.errors
        ],
        request_id=request_id,
    )


def to_response(error: DomainError, language: Language, request_id: str) -> web.Response:
    problem = to_problem(error, language, request_id)
    response = web.Response(
        body=problem.model_dump_json().encode(),
        status=problem.status,
        content_type=CONTENT_TYPE,
        headers={"Content-Language": language.value},
    )
    if "retry_after_s" in error.params:
        response.headers["Retry-After"] = str(error.params["retry_after_s"])
    if error.kind is ErrorKind.UNAUTHENTICATED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.kind is ErrorKind.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = str(error.params["allowed"])
    return response
