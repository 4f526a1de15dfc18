"""The host's side of lower level v2 (KKT-PC 2): a state machine without a line or a clock.

An exchange is ENQ, frame, EOT from the host, and the same from the register with its answer.  If
the register transmits while no command is running, it is an answer that nobody awaits: it is
received, so that the register is free, and dropped.  The level has no request for a command's
status: a command whose frame was sent and that is not answered may or may not have been executed.

Times are seconds of any monotonic clock.
"""

import random
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Final

from gateway.assistant.kktpc.errors import CommandNotDone, CommandOutcomeUnknown, HostError
from gateway.assistant.kktpc.events import CommandAnswered, CommandUnanswered, Event
from protocol.kktpc import frame_v2 as v2

GRACE_S: Final = 5.0
"""Seconds after the deadline in which an answer that has begun may end.

It bounds a line that sends without end.
"""


class State(Enum):
    """State of the exchange."""

    IDLE = auto()
    CALLING = auto()
    RESTING = auto()
    SENT = auto()
    AWAITING = auto()
    TAKING = auto()
    ENDING = auto()


class HostV2:
    """One host at one serial line, with the methods of ``HostV3``, without EoT."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._reader = v2.FrameReaderV2()
        self._wire = bytearray()
        self._events: list[Event] = []
        self._state = State.IDLE
        self._until: float | None = None
        self._deadline = self._bytes_at = 0.0
        self._command: bytes | None = None
        self._went_out = False  # the frame may have been understood
        self._tries = self._frames = self._collisions = 0
        self._answer: bytes | None = None

    def ask(
        self,
        command: bytes,
        now: float,
        timeout_s: float,
        *,
        need_result: bool = True,
        repeatable: bool = False,
    ) -> None:
        """Begin a command (with its password).

        Exactly one ``CommandAnswered`` or ``CommandUnanswered`` follows. Every command is answered
        on this level, so ``need_result`` has no effect; no command is sent twice, so ``repeatable``
        has none either. Raise RuntimeError while another command is running.
        """
        if self._command is not None:
            raise RuntimeError("one command at a time")
        if len(command) > v2.MAX_DATA:
            self._events.append(
                CommandUnanswered(CommandNotDone(f"a v2 frame carries {v2.MAX_DATA} bytes"))
            )
            return
        self._command, self._went_out = command, False
        self._tries = self._collisions = 0
        self._deadline = now + timeout_s
        if self._state is State.IDLE:
            self._call(now)

    def receive(self, data: bytes, now: float) -> None:
        """Handle bytes of the line, in pieces of any size."""
        if self._command is not None and now >= self._deadline + GRACE_S:
            self._fail(self._fate("the register speaks, but does not answer"))
        if now - self._bytes_at >= v2.T6_S:
            self._reader.reset()  # the rest of that frame will not come
        self._bytes_at = now
        for item in self._reader.feed(data):
            reaction = _REACTIONS.get((self._state, _symbol(item)))
            if reaction is not None:
                reaction(self, item, now)

    def tick(self, now: float) -> None:
        """Handle the time ``now``: time-outs and repetitions."""
        if self._until is not None and now >= self._until:
            self._until = None
            _ON_TIMEOUT[self._state](self, now)

    @property
    def wake_at(self) -> float | None:
        """Return the time of the next ``tick``; None if there is nothing to wait for."""
        return self._until

    def to_send(self) -> bytes:
        """Return bytes for the line and remove them."""
        wire, self._wire = bytes(self._wire), bytearray()
        return wire

    def events(self) -> list[Event]:
        """Return the events and remove them."""
        events, self._events = self._events, []
        return events

    def farewell(self) -> bytes:
        """Return no bytes: v2 has no message at the end."""
        return b""

    def _enter(self, state: State, until: float | None, send: bytes = b"") -> None:
        self._state, self._until = state, until
        self._wire += send

    def _say(self, symbol: int) -> bytes:
        return bytes((symbol,))

    # Sending

    def _call(self, now: float) -> None:
        if self._tries >= v2.ENQ_ATTEMPTS:
            self._fail(self._fate("the register does not take the line"))
            return
        self._tries += 1
        # Jittered: in step with T6 an ENQ could fall into a broken frame again and again.
        self._enter(State.CALLING, now + v2.T1_S * (1 + self._jitter() / 4), self._say(v2.ENQ))

    def _rest(self, item: v2.ItemV2, now: float) -> None:
        """Wait after NAK or a collision, jittered against the other side."""
        self._enter(State.RESTING, now + v2.T7_S * (1 + self._jitter() / 4))

    def _collide(self, item: v2.ItemV2, now: float) -> None:
        """Handle an ENQ of both sides at once; at the second collision the host gives way."""
        self._collisions += 1
        if self._collisions > 1:
            self._take(item, now)
        else:
            self._rest(item, now)

    def _send_first(self, item: v2.ItemV2, now: float) -> None:
        self._frames = 0
        self._send(now)

    def _send(self, now: float) -> None:
        if self._frames >= v2.FRAME_ATTEMPTS:
            self._wire += self._say(v2.EOT)
            self._fail(self._fate("the frame was not acknowledged"))
            return
        assert self._command is not None
        self._frames += 1
        self._enter(State.SENT, now + v2.T3_S, v2.encode(self._command))

    def _send_again(self, item: v2.ItemV2, now: float) -> None:
        self._send(now)

    def _send_late(self, now: float) -> None:
        """Send the frame again without an answer; it may have been understood."""
        self._went_out = True
        self._send(now)

    def _sent(self, item: v2.ItemV2, now: float) -> None:
        self._went_out = True
        self._enter(State.AWAITING, self._deadline, self._say(v2.EOT))

    # Receiving

    def _take(self, item: v2.ItemV2, now: float) -> None:
        """Let the register transmit: it has sent ENQ, and its frame follows."""
        if self._state is State.SENT:
            self._went_out = True
        self._frames = 0
        self._enter(State.TAKING, now + v2.T2_S, self._say(v2.ACK))

    def _taken(self, item: v2.ItemV2, now: float) -> None:
        assert isinstance(item, v2.FrameV2)
        self._answer = item.data
        self._enter(State.ENDING, now + v2.T4_S, self._say(v2.ACK))

    def _broken(self, item: v2.ItemV2, now: float) -> None:
        self._ask_again(now)

    def _ask_again(self, now: float) -> None:
        self._reader.reset()
        self._frames += 1
        if self._frames > v2.FRAME_ATTEMPTS:
            self._not_taken(now)
        else:
            self._enter(State.TAKING, now + v2.T2_S, self._say(v2.NAK))

    def _late_frame(self, now: float) -> None:
        """Request an incomplete frame again; without any byte wait for the register's next ENQ."""
        if self._reader.pending:
            self._ask_again(now)
        else:
            self._not_taken(now)

    def _gave_up(self, item: v2.ItemV2, now: float) -> None:
        self._not_taken(now)

    def _not_taken(self, now: float) -> None:
        if self._went_out:
            self._enter(State.AWAITING, max(now, self._deadline))
        else:
            self._done(now)

    def _ended(self, item: v2.ItemV2, now: float) -> None:
        self._done(now)

    def _done(self, now: float) -> None:
        """End the exchange; after an old answer the command is still to be sent."""
        answer, self._answer = self._answer, None
        self._enter(State.IDLE, None)
        if self._command is None:
            return
        if self._went_out and answer is not None:
            self._command = None
            self._events.append(CommandAnswered(answer))
        else:
            self._tries = self._collisions = 0
            self._call(now)

    def _no_answer(self, now: float) -> None:
        self._fail(CommandOutcomeUnknown("the register did not answer in time"))

    def _fate(self, why: str) -> HostError:
        return CommandOutcomeUnknown(why) if self._went_out else CommandNotDone(why)

    def _fail(self, error: HostError) -> None:
        self._command = None
        self._enter(State.IDLE, None)
        self._events.append(CommandUnanswered(error))


def _symbol(item: v2.ItemV2) -> object:
    """Return the key of an item in the table: a control byte, or the class of a frame.

    Return None for junk.
    """
    if isinstance(item, v2.ControlByte):
        return item
    return None if isinstance(item, v2.BadFrameV2) and item.reason == "junk" else type(item)


_Reaction = Callable[[HostV2, v2.ItemV2, float], None]

# fmt: off
_REACTIONS: Final[Mapping[tuple[State, object], _Reaction]] = {
    (State.IDLE,     v2.ENQ):      HostV2._take,
    (State.CALLING,  v2.ACK):      HostV2._send_first,
    (State.CALLING,  v2.NAK):      HostV2._rest,
    (State.CALLING,  v2.ENQ):      HostV2._collide,
    (State.RESTING,  v2.ENQ):      HostV2._take,
    (State.SENT,     v2.ACK):      HostV2._sent,
    (State.SENT,     v2.NAK):      HostV2._send_again,
    (State.SENT,     v2.ENQ):      HostV2._take,
    (State.AWAITING, v2.ENQ):      HostV2._take,
    (State.TAKING,   v2.FrameV2):    HostV2._taken,
    (State.TAKING,   v2.BadFrameV2): HostV2._broken,
    (State.TAKING,   v2.ENQ):      HostV2._take,
    (State.TAKING,   v2.EOT):      HostV2._gave_up,
    (State.ENDING,   v2.EOT):      HostV2._ended,
    (State.ENDING,   v2.ENQ):      HostV2._take,
    (State.ENDING,   v2.FrameV2):    HostV2._taken,
    (State.ENDING,   v2.BadFrameV2): HostV2._broken,
}
"""Reactions by state and item; other items are noise."""

_ON_TIMEOUT: Final[Mapping[State, Callable[[HostV2, float], None]]] = {
    State.CALLING:  HostV2._call,
    State.RESTING:  HostV2._call,
    State.SENT:     HostV2._send_late,
    State.AWAITING: HostV2._no_answer,
    State.TAKING:   HostV2._late_frame,
    State.ENDING:   HostV2._done,
}
# fmt: on
