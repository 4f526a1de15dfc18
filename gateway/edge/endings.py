"""Records of ended conversations: metric, log line, and the fleet's diagnostics.

Every conversation is counted.  Of the idle ones (served, no operation) the log gets as many as the
configuration asks for; of each other kind of end, one line in ``REPEAT_S`` seconds, which tells how
many like it were left out, so that a flood of refused strangers fills no disk.  A conversation
with an operation always has its line.
"""

from time import monotonic
from typing import Final

import structlog

from fleet.device_port import DevicePort, EndedConversation
from gateway.edge.metrics import ENDED, ConversationOutcome

REPEAT_S: Final = 10.0
MAX_KINDS: Final = 1000
"""Kinds of ends that are remembered; the reasons are codes, so there are far fewer."""

log = structlog.get_logger("gateway")

_LOGGED = tuple("road" if name == "transport" else name for name in EndedConversation._fields)
"""Fields of the log line ``conversation``, in the order of ``EndedConversation``."""


class EndingRecorder:
    """Counter, logger and teller of ended conversations; it never waits and never raises."""

    def __init__(self, port: DevicePort, idle_every: int) -> None:
        self._port, self._idle_every = port, idle_every
        self._idle = 0
        self._repeated: dict[tuple[str, str], list[float]] = {}

    def record(self, ended: EndedConversation) -> None:
        """Count the ended conversation, log it if it is due, and pass it to the diagnostics."""
        ENDED[ended.transport][ended.outcome].inc()
        left_out = self._left_out_before(ended)
        if left_out is not None:
            fields = dict(zip(_LOGGED, ended, strict=True))
            log.info("conversation", **fields, **({"left_out": left_out} if left_out else {}))
        self._port.conversation_ended(ended)

    def _left_out_before(self, ended: EndedConversation) -> int | None:
        """Return how many like this had no line since the last that had; None = no line either."""
        if ended.steps:
            return 0
        if ended.outcome == ConversationOutcome.SERVED:
            self._idle += 1
            if not self._idle_every or self._idle < self._idle_every:
                return None
            left_out, self._idle = self._idle - 1, 0
            return left_out
        return self._left_out_of_kind((ended.outcome, ended.why), monotonic())

    def _left_out_of_kind(self, kind: tuple[str, str], now: float) -> int | None:
        last = self._repeated.get(kind)
        if last is not None and now - last[0] < REPEAT_S:
            last[1] += 1
            return None
        if len(self._repeated) >= MAX_KINDS:
            self._repeated.clear()
        self._repeated[kind] = [now, 0]
        return int(last[1]) if last else 0
