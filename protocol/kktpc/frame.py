"""The KKT-PC v3 frame: ``FE len0 len1 id data crc`` with escaped data (KKT-PC 1.1).

The reader turns bytes into frames.  For any input it never raises, never keeps more than one frame
of the given size, and always moves forward.
"""

from typing import NamedTuple

from construct import Int8ub, Struct

from protocol.errors import LocalError
from protocol.kktpc.crc import crc8
from protocol.layout import FixedLayout

STX = 0xFE
ESCAPE = 0xFD
ASYNC_ID = 0xF0
"""Packet id of a message that a register sends unasked; hosts use 00..DF (KKT-PC 1.1)."""

LAST_HOST_ID = 0xDF
MAX_DATA = 0x3FFF
"""Largest length that two 7-bit length bytes can express."""

HEADER = FixedLayout(
    Struct("stx" / Int8ub, "length_low" / Int8ub, "length_high" / Int8ub, "packet_id" / Int8ub)
)

_STX = bytes((STX,))
_ESCAPE = bytes((ESCAPE,))
_ESCAPED_STX = b"\xfd\xee"
_ESCAPED_ESCAPE = b"\xfd\xed"


class Frame(NamedTuple):
    """A complete frame with a correct checksum; ``data`` is unescaped."""

    packet_id: int
    data: bytes


class BadFrame(NamedTuple):
    """Bytes that are not a frame; ``reason`` is junk, length, oversize, escape or crc.

    ``packet_id`` is set for a frame with a wrong checksum: a register uses it to request a
    repetition.
    """

    reason: str
    skipped: int
    packet_id: int | None = None


def encode(packet_id: int, data: bytes) -> bytes:
    """Return the frame on the wire.

    Raise ``LocalError`` for more than ``MAX_DATA`` bytes or an id that would need escaping.
    """
    length = len(data)
    if length > MAX_DATA:
        raise LocalError("oversize", f"a frame carries {MAX_DATA} bytes at most, not {length}")
    if not 0 <= packet_id < ESCAPE:
        raise LocalError("packet_id", f"packet id {packet_id} is out of 00..FC")
    tail = data + bytes((crc8(bytes((packet_id,)) + data),))
    return HEADER.pack(STX, length & 0x7F, length >> 7, packet_id) + _escape(tail)


class FrameReader:
    """Reader of frames in a stream of bytes; one reader serves one direction of one link."""

    __slots__ = ("_buffer", "_max_data")

    def __init__(self, max_data: int = MAX_DATA) -> None:
        self._buffer = b""
        self._max_data = max_data

    @property
    def pending(self) -> int:
        """Return the number of bytes of a frame that is not complete yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame | BadFrame]:
        """Return the items that these bytes complete, in order; keep an incomplete frame."""
        buffer = self._buffer + data if self._buffer else data
        found: list[Frame | BadFrame] = []
        start, size = 0, len(buffer)
        while start < size:
            item, start = self._next(buffer, start)
            if item is None:
                break
            found.append(item)
        self._buffer = buffer[start:]
        return found

    def _next(self, buffer: bytes, start: int) -> tuple[Frame | BadFrame | None, int]:
        """Return one item and the start of the next; None if more bytes are needed."""
        if buffer[start] != STX:
            stop = buffer.find(_STX, start)
            stop = len(buffer) if stop < 0 else stop
            return BadFrame("junk", stop - start), stop
        first = start + HEADER.size
        if len(buffer) < first:
            return self._short_header(buffer, start)
        low, high, packet_id = buffer[start + 1 : first]
        if low > 0x7F or high > 0x7F or packet_id >= ESCAPE:
            return BadFrame("length", 1), start + 1
        length = low | high << 7
        if length > self._max_data:
            return BadFrame("oversize", 1), start + 1
        stop = _end_of_escaped(buffer, first, length + 1)
        escaped = buffer[first:stop]
        if _STX in escaped:
            return BadFrame("escape", 1), start + 1
        if stop > len(buffer):
            return None, start
        plain = _unescape(escaped)
        if len(plain) != length + 1:
            return BadFrame("escape", 1), start + 1
        # The checksum over the data and their own checksum is zero.
        if crc8(bytes((packet_id,)) + plain):
            return BadFrame("crc", 1, packet_id), start + 1
        return Frame(packet_id, plain[:-1]), stop

    def _short_header(self, buffer: bytes, start: int) -> tuple[BadFrame | None, int]:
        """Report an invalid length at once, before the rest of the header arrives."""
        if any(byte > 0x7F for byte in buffer[start + 1 : start + 3]):
            return BadFrame("length", 1), start + 1
        return None, start


def _end_of_escaped(buffer: bytes, first: int, plain_length: int) -> int:
    """Return the end of ``plain_length`` unescaped bytes; each escape adds one byte."""
    stop = first + plain_length
    while True:
        longer = first + plain_length + buffer.count(_ESCAPE, first, stop)
        if longer == stop:
            return stop
        stop = longer


def _escape(data: bytes) -> bytes:
    return data.replace(_ESCAPE, _ESCAPED_ESCAPE).replace(_STX, _ESCAPED_STX)


def _unescape(data: bytes) -> bytes:
    """Unescape data, STX first: after that no new escape pair can appear."""
    return data.replace(_ESCAPED_STX, _STX).replace(_ESCAPED_ESCAPE, _ESCAPE)
