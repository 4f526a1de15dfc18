"""Which platform stands at the other end of a line: two probes at once (KKT-PC 0).

The manufacturer's driver sends `PROBES` when it opens a line.  A register of platform 2.5 skips the
first, which is junk to it, and answers the second, an Abort; one of platform 5.0 answers the first,
and to echo it is answer enough.  Nothing else of the wire of platform 5.0 is public.
"""

from typing import Final

from protocol.errors import RemoteError
from protocol.kktpc import buffer, frame
from protocol.platforms import Platform

PROBE_5_0: Final = bytes.fromhex("24400d002001f7407465737465")
"""`$@`, the whole length u16 LE, type 20h, 01, address F7h (echo), 40h, "test", checksum."""

PROBE_2_5: Final = frame.encode(0, buffer.encode(buffer.Abort()))
PROBES: Final = PROBE_5_0 + PROBE_2_5

ANSWER_WITHIN_S: Final = 1.0
"""After which the driver says that there is no connection."""

START_5_0: Final = b"$@"

_FROM_REGISTER: Final = (buffer.Result, buffer.Error, buffer.NotFound, buffer.Retransmit)
"""What a register may say to an Abort; a line that echoes says the Abort itself, which is none."""


class Prober:
    """`platform` is None until bytes have come that only a register of it says; the first win."""

    __slots__ = ("_reader", "_tail", "platform")

    def __init__(self) -> None:
        self.platform: Platform | None = None
        self._reader = frame.FrameReader()
        self._tail = b""

    def feed(self, data: bytes) -> Platform | None:
        """Bytes of the line, in any pieces; never raises."""
        seen, self._tail = self._tail + data, data[-1:] or self._tail
        if self.platform is None and any(map(_answers_abort, self._reader.feed(data))):
            self.platform = Platform.V2_5
        if self.platform is None and START_5_0 in seen:
            self.platform = Platform.V5_0
        return self.platform


def _answers_abort(item: frame.Frame | frame.BadFrame) -> bool:
    if isinstance(item, frame.BadFrame):
        return False
    try:
        return isinstance(buffer.decode(item.data), _FROM_REGISTER)
    except RemoteError:
        return False
