"""Rules of templates: values that fit a platform, and texts that a printer can print."""

import base64
from collections.abc import Mapping
from typing import Annotated, Final, Literal, NamedTuple
from unicodedata import category

from pydantic import Field

from fleet.kit.errors import FieldError
from fleet.templates.errors import (
    CONTENT_UNFIT,
    FIELD_NOT_ON_PLATFORM,
    FIELD_UNKNOWN,
    FIELD_VALUE,
    TEXT_UNPRINTABLE,
)
from fleet.templates.settings_table import BY_KEY, FieldKind, SettingField, Value
from protocol.kktpc.setting_types import SettingError
from protocol.kktpc.settings import SETTINGS, describe_allowed, parse
from protocol.kktpc.text import CP866, encode_cp866
from protocol.platforms import Platform
from protocol.templates import MAX_SIZE

MAX_TEXT_LENGTH: Final = 4000
MAX_CONTENT_CHARACTERS: Final = 4 * -(-MAX_SIZE // 3)

LINE_LENGTHS: Final[Mapping[int, int]] = {44: 24, 57: 32, 80: 48}
"""Width of the tape in mm -> characters of the usual font in a line.

АТОЛ 77Ф documents 48 characters of 576 dots on 80 mm; the narrower tapes have the same 12 dots for
a character: 384 dots on 57 mm, 288 on 44 mm.
"""

TapeWidth = Annotated[Literal[44, 57, 80], Field(description="Width of the tape, mm.")]
Content = Annotated[
    str, Field(min_length=1, max_length=MAX_CONTENT_CHARACTERS, description="The file in Base64.")
]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_LENGTH, description="What to print.")]


class SystemTemplate(NamedTuple):
    """A receipt template of platform 5.0: a part of its firmware that people can only see."""

    id: int
    name: str
    tape_width_mm: int


SYSTEM_TEMPLATES: Final = (
    SystemTemplate(-2, "Системный шаблон, 57 мм", 57),
    SystemTemplate(-1, "Системный шаблон, 80 мм", 80),
)
"""Their ids are below zero: no template of a partner has such an id."""


# ---- settings -----------------------------------------------------------------------------------


def value_errors(platform: Platform, values: Mapping[str, Value]) -> list[FieldError]:
    """Return the errors in the values of a settings template; an empty list if there are none."""
    found = (_value_error(platform, key, value) for key, value in values.items())
    return [mistake for mistake in found if mistake]


def to_settings(platform: Platform, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values of a checked template by the number of the setting.

    Raise ``ValueError`` for a value that has no code.
    """
    settings = {}
    for key, value in values.items():
        place = BY_KEY[key].by_platform[platform]
        code = place.convert(value)
        if code is None:
            raise ValueError(f"{key} of a template that was not checked")
        settings[str(place.number)] = code
    return settings


def _value_error(platform: Platform, key: str, value: Value) -> FieldError | None:
    where = f"values.{key}"
    field = BY_KEY.get(key)
    if field is None:
        return FieldError(where[:100], FIELD_UNKNOWN, {})
    setting = field.setting(platform)
    if setting is None:
        return FieldError(where, FIELD_NOT_ON_PLATFORM, {"platform": platform})
    code = _code(field, platform, value)
    try:
        if code is not None:
            parse(setting, code)
            return None
    except SettingError:
        pass
    return FieldError(where, FIELD_VALUE, allowed_values(field, platform))


def _code(field: SettingField, platform: Platform, value: Value) -> Value | None:
    """Return the setting's value; ``None`` for a value of a wrong kind or without a code."""
    if type(value) is not _TYPES[field.kind]:
        return None
    return field.by_platform[platform].convert(value)


_TYPES: Final = {
    FieldKind.TOGGLE: bool,
    FieldKind.CHOICE: str,
    FieldKind.NUMBER: int,
    FieldKind.PERCENT: int,
    FieldKind.TEXT: str,
}


def choices_on(field: SettingField, platform: Platform) -> list[str]:
    """Return the choices of the manual for which the platform's setting has a code."""
    place = field.by_platform.get(platform)
    return [] if place is None else [key for key in field.choices if place.convert(key) is not None]


def allowed_values(field: SettingField, platform: Platform) -> dict[str, object]:
    """Return the values that the field allows on the platform, in words: ``ru`` and ``en``."""
    listed = ", ".join(choices_on(field, platform))
    known: dict[FieldKind, tuple[str, str]] = {
        FieldKind.TOGGLE: ("true или false", "true or false"),
        FieldKind.CHOICE: (listed, listed),
        FieldKind.PERCENT: ("от 0 до 100", "0 to 100"),
    }
    words = describe_allowed(SETTINGS[platform][field.by_platform[platform].number])
    russian, english = known.get(field.kind, (words["ru"], words["en"]))
    return {"ru": russian, "en": english}


# ---- files and texts ----------------------------------------------------------------------------


def content_of(text: str) -> bytes:
    """Return the bytes of a file in Base64.

    Raise ``CONTENT_UNFIT`` if the text is not Base64, or the file is empty or too long.
    """
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError:
        content = b""
    if not 0 < len(content) <= MAX_SIZE:
        raise CONTENT_UNFIT(limit=MAX_SIZE)
    return content


def require_printable(text: str, platform: Platform) -> None:
    """Raise ``TEXT_UNPRINTABLE`` for a character that the platform cannot print.

    Line ends are allowed.
    """
    for position, character in enumerate(text, start=1):
        if character != "\n" and not _printable(character, platform):
            raise TEXT_UNPRINTABLE(
                platform=platform, position=position, code=f"U+{ord(character):04X}"
            )


def _printable(character: str, platform: Platform) -> bool:
    if platform is Platform.V2_5:
        return character in CP866.codes
    return not category(character).startswith("C")


def encode_text(text: str, platform: Platform) -> bytes:
    """Return a printable text as bytes for a register: CP866 on platform 2.5, UTF-8 on 5.0.

    Lines end in LF.
    """
    if platform is Platform.V5_0:
        return text.encode()
    return b"\n".join(encode_cp866(line) for line in text.split("\n"))


def preview(text: str, tape_width_mm: int) -> list[str]:
    """Return the lines as the printer breaks them: at the tape's width, even within a word."""
    length = LINE_LENGTHS[tape_width_mm]
    return [piece for line in text.split("\n") for piece in _pieces(line, length)]


def _pieces(line: str, length: int) -> list[str]:
    return [line[start : start + length] for start in range(0, len(line) or 1, length)]
