"""Rows of the message tables: a code byte, a typed message, and its layout on the wire.

A message is a named tuple whose fixed part follows its layout; a row with ``rest`` ends in bytes of
any length, which are the last value of the tuple.
"""

from enum import IntEnum
from typing import Any, NamedTuple

from construct import Struct

from protocol.layout import FixedLayout


class Side(IntEnum):
    """Sides that may send a message; the gateway takes the place of the host in KKT-PC."""

    REGISTER = 1
    GATEWAY = 2
    BOTH = 3


class MessageRow(NamedTuple):
    """One row: a message type and its layout on the wire."""

    code: int
    message: type[Any]
    side: Side
    layout: FixedLayout
    rest: bool = False


def message_row(
    code: int, message: type[Any], side: Side, rest: bool = False, **fields: object
) -> MessageRow:
    """Return a row; raise ``ValueError`` if the layout and the message differ in their fields."""
    declared = Struct(*(name / wire for name, wire in fields.items()))  # type: ignore[operator]
    made = MessageRow(code, message, side, FixedLayout(declared), rest)
    if message._fields != made.layout.names + (message._fields[-1:] if rest else ()):
        raise ValueError(f"{message.__name__} and its layout differ")
    return made


def parse(row: MessageRow, body: bytes) -> Any:
    """Return a row's message from its body, the bytes after the code byte.

    Raise ``RemoteError`` if the body does not fit the layout.
    """
    if row.rest:
        return row.message(*row.layout.unpack_prefix(body), body[row.layout.size :])
    return row.message(*row.layout.unpack(body))


def build(row: MessageRow, message: Any) -> bytes:
    """Return a message's body without its code byte; raise ``LocalError`` for an invalid value."""
    if row.rest:
        return row.layout.pack(*message[:-1]) + bytes(message[-1])
    return row.layout.pack(*message)
