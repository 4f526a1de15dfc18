"""Adapters of construct for the protocol: strict structs, BCD numbers, the protocol's errors."""

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
    """Return a struct that must consume every byte of its input."""
    return Struct(*parts, Terminated)


def parse(layout: Construct, data: bytes, what: str) -> Fields:
    """Return the named fields of `data` as plain dicts; raise RemoteError unless it fits."""
    try:
        return _plain(layout.parse(data))
    except (ConstructError, ValueError) as error:
        raise RemoteError("malformed", f"malformed {what} of {len(data)} bytes") from error


def build(layout: Construct, fields: Mapping[str, Any], what: str) -> bytes:
    """Return the bytes of `fields`; raise LocalError for a missing, unknown or invalid field."""
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
    """Return a field that takes the rest of the data, at least one byte."""
    return ExprValidator(GreedyBytes, lambda raw, _: len(raw) > 0)


def bcd_digits(length: int) -> Construct:
    """Return a field of packed BCD: `length` bytes as a string of 2 × `length` digits."""
    return ExprAdapter(
        Bytes(length), lambda raw, _: unpack_bcd(raw), lambda text, _: pack_bcd(text, length)
    )


def bcd_int(length: int) -> Construct:
    """Return a field of packed big-endian BCD: `length` bytes as a number."""
    return ExprAdapter(
        Bytes(length),
        lambda raw, _: int(unpack_bcd(raw)),
        lambda number, _: pack_bcd(f"{number:d}", length),
    )


def bcd_int_or_none(length: int) -> Construct:
    """Return a `bcd_int` that ends the data; its value is None if the bytes are missing."""
    return ExprAdapter(
        GreedyBytes,
        lambda raw, _: int(unpack_bcd(raw)) if len(raw) == length else _missing(raw),
        lambda number, _: b"" if number is None else pack_bcd(f"{number:d}", length),
    )


def _missing(raw: bytes) -> None:
    if raw:
        raise ValueError("neither a whole number nor nothing")


def bcd_calendar(kind: type[date], order: str) -> Construct:
    """Return a field for a date or datetime of one BCD byte per part; all zeros are None.

    `order` names the parts in their order on the wire ("day month year hour minute second"). A
    register has a local clock without a time zone, so the value is naive.
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
    """Return the digits of packed BCD; raise ValueError if a nibble is not a digit."""
    digits = raw.hex()
    if not digits.isdecimal():
        raise ValueError("not BCD")
    return digits


def pack_bcd(digits: str, length: int) -> bytes:
    """Return packed BCD of `length` bytes, padded with leading zeros.

    Raise ValueError if the digits do not fit.
    """
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 2 * length):
        raise ValueError(f"not a number of at most {2 * length} digits")
    return bytes.fromhex(digits.zfill(2 * length))
