"""Models of input from people and programs.

Every model of external input derives from ``Input``, which refuses unknown fields and values that
a database cannot store.  JSON bodies are read strictly (the text ``"5"`` is not a number); query
strings consist of text, so their values are converted.
"""

import math
from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NaiveDatetime,
    SecretStr,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from fleet.kit.validation import describe_pattern

MAX_INTEGER = 2**63
MIN_PASSWORD, MAX_PASSWORD = 8, 128
YEARS = range(2000, 2100)
"""The years that are accepted.  Times outside are mistakes; some would overflow in another zone."""


class Input(BaseModel):
    """The base of all models of external input."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    # It runs after the field's own validation: a validator before it would make pydantic treat the
    # value as strict Python input, in which a text is neither a time nor an enum member.
    @field_validator("*")
    @classmethod
    def _storable(cls, value: object) -> object:
        if not is_storable(value):
            raise PydanticCustomError("not_storable", "a value that cannot be stored")
        return value


def is_storable(value: object) -> bool:
    """Tell whether both databases can store everything inside ``value`` (JSON-like).

    PostgreSQL allows no NUL in texts, a lone surrogate has no UTF-8 form, JSON has no NaN, and
    integers are limited to 64 bits.
    """
    if isinstance(value, int):
        return abs(value) < MAX_INTEGER
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, SecretStr):
        return is_storable(value.get_secret_value())
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, dict):
        return all(is_storable(key) and is_storable(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(is_storable(item) for item in value)
    return True


def _to_utc(moment: datetime) -> datetime:
    if moment.year not in YEARS:
        raise PydanticCustomError("moment_range", "the year is outside 2000..2099")
    return moment.astimezone(UTC)


Moment = Annotated[
    AwareDatetime,
    AfterValidator(_to_utc),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": "^20[0-9]{2}-"}),
]
"""A time with a time zone, years 2000 to 2099; converted to UTC."""


_WALL_TIME = (
    r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"
)


def _in_years(wall_time: datetime) -> datetime:
    if wall_time.year not in YEARS:
        raise PydanticCustomError("wall_time_range", "the year is outside 2000..2099")
    return wall_time


WallTime = Annotated[
    NaiveDatetime,
    AfterValidator(_in_years),
    # Pydantic would say ``date-time``, which is a time with a zone (RFC 3339).
    WithJsonSchema({"type": "string", "format": "date-time-local", "pattern": _WALL_TIME}),
]
"""A local date and time without a time zone, years 2000 to 2099."""

VISIBLE = describe_pattern(
    r"\S",
    "нужен хотя бы один видимый символ.",
    "must have at least one visible character.",
)
SERIAL_PATTERN = describe_pattern(
    r"^[0-9]{14}$",
    "нужен заводской номер — 14 цифр.",
    "must be a serial number: 14 digits.",
)
HEX_PATTERN = describe_pattern(
    r"^([0-9A-Fa-f]{2})+$",
    "нужны шестнадцатеричные цифры без пробелов, например 3f01.",
    "must be hexadecimal digits without spaces, for example 3f01.",
)

SerialText = Annotated[
    str,
    Field(pattern=SERIAL_PATTERN, description="Serial number: 14 digits, 001 and the model code."),
]


class Nothing(Input):
    """The query of an endpoint without parameters: no fields at all."""
