"""Pydantic's validation errors as sentences for people, in both languages."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from fleet.kit.errors import DomainError, ErrorKind, FieldError, Refusal
from fleet.kit.language import BilingualText, Language

Model = TypeVar("Model", bound=BaseModel)

MAX_ERRORS = 20
"""The most errors listed in one answer; a body can contain thousands."""
MAX_FIELD_LENGTH = 100
MORE = BilingualText("больше", "more")
SECRET = "Value"
"""Pydantic's ``field_type`` of a secret text, whose length it reports in items."""


PATTERN_REFUSALS: dict[str, Refusal] = {}
"""A regular expression -> the refusal of a text that does not match it."""


def describe_pattern(pattern: str, ru: str, en: str) -> str:
    """Store the sentences for a text that does not match the pattern; return the pattern."""
    PATTERN_REFUSALS[pattern] = _invalid("wrong_pattern", ru, en)
    return pattern


def _invalid(code: str, ru: str, en: str) -> Refusal:
    return Refusal(ErrorKind.INVALID, code, ru, en)


INVALID_INPUT = _invalid(
    "invalid_input",
    "Поле «{field}»: {mistake} Исправьте и повторите; ничего не изменено.",
    "Field '{field}': {mistake} Correct it and try again; nothing was changed.",
)
BROKEN_JSON = Refusal(
    ErrorKind.BAD_REQUEST,
    "broken_json",
    "Запрос — не JSON: ошибка {error}. Отправьте один объект JSON в UTF-8.",
    "The request is not JSON: {error}. Send one JSON object in UTF-8.",
    field="body",
)
MISSING = _invalid("missing", "обязательное поле не заполнено.", "this field is required.")
UNKNOWN_FIELD = _invalid(
    "unknown_field", "такого поля нет, уберите его.", "there is no such field, remove it."
)
WRONG_TEXT = _invalid("wrong_type", "нужна строка.", "must be a string.")
WRONG_INTEGER = _invalid("wrong_type", "нужно целое число.", "must be an integer.")
WRONG_BOOLEAN = _invalid("wrong_type", "нужно true или false.", "must be true or false.")
WRONG_LIST = _invalid("wrong_type", "нужен список.", "must be a list.")
WRONG_OBJECT = _invalid("wrong_type", "нужен объект JSON.", "must be a JSON object.")
WRONG_MOMENT = _invalid(
    "wrong_moment",
    "нужны дата и время с часовым поясом, год — от 2000 до 2099, например "
    "2026-03-01T09:30:00+03:00.",
    "must be a date and time with a time zone, in the years 2000 to 2099, for example "
    "2026-03-01T09:30:00+03:00.",
)
WRONG_WALL_TIME = _invalid(
    "wrong_moment",
    "нужны дата и время без часового пояса, год — от 2000 до 2099, например 2026-03-01T09:30:00.",
    "must be a date and time without a time zone, in the years 2000 to 2099, for example "
    "2026-03-01T09:30:00.",
)
WRONG_DATE = _invalid(
    "wrong_date",
    "нужна дата, год — от 2000 до 2099, например 2026-03-01.",
    "must be a date in the years 2000 to 2099, for example 2026-03-01.",
)
REPEATED_VALUE = _invalid(
    "repeated_value", "значения не должны повторяться.", "values must not repeat."
)
NOT_PRINTABLE = _invalid(
    "not_printable",
    "касса не сможет напечатать один из символов: допустимы символы кодировки CP866.",
    "a register cannot print one of the characters: only those of CP866 are allowed.",
)
NOT_A_NAME = _invalid(
    "not_a_name",
    "имя — одна строка без управляющих символов и ссылок («://»).",
    "a name is one line without control characters and links ('://').",
)
WRONG_INN = _invalid(
    "wrong_inn",
    "контрольные цифры ИНН не сходятся, проверьте номер.",
    "the check digits of the INN do not match, check the number.",
)
NOT_A_COMMAND = _invalid(
    "not_a_command",
    "это не команда протокола KKT-PC. Сверьте её с описанием протокола.",
    "this is not a KKT-PC command ({why}). Check it against the protocol's description.",
)
COMMAND_REFUSED = _invalid(
    "command_refused",
    "команду «{name}» так отправить нельзя: она оформляет чек, меняет сумму наличных или входит "
    "в другую операцию. Уберите её.",
    "the command '{name}' cannot be sent this way: it makes a receipt, moves cash or belongs to "
    "another operation. Remove it.",
)
NOT_STORABLE = _invalid(
    "not_storable",
    "недопустимый символ или число (нулевой символ, неполный символ, NaN или число больше 64 бит).",
    "the character or number is not allowed (NUL, an incomplete character, NaN or a number over "
    "64 bits).",
)
NOT_AMONG_CHOSEN = _invalid(
    "wrong_choice",
    "система по умолчанию должна быть из выбранных: {expected}.",
    "the default system must be one of those chosen: {expected}.",
)
WRONG_CHOICE = _invalid(
    "wrong_choice", "допустимые значения: {expected}.", "allowed values: {expected}."
)
WRONG_VALUE = _invalid("wrong_value", "значение не подходит.", "the value does not fit ({msg}).")

SENTENCES: Mapping[str, Refusal] = MappingProxyType(
    {
        "missing": MISSING,
        "extra_forbidden": UNKNOWN_FIELD,
        "string_type": WRONG_TEXT,
        "int_type": WRONG_INTEGER,
        "int_parsing": WRONG_INTEGER,
        "int_parsing_size": WRONG_INTEGER,
        "int_from_float": WRONG_INTEGER,
        "bool_type": WRONG_BOOLEAN,
        "bool_parsing": WRONG_BOOLEAN,
        "list_type": WRONG_LIST,
        "tuple_type": WRONG_LIST,
        "dict_type": WRONG_OBJECT,
        "model_type": WRONG_OBJECT,
        "model_attributes_type": WRONG_OBJECT,
        "date_type": WRONG_DATE,
        "date_parsing": WRONG_DATE,
        "date_from_datetime_parsing": WRONG_DATE,
        "date_from_datetime_inexact": WRONG_DATE,
        "date_range": WRONG_DATE,
        "repeated_value": REPEATED_VALUE,
        "not_printable": NOT_PRINTABLE,
        "not_a_name": NOT_A_NAME,
        "inn": WRONG_INN,
        "command": NOT_A_COMMAND,
        "command_refused": COMMAND_REFUSED,
        "datetime_type": WRONG_MOMENT,
        "datetime_parsing": WRONG_MOMENT,
        "datetime_from_date_parsing": WRONG_MOMENT,
        "datetime_object_invalid": WRONG_MOMENT,
        "timezone_aware": WRONG_MOMENT,
        "moment_range": WRONG_MOMENT,
        "timezone_naive": WRONG_WALL_TIME,
        "wall_time_range": WRONG_WALL_TIME,
        "not_storable": NOT_STORABLE,
        "string_unicode": NOT_STORABLE,
        "enum": WRONG_CHOICE,
        "not_among_chosen": NOT_AMONG_CHOSEN,
        "literal_error": WRONG_CHOICE,
        "string_too_long": _invalid(
            "too_long",
            "не больше {max_length:символа|символов|символов}.",
            "at most {max_length:character|characters}.",
        ),
        "string_too_short": _invalid(
            "too_short",
            "не меньше {min_length:символа|символов|символов}.",
            "at least {min_length:character|characters}.",
        ),
        "too_long": _invalid(
            "too_many",
            "значений — не больше {max_length}, получено {actual_length}.",
            "at most {max_length:value|values}, got {actual_length}.",
        ),
        "too_short": _invalid(
            "too_few",
            "значений — не меньше {min_length}.",
            "at least {min_length:value|values}.",
        ),
        "less_than_equal": _invalid("too_great", "не больше {le}.", "at most {le}."),
        "less_than": _invalid("too_great", "меньше {lt}.", "less than {lt}."),
        "greater_than_equal": _invalid("too_small", "не меньше {ge}.", "at least {ge}."),
        "greater_than": _invalid("too_small", "больше {gt}.", "greater than {gt}."),
    }
)


class InvalidInput(DomainError):
    """A refusal of fields: its sentence describes the first, ``errors`` has all (at least one)."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(INVALID_INPUT, errors[0].field, {}, tuple(errors))

    def message(self, language: Language) -> str:
        first = self.errors[0]
        return self.refusal.message(language, field=first.field, mistake=first.message(language))


def read_input(model: type[Model], **given: object) -> Model:
    """Return the validated input of a command; refuse mistakes as in a request."""
    try:
        return model(**given)
    except ValidationError as error:
        raise refuse_input(error) from None


def refuse_input(error: ValidationError, within: str = "") -> DomainError:
    """Return the refusal of an input in which pydantic found errors.

    ``within`` is the field whose value the input is; it prefixes the names of the fields.
    """
    found = error.errors(include_url=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return BROKEN_JSON(error=_where(found[0]["ctx"]["error"]))
    return InvalidInput([_field_error(item, within) for item in found[:MAX_ERRORS]])


def _where(error: str) -> BilingualText:
    """Return the place of an error in JSON; the English text also describes the error."""
    found = re.search(r"line (\d+) column (\d+)$", error)
    if found is None:
        return BilingualText("в конце или в кодировке", error)
    return BilingualText(f"в строке {found[1]}, символ {found[2]}", error)


def _field_error(item: Any, within: str) -> FieldError:
    parts = [within, *map(str, item["loc"])] if within else map(str, item["loc"])
    field = ".".join(parts)[:MAX_FIELD_LENGTH] or "body"
    context: dict[str, Any] = {"msg": item["msg"], **item.get("ctx", {})}
    kind = item["type"]
    if context.get("field_type") == SECRET and kind in ("too_long", "too_short"):
        kind = f"string_{kind}"
    refusal = PATTERN_REFUSALS.get(context.get("pattern", "")) or SENTENCES.get(kind, WRONG_VALUE)
    return FieldError(field, refusal, context | _context_in_words(context))


def _context_in_words(context: Mapping[str, Any]) -> dict[str, object]:
    """Return the parameters that pydantic gives in English or not at all, as texts for people."""
    words: dict[str, object] = {}
    if "expected" in context:
        words["expected"] = context["expected"].replace("'", "").replace(" or ", ", ")
    if context.get("actual_length", 0) is None:
        words["actual_length"] = MORE
    return words
