"""Refusals: the reasons why the fleet does not carry out a request.

Each feature has its own table of ``Refusal`` constants (``<feature>/errors.py``).  A refusal's
sentence says, in Russian and in English, what is wrong and what to do.  It may name parameters in
braces; ``wording`` inflects numbers and writes durations in words.  To stop a request, raise a
refusal: ``raise REGISTER_NOT_FOUND(serial_number=serial)``.  For a verdict inside a reply, render
its sentence: ``refusal.message(language, **params)``.
"""

from dataclasses import dataclass
from enum import StrEnum

from fleet.kit.language import BilingualText, Language
from fleet.kit.wording import fill


class ErrorKind(StrEnum):
    """The kind of a refusal, which determines the HTTP status."""

    BAD_REQUEST = "bad_request"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    INVALID = "invalid"
    TOO_MANY_REQUESTS = "too_many_requests"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TOO_LARGE = "too_large"
    UNSUPPORTED_TYPE = "unsupported_type"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason to refuse: a stable code and its sentences in both languages.

    ``field`` is the input at fault unless the code that raises the refusal names another one.
    """

    kind: ErrorKind
    code: str
    ru: str
    en: str
    field: str = ""

    def __call__(self, *, field: str = "", **params: object) -> "DomainError":
        return DomainError(self, field or self.field, params)

    def message(self, language: Language, **params: object) -> str:
        """Return the sentence; raise ``KeyError`` when a parameter that it names is missing.

        A ``BilingualText`` among the parameters appears in the sentence's language.
        """
        return fill(BilingualText(self.ru, self.en), language, params)


@dataclass(frozen=True, slots=True)
class FieldError:
    """The error of one input; ``field`` is a dotted path (``serial_numbers.3``)."""

    field: str
    refusal: Refusal
    params: dict[str, object]

    def message(self, language: Language) -> str:
        return self.refusal.message(language, **self.params)


class DomainError(Exception):
    """A refusal that is raised to the caller; its transaction is rolled back.

    A parameter ``retry_after_s`` is also sent as the ``Retry-After`` header.
    """

    def __init__(
        self,
        refusal: Refusal,
        field: str,
        params: dict[str, object],
        errors: tuple[FieldError, ...] = (),
    ) -> None:
        super().__init__(refusal.code)
        self.refusal, self.field, self.params, self.errors = refusal, field, params, errors

    @property
    def kind(self) -> ErrorKind:
        return self.refusal.kind

    @property
    def code(self) -> str:
        return self.refusal.code

    def message(self, language: Language) -> str:
        return self.refusal.message(language, **self.params)
