"""One conversation with one register over any transport, without a task or timer of its own.

Theory of operation (callers, states, limits, bytes, commits): ``gateway/edge/__init__.py``.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from fleet.device_port import Answer, Caller, EndedConversation
from gateway.edge.context import EdgeContext, TransportLink
from gateway.edge.limits import Bucket
from gateway.edge.metrics import HOT_PATH_METRICS, LIMITS, STEPS, ConversationOutcome, Limit
from gateway.edge.refusals import reason_of, retry_after_s
from protocol.conversation.connection import ConversationState, GatewayEnd
from protocol.conversation.messages import (
    Accepted,
    Block,
    CheckIn,
    Farewell,
    Hello,
    Keepalive,
    Message,
    RefusalReason,
    Step,
    StepDone,
    StepRefused,
)
from protocol.errors import RemoteError


class Conversation:
    """Conversation, moved by its link, the sweep, ``stop`` and replies of the device port."""

    __slots__ = (
        "_bucket",
        "_caller",
        "_edge",
        "_end",
        "_ended",
        "_heard_at",
        "_opened_at",
        "_operations",
        "_outcome",
        "_reached",
        "_serial_number",
        "_steps",
        "_waits_since",
        "link",
    )

    def __init__(self, edge: EdgeContext, link: TransportLink) -> None:
        self._edge, self.link = edge, link
        self._end = GatewayEnd(edge.keys, max_message=edge.config.max_frame_bytes)
        self._opened_at = self._heard_at = monotonic()
        self._bucket = Bucket(edge.config.frames_per_s, self._opened_at)
        self._caller: Caller | None = None
        self._outcome = ConversationOutcome.CUT
        self._operations: tuple[int, ...] = ()
        self._serial_number, self._reached = "", ConversationState.SILENT
        self._ended, self._steps, self._waits_since = False, 0, 0.0
        edge.presence.add(self)
        if edge.stopping or len(edge.presence.open) > edge.config.max_conversations:
            LIMITS[Limit.CONVERSATIONS].inc()
            self.refuse(RefusalReason.BUSY, "conversations")

    @property
    def waiting(self) -> bool:
        """Tell whether a reply waits for the commit of its batch."""
        return bool(self._waits_since)

    @property
    def is_over(self) -> bool:
        """Tell whether, if no reply waits, the gateway has nothing more to send."""
        return self._end.state in (ConversationState.OPEN, ConversationState.CLOSED)

    def receive(self, data: bytes) -> None:
        """Handle bytes from the register; answer a violation of the protocol with REFUSED."""
        if self._ended:
            return
        HOT_PATH_METRICS.received_bytes += len(data)
        try:
            messages = self._end.receive(data)
            self._within_limits(messages)
            for message in messages:
                if not self._ended:
                    _HANDLERS[type(message)](self, message)
        except RemoteError as error:
            self.refuse(reason_of(error.code), error.code)

    def on_link_lost(self) -> None:
        """Finish, because the link is gone; later replies are dropped."""
        self.finish(self._outcome, "")

    def sweep(self, now: float) -> None:
        """Abort a conversation that has lasted or been silent for too long at ``now``."""
        config = self._edge.config
        if self._end.state is ConversationState.SILENT:
            if now - self._opened_at > config.hello_timeout_s:
                self.abort(Limit.HELLO_TIMEOUT)
        elif now - self._opened_at > config.max_age_s:
            self.abort(Limit.AGE)
        elif now - self._heard_at > config.idle_timeout_s:
            self.abort(Limit.IDLE_TIMEOUT)

    def stop(self) -> None:
        """Finish as the gateway stops, unless a reply waits for its commit."""
        if not self.waiting:
            self.finish(self._outcome if self._served else ConversationOutcome.STOPPED, "")

    @property
    def _served(self) -> bool:
        return self._outcome is ConversationOutcome.SERVED

    def _within_limits(self, messages: list[Message]) -> None:
        now, config = monotonic(), self._edge.config
        if messages:
            self._heard_at = now
        silent = self._end.state is ConversationState.SILENT
        if silent and self._end.pending > config.first_frame_bytes:
            LIMITS[Limit.FIRST_FRAME_BYTES].inc()
            raise RemoteError("first_frame_bytes")
        if not self._bucket.take(len(messages), now):
            LIMITS[Limit.FRAMES_PER_S].inc()
            raise RemoteError("busy", "too many frames a second")

    def _hello(self, hello: Hello) -> None:
        self._serial_number, self._reached = hello.serial_number, ConversationState.GREETED
        if not self._edge.handshakes.take(self.link.peer, self._heard_at):
            LIMITS[Limit.HANDSHAKES_PER_ADDRESS].inc()
            raise RemoteError("busy", "too many handshakes from this address")
        self._caller = self._edge.port.identify(hello)
        self._write(self._end.challenge())
        self._reached = ConversationState.CHALLENGED

    def _check_in(self, message: CheckIn) -> None:
        caller = self._known()
        if self.waiting:
            raise RemoteError("order", "a reading while the answer to a step is being written")
        self._reached = ConversationState.CHECKED_IN
        earlier = self._edge.presence.make_current(caller.serial_number, self)
        if earlier is not None:
            earlier.finish(ConversationOutcome.TAKEN_OVER, "")
        port, reply = self._edge.port, self._on_check_in_committed
        self._wait(port.check_in(caller, message.block_version, message.block, reply))

    def _step_answered(self, message: StepDone | StepRefused) -> None:
        self._wait(self._edge.port.step_done(self._known(), message, self._on_step_committed))

    def _known(self) -> Caller:
        if self._caller is None:
            raise RemoteError("order", "nobody has said HELLO")
        return self._caller

    def _wait(self, added: bool) -> None:
        if not added:
            LIMITS[Limit.WAITING_ITEMS].inc()
            raise RemoteError("busy", "too much waits to be written")
        self._waits_since = self._heard_at

    def _on_check_in_committed(self, answer: Answer | None) -> None:
        """Answer CHECK_IN after the commit; None means that it failed."""
        if not self._is_still_open(answer) or answer is None:
            return
        HOT_PATH_METRICS.record_check_in(self._heard_at - self._waits_since)
        self._waits_since, self._outcome = 0.0, ConversationOutcome.SERVED
        step = None if self._edge.stopping else answer.step
        pending = min(answer.pending, 255) if step else 0
        at = int(answer.at.timestamp())
        data = self._end.send(Accepted(at, self._edge.next_check_in_s(), 0, pending))
        self._write(data + self._encode_step(step, answer) if step else data)

    def _on_step_committed(self, answer: Answer | None) -> None:
        """Send the next step or FAREWELL after the commit; None: it failed."""
        if not self._is_still_open(answer) or answer is None:
            return
        self._waits_since = 0.0
        step = None if self._edge.stopping else answer.step
        farewell = Farewell(self._edge.next_check_in_s())
        self._write(self._encode_step(step, answer) if step else self._end.send(farewell))

    def _is_still_open(self, answer: Answer | None) -> bool:
        if self._ended:
            return False
        self._heard_at = monotonic()
        if answer is None:
            self.finish(ConversationOutcome.NOT_KEPT, "")
        return answer is not None

    def _encode_step(self, step: Step, answer: Answer) -> bytes:
        """Return the blocks of the step's stream and the step; count the step."""
        self._steps += 1
        STEPS.inc()
        if step.operation_id not in self._operations:
            self._operations += (step.operation_id,)
        step = self._edge.complete_step(step, self._known().serial_number)
        blocks = (Block(step.operation_id, command) for command in answer.blocks)
        return b"".join(map(self._end.send, blocks)) + self._end.send(step)

    def _write(self, data: bytes) -> None:
        HOT_PATH_METRICS.sent_bytes += len(data)
        self.link.write(data)

    def refuse(self, reason: RefusalReason, why: str) -> None:
        """Send REFUSED as the last message and finish."""
        if why == "oversize":
            LIMITS[Limit.FRAME_BYTES].inc()
        self._write(self._end.refuse(reason, retry_after_s(reason)))
        self.finish(ConversationOutcome(f"refused_{reason.name.lower()}"), why)

    def abort(self, limit: Limit) -> None:
        """Finish without a message: a time limit or a limit of the link is exceeded."""
        LIMITS[limit].inc()
        self.finish(self._outcome if self._served else ConversationOutcome.TIMED_OUT, limit)

    def finish(self, outcome: ConversationOutcome, why: str) -> None:
        """End once: leave the presence, record the ending, close the link."""
        if self._ended:
            return
        self._ended = True
        self._edge.presence.remove(self, self._serial_number)
        ended = EndedConversation(
            serial_number=self._serial_number,
            transport=self.link.transport,
            peer=self.link.peer,
            outcome=outcome,
            why=why,
            reached=self._furthest().name.lower(),
            steps=self._steps,
            operations=self._operations,
            ms=int(1000 * (monotonic() - self._opened_at)),
        )
        self._edge.endings.record(ended)
        self.link.close()

    def _furthest(self) -> ConversationState:
        """Return the furthest state reached; the state at the end says less."""
        if self._steps:
            return ConversationState.STEPPING
        return ConversationState.OPEN if self._served else self._reached


_HANDLERS: Final[dict[type[Any], Callable[[Conversation, Any], None]]] = {
    Hello: Conversation._hello,
    CheckIn: Conversation._check_in,
    StepDone: Conversation._step_answered,
    StepRefused: Conversation._step_answered,
    Keepalive: lambda _conversation, _message: None,  # receive() has recorded the time
}
