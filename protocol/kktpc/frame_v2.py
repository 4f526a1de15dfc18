"""The lower level of АТОЛ 2, on serial lines only: ``STX data ETX crc`` (KKT-PC 2).

The two ends hand the line to each other byte by byte (``ControlByte``); here are the frame, the
times and the numbers of attempts.  The exchange itself belongs to each end: a host's and a
register's differ.

Law of the file: bytes in, frames out.  Whatever comes, the reader never raises, never keeps more
than one frame of the largest size, and always moves forward.
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
"""Bytes of data in one frame, before DLE is put in (DANT): password and command, or an answer."""


class ControlByte(IntEnum):
    """A byte that stands alone between the frames."""

    EOT = 0x04
    """I have said everything."""
    ENQ = 0x05
    """May I speak?"""
    ACK = 0x06
    """Go on; or: your frame has come whole."""
    NAK = 0x15
    """Busy; or: your frame has not come whole."""


EOT, ENQ, ACK, NAK = ControlByte

T1_S: Final = 0.5
"""For the answer to ENQ; after NAK the host lets as much pass before it asks again."""

T2_S: Final = 2.0
"""For the STX of a frame, after ACK to an ENQ."""

T3_S: Final = 0.5
"""For ACK or NAK after a frame."""

T4_S: Final = 0.5
"""For EOT after the ACK to a frame."""

T6_S: Final = 0.5
"""Between two bytes of a frame.  (T5, how long a command takes, is `Command.timeout_s`.)"""

T7_S: Final = 0.5
"""After two ENQs have met, before the host asks again."""

T8_S: Final = 1.0
"""For the register's next ENQ, when the frame after its first did not come."""

ENQ_ATTEMPTS: Final = 5
FRAME_ATTEMPTS: Final = 10


class FrameV2(NamedTuple):
    """A whole frame with a right checksum."""

    data: bytes


class BadFrameV2(NamedTuple):
    """Bytes that are neither a frame nor a control: ``reason`` is junk, oversize, empty or
    crc.

    Junk and oversize end before the next byte that may begin something; the others end a whole
    frame.
    """

    reason: str
    skipped: int


ItemV2 = FrameV2 | BadFrameV2 | ControlByte
"""A control is also its byte, an ``int``."""

_CONTROLS: Final = {int(control): control for control in ControlByte}
_BEGINNINGS: Final = frozenset(_CONTROLS) | {STX}


def encode(data: bytes) -> bytes:
    """The frame on the wire; ``LocalError`` for more than ``MAX_DATA`` bytes, or none."""
    if not 0 < len(data) <= MAX_DATA:
        raise LocalError("oversize", f"a frame carries 1 to {MAX_DATA} bytes, not {len(data)}")
    stuffed = data.replace(b"\x10", b"\x10\x10").replace(b"\x03", b"\x10\x03") + b"\x03"
    return b"\x02" + stuffed + bytes((_checksum(stuffed),))


class FrameReaderV2:
    """Cuts a stream of bytes into frames and controls; one reader serves one direction."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[ItemV2]:
        """Everything that these bytes complete, in order; the rest waits for more."""
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
        """Gives up a frame whose bytes have stopped coming (T6); how many bytes it had."""
        given_up, self._buffer = len(self._buffer), b""
        return given_up


def _next(buffer: bytes, start: int) -> tuple[ItemV2 | None, int]:
    """One item and where the next begins; ``None`` when more bytes are needed."""
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
    """The data from ``place`` on and where its ETX is, or would be; stops soon after too much."""
    data = bytearray()
    while place < len(buffer) and buffer[place] != ETX and len(data) <= MAX_DATA:
        place += buffer[place] == DLE
        data += buffer[place : place + 1]
        place += 1
    return bytes(data), place


def _next_beginning(buffer: bytes, start: int) -> int:
    return next((i for i in range(start, len(buffer)) if buffer[i] in _BEGINNINGS), len(buffer))


def _checksum(stuffed: bytes) -> int:
    """XOR of everything after STX up to and with ETX, the DLEs too."""
    return reduce(xor, stuffed, 0)
