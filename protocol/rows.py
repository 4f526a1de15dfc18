"""Rows of the message tables: a code byte, a typed message, and how it stands on the wire.

A message is a named tuple whose fixed part follows its layout; a row with ``rest`` ends in
bytes of any length, the last value of the tuple.
"""

from enum import IntEnum
from typing import Any, NamedTuple

from construct import Struct

from protocol.layout import FixedLayout


class Side(IntEnum):
    """Who may send a message; the gateway stands where KKT-PC has its host."""

    REGISTER = 1
    GATEWAY = 2
    BOTH = 3


class MessageRow(NamedTuple):
    """How a message stands on the wire."""

    code: int
    message: type[Any]
    side: Side
    layout: FixedLayout
    rest: bool = False


def message_row(
    code: int, message: type[Any], side: Side, rest: bool = False, **fields: object
) -> MessageRow:
    """A row of a table; ``ValueError`` if the layout names other fields than the message."""
    declared = Struct(*(name / wire for name, wire in fields.items()))  # type: ignore[operator]
    made = MessageRow(code, message, side, FixedLayout(declared), rest)
    if message._fields != made.layout.names + (message._fields[-1:] if rest else ()):
        raise ValueError(f"{message.__name__} and its layout differ")
    return made


def parse(row: MessageRow, body: bytes) -> Any:
    """The message of a row from its body (after the code byte); ``RemoteError`` if it is none."""
    if row.rest:
        return row.message(*row.layout.unpack_prefix(body), body[row.layout.size :])
    return row.message(*row.layout.unpack(body))


def build(row: MessageRow, message: Any) -> bytes:
    """The body of a message (without its code byte); ``LocalError`` for an impossible value."""
    if row.rest:
        return row.layout.pack(*message[:-1]) + bytes(message[-1])
    return row.layout.pack(*message)
