"""The host's side of lower level v2 (KKT-PC 2): a state machine without a line or a clock.

Law of the file: an exchange is ENQ, frame, EOT from us, and the same from the register with its
answer.  What the register wants to say while nothing is asked is an answer that nobody awaits: it
is taken, so that the register is free, and dropped.  There is no question "what became of it": a
command whose frame went out and that is not answered has an unknown fate.

Times are seconds of any clock that only goes forward.
"""

import random
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Final

from gateway.assistant.kktpc.errors import CommandNotDone, CommandOutcomeUnknown, HostError
from gateway.assistant.kktpc.events import CommandAnswered, CommandUnanswered, Event
from protocol.kktpc import frame_v2 as v2

GRACE_S: Final = 5.0
"""An answer that has begun in time may end later; a line that babbles may not go on for ever."""


class State(Enum):
    """Where the exchange stands."""

    IDLE = auto()
    CALLING = auto()
    RESTING = auto()
    SENT = auto()
    AWAITING = auto()
    TAKING = auto()
    ENDING = auto()


class HostV2:
    """One host at one serial line; the same calls as ``HostV3``, without EoT."""

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
        """Begins a command (with its password); exactly one ``CommandAnswered`` or
        ``CommandUnanswered`` follows.

        Everything is answered here, so ``need_result`` changes nothing; nothing is sent twice, so
        ``repeatable`` does not either.  RuntimeError while another command is under way.
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
        """Bytes of the line, in any pieces."""
        if self._command is not None and now >= self._deadline + GRACE_S:
            self._fail(self._fate("the register speaks, but does not answer"))
        if now - self._bytes_at >= v2.T6_S:
            self._reader.reset()  # the rest of that frame does not come any more
        self._bytes_at = now
        for item in self._reader.feed(data):
            reaction = _REACTIONS.get((self._state, _symbol(item)))
            if reaction is not None:
                reaction(self, item, now)

    def tick(self, now: float) -> None:
        """Time has passed."""
        if self._until is not None and now >= self._until:
            self._until = None
            _ON_TIMEOUT[self._state](self, now)

    @property
    def wake_at(self) -> float | None:
        """When ``tick`` has something to do."""
        return self._until

    def to_send(self) -> bytes:
        """Bytes for the line, once."""
        wire, self._wire = bytes(self._wire), bytearray()
        return wire

    def events(self) -> list[Event]:
        """What happened, once."""
        events, self._events = self._events, []
        return events

    def farewell(self) -> bytes:
        """v2 has nothing to say at the end."""
        return b""

    def _enter(self, state: State, until: float | None, send: bytes = b"") -> None:
        self._state, self._until = state, until
        self._wire += send

    def _say(self, symbol: int) -> bytes:
        return bytes((symbol,))

    # Asking

    def _call(self, now: float) -> None:
        if self._tries >= v2.ENQ_ATTEMPTS:
            self._fail(self._fate("the register does not take the line"))
            return
        self._tries += 1
        # A little longer each time: in step with T6 an ENQ could end in a broken frame for ever.
        self._enter(State.CALLING, now + v2.T1_S * (1 + self._jitter() / 4), self._say(v2.ENQ))

    def _rest(self, item: v2.ItemV2, now: float) -> None:
        """Busy, or both called at once: later, and not in step with the other side."""
        self._enter(State.RESTING, now + v2.T7_S * (1 + self._jitter() / 4))

    def _collide(self, item: v2.ItemV2, now: float) -> None:
        """Both called at once.  Who collides twice in step with the register gives way."""
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
        """No answer to the frame: it may have been understood."""
        self._went_out = True
        self._send(now)

    def _sent(self, item: v2.ItemV2, now: float) -> None:
        self._went_out = True
        self._enter(State.AWAITING, self._deadline, self._say(v2.EOT))

    # Being answered

    def _take(self, item: v2.ItemV2, now: float) -> None:
        """The register calls (again): a frame of it follows."""
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
        """Half a frame is asked for again; after nothing at all the register calls again."""
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
        """The register is free; if that was an old answer, the command is still to be sent."""
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
    """What the table tells apart: a control byte, a whole frame, a broken one; junk is neither."""
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
"""What is not in the table is noise."""

_ON_TIMEOUT: Final[Mapping[State, Callable[[HostV2, float], None]]] = {
    State.CALLING:  HostV2._call,
    State.RESTING:  HostV2._call,
    State.SENT:     HostV2._send_late,
    State.AWAITING: HostV2._no_answer,
    State.TAKING:   HostV2._late_frame,
    State.ENDING:   HostV2._done,
}
# fmt: on
