"""Elements of the tables of commands: the row, and layouts that several rows share.

Sources in the notes: OBS was observed on the wire of the manufacturer's driver; TC, A4J and DANT
are public implementations (KKT-PC, title page); C is a fourth one that quotes the manufacturer's
layouts.  "Inferred" is an assumption that a real register may disprove.
"""

from dataclasses import dataclass

from construct import BitStruct, Byte, Const, Construct, Default, ExprAdapter, Nibble, Optional
from construct import Bytes as RawBytes
from construct import Mapping as Mapped

from protocol.fields import bcd_digits, bcd_int, whole

COMMAND_TIME_S = 10
"""Seconds that a host waits if the sources give no other time (KKT-PC 1.4, T5)."""


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """A row of the table of commands.

    `success` opens a good answer; `failure`, followed by the result code, opens a bad one (None:
    the command cannot fail).  `timeout_s` is how long a host waits for the answer, T5 of KKT-PC
    1.4.

    `repeatable`: doing the command twice has the effect of doing it once, so it may be sent again
    if its answer was lost.  A command is not repeatable if it signs, prints, moves money, restarts
    the register, writes a licence or sets the clock; `except_for` are values of the first parameter
    that make a repeatable command not repeatable.
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
# All observed registers send the reserved byte after the result code, but no source requires it.
DONE = whole("reserved" / Default(Optional(Byte), 0))
MODE = BitStruct("submode" / Nibble, "mode" / Nibble)
VERSION = ("major" / Byte, "minor" / Byte, "language" / Byte, "build" / bcd_digits(2))
YES_OR_NO = Mapped(Byte, {False: 0, True: 1})

FLAGS = "flags" / Byte
"""Flags of the commands of a receipt.

Bit 0 only tests whether the command would work; bit 1 of a receipt's opening suppresses printing,
bit 1 of an item leaves the cash unchecked (A4J, C).
"""

SUM = "sum" / bcd_int(5)
"""A sum in kopecks."""


def ascii_text(length: int) -> Construct:
    """Return a field of ASCII text of exactly `length` characters."""
    return ExprAdapter(
        RawBytes(length),
        lambda raw, _: raw.decode("ascii"),
        lambda text, _: text.encode("ascii"),
    )


def fixed(content: bytes) -> Construct:
    """Return a field of constant bytes."""
    return Default(Const(content), content)
