"""What the tables of commands are made of: the row, and layouts that several rows share.

Sources in the notes: OBS was seen on the wire of the manufacturer's driver, TC, A4J and DANT are
public implementations (KKT-PC, title page), C is a fourth one that quotes the manufacturer's
layouts.  "Inferred" is a guess that the real thing may correct.
"""

from dataclasses import dataclass

from construct import BitStruct, Byte, Const, Construct, Default, ExprAdapter, Nibble, Optional
from construct import Bytes as RawBytes
from construct import Mapping as Mapped

from protocol.fields import bcd_digits, bcd_int, whole

COMMAND_TIME_S = 10
"""How long a host waits where the sources name no other time (KKT-PC 1.4, T5)."""


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """`success` opens a good answer; `failure`, the result code after it, opens a bad one (None:
    this command cannot fail).  `timeout_s`: how long a host waits for the answer, T5 of KKT-PC 1.4.

    `repeatable`: doing it twice does no more than doing it once, so it may be sent again when its
    answer was lost.  Nothing is that signs, prints, moves money, restarts the register, writes a
    licence or sets its clock; `except_for` are values of the first parameter that are not either.
    """

    code: int
    name: str
    request: Construct
    answer: Construct
    timeout_s: int
    note: str
    success: bytes = b"\x55\x00"
    failure: bytes | None = b"\x55"
    repeatable: bool = False
    except_for: frozenset[int] = frozenset()


NOTHING = whole()
# The reserved byte after the result code is sent by every register seen and promised by none.
DONE = whole("reserved" / Default(Optional(Byte), 0))
MODE = BitStruct("submode" / Nibble, "mode" / Nibble)
VERSION = ("major" / Byte, "minor" / Byte, "language" / Byte, "build" / bcd_digits(2))
YES_OR_NO = Mapped(Byte, {False: 0, True: 1})

FLAGS = "flags" / Byte
"""Of the commands of a receipt: bit 0 only tries whether the command would work; in a receipt's
opening bit 1 keeps it off the paper, in an item bit 1 leaves the cash unchecked (A4J, C)."""

SUM = "sum" / bcd_int(5)
"""Kopecks."""


def ascii_text(length: int) -> Construct:
    """ASCII of exactly `length` characters."""
    return ExprAdapter(
        RawBytes(length),
        lambda raw, _: raw.decode("ascii"),
        lambda text, _: text.encode("ascii"),
    )


def fixed(content: bytes) -> Construct:
    """Bytes that never differ."""
    return Default(Const(content), content)
