"""The lower level of АТОЛ 2, on serial lines only: ``STX data ETX crc`` (KKT-PC 2).

The two ends take turns on the line by single bytes (``ControlByte``).  This module has the frame,
the times and the numbers of attempts.  The exchange itself is implemented by each end, because a
host's and a register's differ.

The reader turns bytes into frames.  For any input it never raises, never keeps more than one frame
of the largest size, and always moves forward.
"""

from enum import IntEnum
from functools import reduce
from operator import xor
from typing import Final, NamedTuple

from protocol.errors import LocalError

STX: Final = 0x02
ETX: Final = 0x03
DLE: Final = 0x10

MAX_DATA: Final = 255
"""Most data bytes in a frame before DLE stuffing (DANT): password and command, or answer."""


class ControlByte(IntEnum):
    """A single byte between frames."""

    EOT = 0x04
    """End of the sender's transmission."""
    ENQ = 0x05
    """Request to transmit."""
    ACK = 0x06
    """Permission to transmit; or: the frame was received completely."""
    NAK = 0x15
    """Busy; or: the frame was not received completely."""


EOT, ENQ, ACK, NAK = ControlByte

T1_S: Final = 0.5
"""Time for the answer to ENQ; after NAK the host waits as long before it asks again."""

T2_S: Final = 2.0
"""Time for the STX of a frame, after ACK to an ENQ."""

T3_S: Final = 0.5
"""Time for ACK or NAK after a frame."""

T4_S: Final = 0.5
"""Time for EOT after the ACK to a frame."""

T6_S: Final = 0.5
"""Time between two bytes of a frame.

T5, the time that a command takes, is `Command.timeout_s`.
"""

T7_S: Final = 0.5
"""Time after a collision of two ENQs, before the host asks again."""

T8_S: Final = 1.0
"""Time for the register's next ENQ, if the frame after its first did not come."""

ENQ_ATTEMPTS: Final = 5
FRAME_ATTEMPTS: Final = 10


class FrameV2(NamedTuple):
    """A complete frame with a correct checksum."""

    data: bytes


class BadFrameV2(NamedTuple):
    """Bytes that are neither a frame nor a control byte.

    ``reason`` is junk, oversize, empty or crc.  Junk and oversize end before the next byte that may
    begin an item; empty and crc end after a whole frame.
    """

    reason: str
    skipped: int


ItemV2 = FrameV2 | BadFrameV2 | ControlByte
"""An item of the stream; a control byte is also an ``int``."""

_CONTROLS: Final = {int(control): control for control in ControlByte}
_BEGINNINGS: Final = frozenset(_CONTROLS) | {STX}


def encode(data: bytes) -> bytes:
    """Return the frame on the wire.

    Raise ``LocalError`` unless the data have 1 to ``MAX_DATA`` bytes.
    """
    if not 0 < len(data) <= MAX_DATA:
        raise LocalError("oversize", f"a frame carries 1 to {MAX_DATA} bytes, not {len(data)}")
    stuffed = data.replace(b"\x10", b"\x10\x10").replace(b"\x03", b"\x10\x03") + b"\x03"
    return b"\x02" + stuffed + bytes((_checksum(stuffed),))


class FrameReaderV2:
    """Reader of frames and control bytes in a stream; one reader serves one direction."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def pending(self) -> int:
        """Return the number of bytes of a frame that is not complete yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[ItemV2]:
        """Return the items that these bytes complete, in order; keep an incomplete frame."""
        buffer = self._buffer + data
        found: list[ItemV2] = []
        start = 0
        while start < len(buffer):
            item, stop = _next(buffer, start)
            if item is None:
                break
            found.append(item)
            start = stop
        self._buffer = buffer[start:]
        return found

    def reset(self) -> int:
        """Drop a frame whose bytes stopped coming (T6); return the number of its bytes."""
        given_up, self._buffer = len(self._buffer), b""
        return given_up


def _next(buffer: bytes, start: int) -> tuple[ItemV2 | None, int]:
    """Return one item and the start of the next; None if more bytes are needed."""
    if control := _CONTROLS.get(buffer[start]):
        return control, start + 1
    data, end = _unstuffed(buffer, start + 1) if buffer[start] == STX else (None, 0)
    if data is None or len(data) > MAX_DATA:
        stop = _next_beginning(buffer, start + 1)
        return BadFrameV2("junk" if data is None else "oversize", stop - start), stop
    stop = end + 2  # ETX and the checksum
    if stop > len(buffer):
        return None, start
    if not data:
        return BadFrameV2("empty", stop - start), stop
    if buffer[end + 1] != _checksum(buffer[start + 1 : end + 1]):
        return BadFrameV2("crc", stop - start), stop
    return FrameV2(data), stop


def _unstuffed(buffer: bytes, place: int) -> tuple[bytes, int]:
    """Return the data from ``place`` on, and the position of their ETX, real or expected.

    Stop soon after ``MAX_DATA`` bytes.
    """
    data = bytearray()
    while place < len(buffer) and buffer[place] != ETX and len(data) <= MAX_DATA:
        place += buffer[place] == DLE
        data += buffer[place : place + 1]
        place += 1
    return bytes(data), place


def _next_beginning(buffer: bytes, start: int) -> int:
    return next((i for i in range(start, len(buffer)) if buffer[i] in _BEGINNINGS), len(buffer))


def _checksum(stuffed: bytes) -> int:
    """Return the XOR of all bytes after STX up to and including ETX, with the DLEs."""
    return reduce(xor, stuffed, 0)
