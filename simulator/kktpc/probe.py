"""A platform 5.0 register's answer on an ordinary line: it echoes the probe and nothing else.

Only the probe is public (KKT-PC 0), and its echo is what a host accepts.
"""

from datetime import datetime

from protocol.kktpc.probes import PROBE_5_0


class ProbeLine:
    """A line that echoes every complete probe, wherever it begins, and has no commands."""

    __slots__ = ("_tail",)

    busy = False
    quiet = True

    def __init__(self) -> None:
        self._tail = b""

    def receive(self, data: bytes, now_s: float = 0.0) -> bytes:
        """Return the echoes of the complete probes; ignore all other bytes."""
        heard = self._tail + data
        echoes, end = 0, 0
        while (start := heard.find(PROBE_5_0, end)) >= 0:
            echoes, end = echoes + 1, start + len(PROBE_5_0)
        self._tail = heard[end:][1 - len(PROBE_5_0) :]
        return PROBE_5_0 * echoes

    def hang_up(self) -> None:
        """Forget an incomplete probe before another host connects."""
        self._tail = b""

    restart = hang_up

    def work(self, now: datetime, now_s: float) -> bytes:
        """Return no bytes: there are no commands."""
        return b""

    def tick(self, now: datetime, now_s: float) -> bytes:
        """Return no bytes: there are no messages."""
        return b""
