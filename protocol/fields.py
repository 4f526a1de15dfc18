"""construct at the border of the protocol: whole structs, BCD numbers, and our errors only."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from construct import (
    Bytes,
    Construct,
    ConstructError,
    Container,
    ExprAdapter,
    ExprValidator,
    GreedyBytes,
    Struct,
    Terminated,
)

from protocol.errors import LocalError, RemoteError

Fields = dict[str, Any]


def whole(*parts: Construct) -> Construct:
    """A struct that must take every byte it is given."""
    return Struct(*parts, Terminated)


def parse(layout: Construct, data: bytes, what: str) -> Fields:
    """The named fields of `data` as plain dicts; RemoteError unless it fits exactly."""
    try:
        return _plain(layout.parse(data))
    except (ConstructError, ValueError) as error:
        raise RemoteError("malformed", f"malformed {what} of {len(data)} bytes") from error


def build(layout: Construct, fields: Mapping[str, Any], what: str) -> bytes:
    """The bytes of `fields`; LocalError for a missing, unknown or impossible field."""
    unknown = set(fields) - {part.name for part in layout.subcons}
    if unknown:
        raise LocalError("value", f"{what} has no field {', '.join(sorted(unknown))}")
    try:
        return bytes(layout.build(dict(fields)))
    except (ConstructError, ValueError, TypeError, LookupError, AttributeError):
        # The cause is dropped: construct quotes the values, and one of them may be a password.
        raise LocalError("value", f"{what}: a field is missing or impossible") from None


def _plain(container: Container) -> Fields:
    return {
        name: _plain(value) if isinstance(value, Container) else value
        for name, value in container.items()
        if not name.startswith("_")
    }


def some_bytes() -> Construct:
    """The rest of the data, at least one byte."""
    return ExprValidator(GreedyBytes, lambda raw, _: len(raw) > 0)


def bcd_digits(length: int) -> Construct:
    """Packed BCD of `length` bytes as a string of 2 × `length` digits."""
    return ExprAdapter(
        Bytes(length), lambda raw, _: unpack_bcd(raw), lambda text, _: pack_bcd(text, length)
    )


def bcd_int(length: int) -> Construct:
    """Packed big-endian BCD of `length` bytes as a number."""
    return ExprAdapter(
        Bytes(length),
        lambda raw, _: int(unpack_bcd(raw)),
        lambda number, _: pack_bcd(f"{number:d}", length),
    )


def bcd_int_or_none(length: int) -> Construct:
    """A `bcd_int` that ends the data and may be missing: None then."""
    return ExprAdapter(
        GreedyBytes,
        lambda raw, _: int(unpack_bcd(raw)) if len(raw) == length else _missing(raw),
        lambda number, _: b"" if number is None else pack_bcd(f"{number:d}", length),
    )


def _missing(raw: bytes) -> None:
    if raw:
        raise ValueError("neither a whole number nor nothing")


def bcd_calendar(kind: type[date], order: str) -> Construct:
    """A date or datetime of one BCD byte per part; all zeros are None.

    `order` names the parts as they stand on the wire ("day month year hour minute second").
    A register knows its own wall clock and no zone, so the result has none either.
    """
    parts = order.split()

    def decode(raw: bytes, _: object) -> date | None:
        numbers = {part: int(unpack_bcd(raw[i : i + 1])) for i, part in enumerate(parts)}
        if not any(numbers.values()):
            return None
        return kind(**{**numbers, "year": 2000 + numbers["year"]})

    def encode(moment: date | None, _: object) -> bytes:
        if moment is None:
            return bytes(len(parts))
        if not 2000 <= moment.year < 2100:
            raise ValueError("the wire knows the years 2000 to 2099")
        return bytes.fromhex("".join(f"{getattr(moment, part) % 100:02}" for part in parts))

    return ExprAdapter(Bytes(len(parts)), decode, encode)


def unpack_bcd(raw: bytes) -> str:
    """The digits of packed BCD; ValueError where a nibble is not a digit."""
    digits = raw.hex()
    if not digits.isdecimal():
        raise ValueError("not BCD")
    return digits


def pack_bcd(digits: str, length: int) -> bytes:
    """Packed BCD of `length` bytes, zeros in front; ValueError if it does not fit."""
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 2 * length):
        raise ValueError(f"not a number of at most {2 * length} digits")
    return bytes.fromhex(digits.zfill(2 * length))
