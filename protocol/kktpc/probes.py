"""Detection of the platform at the other end of a line, by two probes at once (KKT-PC 0).

The manufacturer's driver sends `PROBES` when it opens a line.  A register of platform 2.5 skips the
first probe, which is junk to it, and answers the second, an Abort; one of platform 5.0 answers the
first, and echoing it is a sufficient answer.  Nothing else of platform 5.0's protocol is public.
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
"""Seconds after which the driver reports that there is no connection."""

START_5_0: Final = b"$@"

_FROM_REGISTER: Final = (buffer.Result, buffer.Error, buffer.NotFound, buffer.Retransmit)
"""Possible answers of a register to an Abort.

A line with an echo returns the Abort itself, which is not among them.
"""


class Prober:
    """Detector of the platform from the received bytes.

    `platform` is None until bytes have come that only a register of one platform sends; the first
    detection is final.
    """

    __slots__ = ("_reader", "_tail", "platform")

    def __init__(self) -> None:
        self.platform: Platform | None = None
        self._reader = frame.FrameReader()
        self._tail = b""

    def feed(self, data: bytes) -> Platform | None:
        """Take bytes of the line, in pieces of any size, and return `platform`; never raise."""
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
