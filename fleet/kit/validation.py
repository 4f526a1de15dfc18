"""Mistakes that pydantic finds, in the words of this project, in both languages."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from fleet.kit.errors import DomainError, ErrorKind, FieldError, Refusal
from fleet.kit.language import BilingualText, Language

Model = TypeVar("Model", bound=BaseModel)

MAX_ERRORS = 20
"""Mistakes listed in one answer; a body can hold thousands of them."""
MAX_FIELD_LENGTH = 100
MORE = BilingualText("больше", "more")
SECRET = "Value"
"""Pydantic's name for a secret text, whose characters it calls items."""


PATTERN_REFUSALS: dict[str, Refusal] = {}
"""Pattern -> what to say of a text that does not match it: of every one that people can meet."""


def describe_pattern(pattern: str, ru: str, en: str) -> str:
    """A pattern with words for people, who cannot read it."""
    PATTERN_REFUSALS[pattern] = _invalid("wrong_pattern", ru, en)
    return pattern


def _invalid(code: str, ru: str, en: str) -> Refusal:
    return Refusal(ErrorKind.INVALID, code, ru, en)


INVALID_INPUT = _invalid(
    "invalid_input",
    "Поле «{field}»: {mistake} Исправьте и повторите; ничего не изменено.",
    "Field '{field}': {mistake} Correct it and repeat; nothing was changed.",
)
BROKEN_JSON = Refusal(
    ErrorKind.BAD_REQUEST,
    "broken_json",
    "Тело запроса не читается как JSON ({error}). Пришлите один объект JSON в UTF-8.",
    "The body cannot be read as JSON ({error}). Send one JSON object in UTF-8.",
    field="body",
)
MISSING = _invalid("missing", "обязательное поле не задано.", "the field is required.")
UNKNOWN_FIELD = _invalid(
    "unknown_field", "такого поля нет, уберите его.", "there is no such field, remove it."
)
WRONG_TEXT = _invalid("wrong_type", "нужна строка.", "a string is needed.")
WRONG_INTEGER = _invalid("wrong_type", "нужно целое число.", "an integer is needed.")
WRONG_BOOLEAN = _invalid("wrong_type", "нужно true или false.", "true or false is needed.")
WRONG_LIST = _invalid("wrong_type", "нужен список.", "a list is needed.")
WRONG_OBJECT = _invalid("wrong_type", "нужен объект JSON.", "a JSON object is needed.")
WRONG_MOMENT = _invalid(
    "wrong_moment",
    "нужны дата и время с часовым поясом между 2000 и 2099 годами, "
    "например 2026-03-01T09:30:00+03:00.",
    "a date and time with a time zone between 2000 and 2099 is needed, "
    "for example 2026-03-01T09:30:00+03:00.",
)
WRONG_WALL_TIME = _invalid(
    "wrong_moment",
    "нужны дата и время без часового пояса между 2000 и 2099 годами, например 2026-03-01T09:30:00.",
    "a date and time without a time zone between 2000 and 2099 is needed, "
    "for example 2026-03-01T09:30:00.",
)
WRONG_DATE = _invalid(
    "wrong_date",
    "нужна дата между 2000 и 2099 годами, например 2026-03-01.",
    "a date between 2000 and 2099 is needed, for example 2026-03-01.",
)
REPEATED_VALUE = _invalid(
    "repeated_value", "значения не должны повторяться.", "no value may be given twice."
)
NOT_PRINTABLE = _invalid(
    "not_printable",
    "есть символ, которого ККТ не печатает (их набор — CP866).",
    "a character that a register does not print (they are those of CP866).",
)
NOT_A_NAME = _invalid(
    "not_a_name",
    "имя — это одна строка видимых знаков, без управляющих символов и ссылок («://»).",
    "a name is one line of visible characters, without control characters and links ('://').",
)
WRONG_INN = _invalid(
    "wrong_inn",
    "не сходятся контрольные цифры ИНН, проверьте номер.",
    "the check digits of the ИНН do not agree, check the number.",
)
NOT_A_COMMAND = _invalid(
    "not_a_command",
    "это не команда KKT-PC ({why}). Сверьте с описанием протокола.",
    "this is not a KKT-PC command ({why}). Compare it with the protocol.",
)
COMMAND_REFUSED = _invalid(
    "command_refused",
    "команду {name} так отправить нельзя: она оформляет чек, двигает деньги или входит в другую "
    "операцию. Уберите её.",
    "the command {name} may not be sent so: it makes a receipt, moves money or belongs to another "
    "operation. Remove it.",
)
NOT_STORABLE = _invalid(
    "not_storable",
    "недопустимый символ или число (нулевой символ, половина символа, NaN, больше 64 бит).",
    "a character or number that is not allowed (NUL, half a character, NaN, over 64 bits).",
)
WRONG_CHOICE = _invalid(
    "wrong_choice", "допустимо только: {expected}.", "only these fit: {expected}."
)
WRONG_VALUE = _invalid(
    "wrong_value", "значение не подходит ({msg}).", "the value does not fit ({msg})."
)

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
        "literal_error": WRONG_CHOICE,
        "string_too_long": _invalid(
            "too_long",
            "символов должно быть не больше {max_length}.",
            "at most {max_length} characters.",
        ),
        "string_too_short": _invalid(
            "too_short",
            "символов должно быть не меньше {min_length}.",
            "at least {min_length} character(s).",
        ),
        "too_long": _invalid(
            "too_many",
            "значений должно быть не больше {max_length}, прислано {actual_length}.",
            "at most {max_length} values, {actual_length} were sent.",
        ),
        "too_short": _invalid(
            "too_few",
            "значений должно быть не меньше {min_length}.",
            "at least {min_length} value(s).",
        ),
        "less_than_equal": _invalid("too_great", "не больше {le}.", "at most {le}."),
        "less_than": _invalid("too_great", "меньше {lt}.", "less than {lt}."),
        "greater_than_equal": _invalid("too_small", "не меньше {ge}.", "at least {ge}."),
        "greater_than": _invalid("too_small", "больше {gt}.", "greater than {gt}."),
    }
)


class InvalidInput(DomainError):
    """Refused fields: the sentence tells of the first, ``errors`` of each (at least one)."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(INVALID_INPUT, errors[0].field, {}, tuple(errors))

    def message(self, language: Language) -> str:
        first = self.errors[0]
        return self.refusal.message(language, field=first.field, mistake=first.message(language))


def read_input(model: type[Model], **given: object) -> Model:
    """The input of a command line; its mistakes are refused as those of a request are."""
    try:
        return model(**given)
    except ValidationError as error:
        raise refuse_input(error) from None


def refuse_input(error: ValidationError, within: str = "") -> DomainError:
    """The refusal of an input in which pydantic found mistakes.

    ``within`` is the field that the input itself was the value of.
    """
    found = error.errors(include_url=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return BROKEN_JSON(error=_where(found[0]["ctx"]["error"]))
    return InvalidInput([_field_error(item, within) for item in found[:MAX_ERRORS]])


def _where(error: str) -> BilingualText | str:
    """The place of a mistake in JSON; in English also the mistake."""
    found = re.search(r"line (\d+) column (\d+)$", error)
    return BilingualText(f"строка {found[1]}, знак {found[2]}", error) if found else error


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
    """What pydantic puts in English, or not at all."""
    words: dict[str, object] = {}
    if "expected" in context:
        words["expected"] = context["expected"].replace("'", "").replace(" or ", ", ")
    if context.get("actual_length", 0) is None:
        words["actual_length"] = MORE
    return words
