"""Fixed layouts: one declaration in construct and one fast reader derived from it.

``construct`` is the only place where a layout is declared.  A layout of fixed size made of plain
numbers and byte strings is also read and written by a ``struct.Struct``, which is fifty times
faster; it is derived from the declaration and compared with it at import, so that the two cannot
differ.
"""

import struct
from typing import Any

from construct import Bytes, FormatField, Struct

from protocol.errors import LocalError, RemoteError


class FixedLayout:
    """A fixed-size record, whose values are tuples in the order of the declaration.

    Construction raises ``ValueError`` if construct and the derived struct disagree.
    """

    def __init__(self, declaration: Struct) -> None:
        self.declaration = declaration
        self.names: tuple[str, ...] = tuple(part.name for part in declaration.subcons)
        self._struct = struct.Struct(">" + "".join(map(_format, declaration.subcons)))
        self.size = self._struct.size
        self._check()

    def unpack(self, data: bytes) -> tuple[Any, ...]:
        """Return a record's values; raise ``RemoteError`` unless ``data`` has ``size`` bytes."""
        try:
            return self._struct.unpack(data)
        except struct.error:
            raise RemoteError(
                "malformed", f"{self.size} bytes expected, {len(data)} came"
            ) from None

    def unpack_prefix(self, data: bytes, position: int = 0) -> tuple[Any, ...]:
        """Return the values of the record at ``position``; what follows it is left alone."""
        try:
            return self._struct.unpack_from(data, position)
        except struct.error:
            came = len(data) - position
            raise RemoteError("malformed", f"{self.size} bytes expected, {came} came") from None

    def pack(self, *values: Any) -> bytes:
        """Return the bytes of a record; raise ``LocalError`` for a value that does not fit."""
        try:
            return self._struct.pack(*values)
        except struct.error as error:
            raise LocalError("value", f"{error}") from None

    def index(self, name: str) -> int:
        """Return the index of a field in the tuple."""
        return self.names.index(name)

    def _check(self) -> None:
        sample = bytes((7 * position + 3) % 256 for position in range(self.size))
        parsed = self.declaration.parse(sample)
        slow = tuple(parsed[name] for name in self.names)
        if slow != self.unpack(sample) or self.declaration.sizeof() != self.size:
            raise ValueError(f"derived struct disagrees with {self.declaration!r}")


def _format(part: Any) -> str:
    wire = part.subcon
    if isinstance(wire, FormatField):
        if wire.fmtstr[0] != ">":
            raise ValueError(f"{part.name}: only big-endian numbers stand in fixed layouts")
        return str(wire.fmtstr[1:])
    if isinstance(wire, Bytes):
        return f"{wire.length}s"
    raise ValueError(f"{part.name}: {wire!r} has no fixed derived form")
