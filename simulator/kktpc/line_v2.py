"""The register's end of a lower-level v2 line (KKT-PC 2), which alternates ENQ, frame and EOT.

It takes and returns bytes; the clock (seconds, never backwards) comes with every call, so that time
can be virtual. ``work`` executes the request between the two halves of the exchange.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Final

from protocol.errors import LocalError
from protocol.kktpc import frame_v2 as v2
from protocol.kktpc.frame_v2 import ControlByte
from simulator.register.failures import ResultCode
from simulator.register.simulated_register import SimulatedRegister

TOO_LONG: Final = bytes((0x55, ResultCode.WRONG_LENGTH, 0))


@dataclass(frozen=True, slots=True)
class TimeoutsV2:
    """Timeouts in seconds, named as in KKT-PC 2."""

    t1: float = v2.T1_S
    t2: float = v2.T2_S
    t3: float = v2.T3_S
    t4: float = v2.T4_S
    t6: float = v2.T6_S
    t7: float = v2.T7_S


class ExchangeState(Enum):
    """The state of the exchange."""

    IDLE = auto()
    AWAITS_FRAME = auto()
    AWAITS_EOT = auto()
    WORKING = auto()
    ASKING = auto()
    """The register has sent ENQ."""
    ANSWERING = auto()
    """The register has sent its frame."""
    WAITING = auto()
    """The register's ENQ met the host's: it waits, then sends ENQ again."""


class LineV2:
    """One exchange at a time.

    An answer that the host does not take is dropped after the attempts that the level allows; the
    host then sends the request again.
    """

    def __init__(self, register: SimulatedRegister, times: TimeoutsV2 | None = None) -> None:
        self.register = register
        self.state = ExchangeState.IDLE
        self._times = times or TimeoutsV2()
        self._reader = v2.FrameReaderV2()
        self._request = b""
        self._frame = b""
        self._attempts = 0
        self._due: float | None = None
        self._heard_s = 0.0

    @property
    def busy(self) -> bool:
        """Tell whether a command waits to be executed."""
        return self.state is ExchangeState.WORKING

    @property
    def quiet(self) -> bool:
        """Tell whether the host has taken the last answer."""
        return self.state is ExchangeState.IDLE

    def hang_up(self) -> None:
        """Reset the exchange; a serial line has no connection to close."""
        self._reader.reset()
        self._rest()

    restart = hang_up

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Return the bytes to send in reply to any bytes; raise nothing."""
        self._heard_s = now_s
        return b"".join(self._take(item, now_s) for item in self._reader.feed(data))

    def work(self, now: datetime, now_s: float) -> bytes:
        """Execute the command and return the ENQ that offers its answer."""
        if self.state is not ExchangeState.WORKING:
            return b""
        answer = self.register.execute_on_line(self._request, now)
        try:
            self._frame = v2.encode(answer)
        except LocalError:
            # The answer is too long for this level; a real register's behaviour is not public.
            self._frame = v2.encode(TOO_LONG)
        self._attempts = 0
        return self._ask(now_s)

    def tick(self, now: datetime, now_s: float) -> bytes:
        """Repeat what was not answered in time, or give it up; return the bytes to send."""
        if self._reader.pending and now_s >= self._heard_s + self._times.t6:
            self._reader.reset()
            if self.state is ExchangeState.AWAITS_FRAME:
                return self._not_whole(now_s)
        if self._due is None or now_s < self._due:
            return b""
        return _ON_TIMEOUT[self.state](self, now_s)

    def _take(self, item: v2.ItemV2, now_s: float) -> bytes:
        if isinstance(item, v2.FrameV2):
            return self._frame_came(item, now_s)
        if isinstance(item, v2.BadFrameV2):
            broken = self.state is ExchangeState.AWAITS_FRAME and item.reason != "junk"
            return self._not_whole(now_s) if broken else b""
        return _CONTROLS[item](self, now_s)

    def _frame_came(self, frame: v2.FrameV2, now_s: float) -> bytes:
        """Acknowledge the frame; a repeated frame means that the ACK was lost."""
        if self.state not in (ExchangeState.AWAITS_FRAME, ExchangeState.AWAITS_EOT):
            return b""
        self._request = frame.data
        self._go(ExchangeState.AWAITS_EOT, now_s + self._times.t4)
        return bytes((v2.ACK,))

    def _not_whole(self, now_s: float) -> bytes:
        self._go(ExchangeState.AWAITS_FRAME, now_s + self._times.t2)
        return bytes((v2.NAK,))

    def _enq(self, now_s: float) -> bytes:
        if self.state is ExchangeState.WORKING:
            return bytes((v2.NAK,))
        if self.state is ExchangeState.ASKING:
            self._go(ExchangeState.WAITING, now_s + self._times.t7)
            return b""
        # The host starts a new exchange: it no longer needs an answer that it has not taken.
        self._go(ExchangeState.AWAITS_FRAME, now_s + self._times.t2)
        return bytes((v2.ACK,))

    def _ack(self, now_s: float) -> bytes:
        if self.state is ExchangeState.ASKING:
            self._attempts = 1
            self._go(ExchangeState.ANSWERING, now_s + self._times.t3)
            return self._frame
        if self.state is ExchangeState.ANSWERING:
            self._rest()
            return bytes((v2.EOT,))
        return b""

    def _nak(self, now_s: float) -> bytes:
        if self.state is ExchangeState.ASKING:
            self._go(ExchangeState.WAITING, now_s + self._times.t1)
            return b""
        return self._repeat(now_s) if self.state is ExchangeState.ANSWERING else b""

    def _eot(self, now_s: float) -> bytes:
        if self.state is ExchangeState.AWAITS_EOT:
            self._go(ExchangeState.WORKING, None)
        elif self.state is ExchangeState.AWAITS_FRAME:
            self._rest()
        return b""

    def _ask(self, now_s: float) -> bytes:
        if self._attempts >= v2.ENQ_ATTEMPTS:
            return self._give_up(now_s)
        self._attempts += 1
        self._go(ExchangeState.ASKING, now_s + self._times.t1)
        return bytes((v2.ENQ,))

    def _repeat(self, now_s: float) -> bytes:
        if self._attempts >= v2.FRAME_ATTEMPTS:
            return self._give_up(now_s)
        self._attempts += 1
        self._go(ExchangeState.ANSWERING, now_s + self._times.t3)
        return self._frame

    def _begin(self, now_s: float) -> bytes:
        """Start the command although its EOT was lost: the frame was complete."""
        self._go(ExchangeState.WORKING, None)
        return b""

    def _give_up(self, now_s: float) -> bytes:
        self._rest()
        return bytes((v2.EOT,))

    def _forget(self, now_s: float) -> bytes:
        self._rest()
        return b""

    def _rest(self) -> None:
        self._go(ExchangeState.IDLE, None)

    def _go(self, turn: ExchangeState, due: float | None) -> None:
        self.state, self._due = turn, due


_CONTROLS: Final[dict[ControlByte, Callable[[LineV2, float], bytes]]] = {
    ControlByte.ENQ: LineV2._enq,
    ControlByte.ACK: LineV2._ack,
    ControlByte.NAK: LineV2._nak,
    ControlByte.EOT: LineV2._eot,
}
_ON_TIMEOUT: Final[dict[ExchangeState, Callable[[LineV2, float], bytes]]] = {
    ExchangeState.AWAITS_FRAME: LineV2._forget,
    ExchangeState.AWAITS_EOT: LineV2._begin,
    ExchangeState.ASKING: LineV2._ask,
    ExchangeState.ANSWERING: LineV2._repeat,
    ExchangeState.WAITING: LineV2._ask,
}
