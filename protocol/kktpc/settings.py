"""Settings of a register: lookup, validation of values, and their bytes on the wire.

Platform 2.5 keeps settings in cells of tables (`encode_cell`, `decode_cell`; KKT-PC 3.1 and 4);
platform 5.0 addresses them by number (`encode_value`, `decode_value`).  Its own protocol is not
public, so these bytes are our design.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address
from typing import Any
from unicodedata import category

from construct import Byte, GreedyString, Int32sb
from construct import Mapping as Mapped

from protocol import fields
from protocol.errors import RemoteError
from protocol.kktpc import settings_2_5, settings_5_0
from protocol.kktpc.setting_types import (
    Cell,
    CellForm,
    Setting,
    SettingError,
    SettingFault,
    SettingKind,
    SettingValue,
)
from protocol.kktpc.text import (
    CP866,
    INTERNAL,
    Language,
    cp866_to_internal,
    decode_internal,
    encode_cp866,
)
from protocol.platforms import Platform

SETTINGS: dict[Platform, dict[int, Setting]] = {
    Platform.V2_5: {setting.number: setting for setting in settings_2_5.SETTINGS},
    Platform.V5_0: {setting.number: setting for setting in settings_5_0.SETTINGS},
}
_MAX_NUMBER_CELL = 8  # bytes; the widest known number takes 4

# ---- lookup -------------------------------------------------------------------------------------

_NUMBER = re.compile("[0-9]{1,5}")
# Т19Р1П9 in either alphabet (a Latin P often stands for Р or П), T19R1F9, 19.1.9
_CELL = re.compile(
    r"(?:[ТT]([0-9]{1,3})[РRP]([0-9]{1,5})[ПFP]([0-9]{1,3})"
    r"|([0-9]{1,3})\.([0-9]{1,5})\.([0-9]{1,3}))",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096, typed=True)
def find(platform: Platform, key: str | int) -> Setting:
    """Return the setting of that number or, on platform 2.5, of that cell.

    Raise SettingError if there is none or the cell holds several.
    """
    written = str(key).strip()
    if _NUMBER.fullmatch(written):
        found = [s for s in (SETTINGS[platform].get(int(written)),) if s]
    elif match := _CELL.fullmatch(written):
        cell = Cell(*(int(part) for part in match.groups() if part))
        found = [s for s in SETTINGS[platform].values() if s.cell == cell]
    else:
        found = []
    if len(found) > 1:
        numbers = ", ".join(str(setting.number) for setting in found)
        raise SettingError(SettingFault.AMBIGUOUS, written, {"ru": numbers, "en": numbers})
    if not found:
        raise SettingError(SettingFault.UNKNOWN, written[:40])
    return found[0]


# ---- validation ---------------------------------------------------------------------------------


def parse(setting: Setting, value: SettingValue) -> SettingValue:
    """Return the value in the type of the setting's kind (see SettingKind).

    "1" is accepted for 1 or True; passwords get their leading zeros, an empty address is 0.0.0.0.
    Raise SettingError, which names the allowed values.
    """
    parsed = _PARSERS[setting.kind](setting, value)
    if parsed is None:
        raise SettingError(SettingFault.VALUE, setting.number, describe_allowed(setting))
    return parsed


def describe_allowed(setting: Setting) -> dict[Language, str]:
    """Return a description of the values that `parse` accepts, for people."""
    if setting.choices:
        labels = "; ".join(f"{code} — {label}" for code, label in setting.choices.items())
        return {"ru": labels, "en": ", ".join(map(str, setting.choices))}
    if setting.ranges:
        return {
            "ru": " или ".join(f"от {low} до {high}" for low, high in setting.ranges),
            "en": " or ".join(f"{low} to {high}" for low, high in setting.ranges),
        }
    russian, english = _TEXTS_ALLOWED[setting.form]
    return {
        "ru": russian.format(setting.max_length),
        "en": english.format(setting.max_length),
    }


_TEXTS_ALLOWED = {
    CellForm.TEXT: (
        "текст до {} символов, которые поддерживает касса",
        "text of at most {} characters that the register supports",
    ),
    CellForm.DIGITS: ("от 1 до {} цифр", "1 to {} digits"),
    CellForm.ADDRESS: ("адрес IPv4", "an IPv4 address"),
    CellForm.CABINET: (
        "«узел» или «узел/путь» латиницей, до {} символов",
        "'host' or 'host/path' in ASCII, at most {} characters",
    ),
}
_BOOLS = {"0": False, "1": True, "false": False, "true": True}
_INTEGER = re.compile("-?[0-9]{1,10}")
_CABINET = re.compile("(?:[!-.0-~]+(?:/[!-~]*)?)?")


def _parse_bool(_: Setting, value: SettingValue) -> bool | None:
    return _BOOLS.get(str(value).lower())


def _parse_integer(value: SettingValue) -> int | None:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _parse_choice(setting: Setting, value: SettingValue) -> int | None:
    number = _parse_integer(value)
    return number if number in setting.choices else None


def _parse_ranged(setting: Setting, value: SettingValue) -> int | None:
    number = _parse_integer(value)
    if number is None or not any(low <= number <= high for low, high in setting.ranges):
        return None
    return number


def _parse_string(setting: Setting, value: SettingValue) -> str | None:
    return _STRING_PARSERS[setting.form](setting, value) if isinstance(value, str) else None


def _parse_text(setting: Setting, value: str) -> str | None:
    fits = len(value) <= setting.max_length and all(
        _IS_ENCODABLE[setting.platform](c) for c in value
    )
    return value if fits else None


def _parse_digits(setting: Setting, value: str) -> str | None:
    if not re.fullmatch(f"[0-9]{{1,{setting.max_length}}}", value):
        return None
    return value.zfill(setting.max_length)


def _parse_address(_: Setting, value: str) -> str | None:
    try:
        return str(IPv4Address(value or 0))
    except ValueError:
        return None


def _parse_cabinet(setting: Setting, value: str) -> str | None:
    fits = _CABINET.fullmatch(value) and len(_cabinet_bytes(value)) <= setting.max_length
    return value if fits else None


# Platform 2.5 accepts a text in one code page and returns it in another: both need the character.
_IS_ENCODABLE: dict[Platform, Callable[[str], bool]] = {
    Platform.V2_5: lambda character: character in CP866.codes and character in INTERNAL.codes,
    Platform.V5_0: lambda character: not category(character).startswith("C"),
}
_PARSERS: dict[SettingKind, Callable[[Setting, SettingValue], SettingValue | None]] = {
    SettingKind.BOOL: _parse_bool,
    SettingKind.LIST: _parse_choice,
    SettingKind.INT: _parse_ranged,
    SettingKind.COLOR: _parse_ranged,
    SettingKind.STRING: _parse_string,
}
_STRING_PARSERS: dict[CellForm, Callable[[Setting, str], str | None]] = {
    CellForm.TEXT: _parse_text,
    CellForm.DIGITS: _parse_digits,
    CellForm.ADDRESS: _parse_address,
    CellForm.CABINET: _parse_cabinet,
}

# ---- cells of platform 2.5 ----------------------------------------------------------------------


def cell_length(setting: Setting) -> int:
    """Return the bytes of the cell, as far as the table of settings lets them be inferred.

    The true length is that of the register's answer to `read_table`.
    """
    _require_cell(setting)
    if setting.form is CellForm.NUMBER:
        largest = max(*setting.choices, *(high for _, high in setting.ranges), 1)
        return (largest.bit_length() + 7) // 8
    lengths = {CellForm.BIT: 1, CellForm.ADDRESS: 4, CellForm.DIGITS: (setting.max_length + 1) // 2}
    return lengths.get(setting.form, setting.max_length)


def encode_cell(setting: Setting, value: SettingValue, length: int, current: bytes = b"") -> bytes:
    """Return the `length` bytes to write.

    `length` and `current` come from the last answer to `read_table`; `current` matters only if
    settings share the cell. Raise SettingError if the value is not allowed, does not fit, or the
    setting has no cell.
    """
    _require_cell(setting)
    parsed = parse(setting, value)
    try:
        if length < 1:
            raise ValueError("a cell has at least one byte")
        return _CELL_ENCODERS[setting.form](setting, parsed, length, current)
    except (ValueError, OverflowError):
        raise SettingError(SettingFault.CELL, setting.number) from None


def decode_cell(setting: Setting, raw: bytes) -> SettingValue:
    """Return the value in a cell as read, even if it is out of range.

    A text loses capital А at its end, which cannot be distinguished from padding; use
    `cell_contains` to verify a write. Raise RemoteError if the bytes cannot be a value of that
    kind.
    """
    _require_cell(setting)
    try:
        if not raw:
            raise ValueError("a cell has at least one byte")
        return _CELL_DECODERS[setting.form](setting, raw)
    except ValueError:
        raise RemoteError("malformed", f"setting {setting.number} cannot be this") from None


def read_back(setting: Setting, written: bytes) -> bytes:
    """Return the answer of `read_table` after `written` was written to the setting's cell."""
    as_text = setting.form in (CellForm.TEXT, CellForm.CABINET)
    return cp866_to_internal(written) if as_text else written


def cell_contains(setting: Setting, value: SettingValue, raw: bytes) -> bool:
    """Tell whether the cell, as `read_table` returned it, holds exactly this value."""
    return read_back(setting, encode_cell(setting, value, len(raw), raw)) == raw


def _require_cell(setting: Setting) -> None:
    if setting.cell is None:
        raise SettingError(SettingFault.UNREACHABLE, setting.number)


def _padded(raw: bytes, length: int) -> bytes:
    if len(raw) > length:
        raise ValueError("longer than the cell")
    return raw.ljust(length, b"\0")


def _cabinet_bytes(value: str) -> bytes:
    """Return `host NUL /path`, or the host alone.

    Padding then clears the path, as the driver does.
    """
    host, slash, path = value.partition("/")
    return encode_cp866(host) + (b"\0/" + encode_cp866(path) if slash else b"")


def _encode_bit(setting: Setting, value: Any, length: int, current: bytes) -> bytes:
    if len(current) != length:
        raise ValueError("the other bits of the cell are not known")
    mask = 1 << setting.bit
    others = int.from_bytes(current, "big") & ~mask
    return (others | (mask if value else 0)).to_bytes(length, "big")


def _encode_address(_: Setting, value: Any, length: int, __: bytes) -> bytes:
    packed = IPv4Address(value).packed
    if length != len(packed):
        raise ValueError("not a cell of an address")
    return packed


def _decode_number(setting: Setting, raw: bytes) -> SettingValue:
    if len(raw) > _MAX_NUMBER_CELL:
        raise ValueError("too long for a number")
    number = int.from_bytes(raw, "big")
    return bool(number) if setting.kind is SettingKind.BOOL else number


def _decode_bit(setting: Setting, raw: bytes) -> SettingValue:
    bit = int.from_bytes(raw, "big") >> setting.bit & 1
    return bool(bit) if setting.kind is SettingKind.BOOL else bit


def _decode_address(_: Setting, raw: bytes) -> str:
    return str(IPv4Address(raw))


def _decode_cabinet(_: Setting, raw: bytes) -> str:
    host, _nul, rest = raw.partition(b"\0")
    path = rest.partition(b"\0")[0]
    return decode_internal(host + (path if path.startswith(b"/") else b""))


_CELL_ENCODERS: dict[CellForm, Callable[[Setting, Any, int, bytes], bytes]] = {
    CellForm.NUMBER: lambda _, value, length, __: int(value).to_bytes(length, "big"),
    CellForm.BIT: _encode_bit,
    CellForm.TEXT: lambda _, value, length, __: _padded(encode_cp866(value), length),
    CellForm.DIGITS: lambda _, value, length, __: fields.pack_bcd(value, length),
    CellForm.ADDRESS: _encode_address,
    CellForm.CABINET: lambda _, value, length, __: _padded(_cabinet_bytes(value), length),
}
_CELL_DECODERS: dict[CellForm, Callable[[Setting, bytes], SettingValue]] = {
    CellForm.NUMBER: _decode_number,
    CellForm.BIT: _decode_bit,
    CellForm.TEXT: lambda _, raw: decode_internal(raw.rstrip(b"\0")),
    CellForm.DIGITS: lambda _, raw: fields.unpack_bcd(raw),
    CellForm.ADDRESS: _decode_address,
    CellForm.CABINET: _decode_cabinet,
}

# ---- values of platform 5.0 ---------------------------------------------------------------------

_NUMBER_VALUE = fields.whole("value" / Int32sb)
_VALUES = {
    SettingKind.BOOL: fields.whole("value" / Mapped(Byte, {False: 0, True: 1})),
    SettingKind.LIST: _NUMBER_VALUE,
    SettingKind.INT: _NUMBER_VALUE,
    SettingKind.COLOR: _NUMBER_VALUE,
    SettingKind.STRING: fields.whole("value" / GreedyString("utf8")),
}


@lru_cache(maxsize=1024, typed=True)
def encode_value(setting: Setting, value: SettingValue) -> bytes:
    """Return the bytes of `write_setting`.

    A bool has 1 byte, a number 4 bytes signed big-endian, a string is UTF-8. Raise SettingError if
    the value is not allowed or the setting is not of platform 5.0.
    """
    layout = _value_layout(setting)
    return fields.build(layout, {"value": parse(setting, value)}, f"setting {setting.number}")


def decode_value(setting: Setting, raw: bytes) -> SettingValue:
    """Return the value in an answer to `read_setting`, even if it is out of range.

    Raise RemoteError if the bytes cannot be a value of that kind.
    """
    value: SettingValue = fields.parse(_value_layout(setting), raw, f"setting {setting.number}")[
        "value"
    ]
    return value


def _value_layout(setting: Setting) -> Any:
    if setting.platform is not Platform.V5_0:
        raise SettingError(SettingFault.UNREACHABLE, setting.number)
    return _VALUES[setting.kind]
