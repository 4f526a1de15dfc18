"""The host's side of KKT-PC v3 (KKT-PC 1.2 to 1.5): a state machine without a line or a clock.

One packet is on the line at a time, and each is answered under its id or times out.  The host
requests the status of an added command (``C3``) and never adds it twice, unless the register
reports that it does not have the command and cannot have executed it.  The host acknowledges the
answer (``C2``), which frees the command's place.  EoT works beside the commands: two places in the
buffer, DE and DF, alternately wait for data of the register, and DA is sent as a command without a
result.

Times are seconds of any monotonic clock.
"""

import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.assistant.kktpc.buffer_tasks import (
    BufferTask,
    CommandFate,
    NextRequest,
    PacketInFlight,
    TaskKind,
)
from gateway.assistant.kktpc.errors import CommandNotDone, CommandOutcomeUnknown
from gateway.assistant.kktpc.events import (
    CommandAnswered,
    CommandUnanswered,
    Event,
    LateFailure,
    RelayBroken,
    RelayData,
)
from protocol.errors import RemoteError
from protocol.kktpc import buffer, eot, frame
from protocol.kktpc.buffer import Flag

LAST_TASK_ID: Final = 0xDC
"""Largest task id of a command; DD belongs to the conversation, DE and DF to EoT."""

MOST_COMMAND: Final = frame.MAX_DATA - 3
"""Most bytes of password and command; Add, flags and task id precede them."""

TRIES: Final = 3
"""Tries of a packet whose loss does no harm: an abort, an acknowledgement."""

MOST_RELAYED: Final = 64
"""EoT commands that may wait; their sender checks ``relay_backlog`` first."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Times in seconds; those without a source are our own choice."""

    packet: float = 0.5
    """Time for the status that answers a packet (KKT-PC 1.4)."""
    byte: float = 10 / 115_200
    """Time of one byte on the line, which is added for a long packet."""
    ask: float = 1.0
    """Time without a result after which the host requests the status."""
    slot: float = 2.0
    """Time without data after which the host requests the status of an EoT place."""
    overflow: float = 0.05
    most_overflow: float = 1.0
    restart: float = 3.0
    """Shortest restart of a register: "not found" earlier means that a command never arrived."""
    silence: float = 10.0
    """Time without any answer after which a register counts as lost."""


class HostV3:
    """One host at one line.

    ``ask`` begins a command, ``receive`` takes bytes and ``tick`` the time; after each call,
    ``to_send`` returns bytes for the line, ``events`` the events, and ``wake_at`` the time of the
    next ``tick`` (None: when bytes come).
    """

    def __init__(
        self, timing: Timing | None = None, jitter: Callable[[], float] = random.random
    ) -> None:
        self._timing = timing or Timing()
        self._jitter = jitter
        self._reader = frame.FrameReader()
        self._next_packet = self._next_task = 0
        self._flight: PacketInFlight | None = None
        self._wire = bytearray()
        self._events: list[Event] = []
        self._heard_at = self._bytes_at = 0.0
        self._command: BufferTask | None = None
        self._leaving: deque[BufferTask] = deque()  # answered tasks to acknowledge, or an abort
        self._unclean = False  # the buffer may hold stopped tasks: abort before the next
        self._relay_on = self._relay_held = False
        self._slot: BufferTask | None = None
        self._relayed: deque[bytes] = deque()
        self._relaying: BufferTask | None = None

    # Calls of the owner

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

        Exactly one ``CommandAnswered`` or ``CommandUnanswered`` follows. Raise RuntimeError while
        another command is running.
        """
        if self._command is not None:
            raise RuntimeError("one command at a time")
        if len(command) > MOST_COMMAND:
            self._events.append(
                CommandUnanswered(CommandNotDone(f"a v3 packet carries {MOST_COMMAND} bytes"))
            )
            return
        self._heard_at = now
        if self._unclean:
            self._abort(now)
        self._command = self._task(
            TaskKind.COMMAND if need_result else TaskKind.COMMAND_WITHOUT_RESULT,
            command,
            now,
            now + timeout_s,
        )
        self._command.repeatable = repeatable
        self._send_next(now)

    def set_relay(self, on: bool, now: float, password: bytes = b"\x00\x00") -> None:
        """Start or stop EoT."""
        self._relay_on = on
        self._slot = self._new_slot(eot.SLOTS[0], password, now) if on else None
        self._relayed.clear()
        self._relaying = None
        if not on:
            self._unclean = True
        self._send_next(now)

    def relay_send(self, command: bytes, now: float) -> None:
        """Queue an EoT command (password, ``DA``, TLV); the owner checks ``relay_backlog``."""
        if len(self._relayed) >= MOST_RELAYED:
            self._break_relay()
        self._relayed.append(command)
        self._send_next(now)

    def pause_relay(self, pause: bool, now: float) -> None:
        """Open no new EoT place during a pause: the register keeps its data."""
        self._relay_held = pause
        self._send_next(now)

    @property
    def relay_backlog(self) -> int:
        """Return the number of EoT commands that the register has not accepted yet."""
        return len(self._relayed) + (self._relaying is not None)

    # Calls of the line and the clock

    def receive(self, data: bytes, now: float) -> None:
        """Handle bytes of the line, in pieces of any size."""
        self._bytes_at = now
        for item in self._reader.feed(data):
            if isinstance(item, frame.BadFrame):
                continue
            try:
                message = buffer.decode(item.data)
            except RemoteError:
                continue
            self._heard_at = now
            if item.packet_id == frame.ASYNC_ID:
                self._on_async_result(message, now)
            elif self._flight is not None and self._flight.packet_id == item.packet_id:
                self._on_reply(message, now)
        self._send_next(now)

    def tick(self, now: float) -> None:
        """Handle the time ``now``: time-outs and repetitions."""
        flight = self._flight
        if flight is not None and now >= flight.until:
            self._late_reply(flight, now)
        self._give_up(now)
        self._send_next(now)

    @property
    def wake_at(self) -> float | None:
        """Return the time of the next ``tick``; None if there is nothing to wait for."""
        times = [task.due for task in self._tasks()] if self._flight is None else []
        if self._flight is not None:
            times.append(self._flight.until)
        if self._command is not None:
            times += [self._command.deadline, self._heard_at + self._timing.silence]
        return min(times, default=None)

    def to_send(self) -> bytes:
        """Return bytes for the line and remove them."""
        wire, self._wire = bytes(self._wire), bytearray()
        return wire

    def events(self) -> list[Event]:
        """Return the events and remove them."""
        events, self._events = self._events, []
        return events

    def farewell(self) -> bytes:
        """Return the driver's last packets: free both EoT places and empty the buffer."""
        last: tuple[buffer.BufferMessage, ...] = (
            buffer.Ack(eot.SLOTS[0]),
            buffer.Ack(eot.SLOTS[1]),
            buffer.Abort(),
        )
        ids = (self._next_packet + step for step in range(len(last)))
        return b"".join(
            frame.encode(packet_id % (frame.LAST_HOST_ID + 1), buffer.encode(message))
            for packet_id, message in zip(ids, last, strict=True)
        )

    # Sending

    def _send_next(self, now: float) -> None:
        """Send the next packet if none is on the line."""
        if self._relayed and self._relaying is None:
            self._relaying = self._task(TaskKind.RELAY, self._relayed.popleft(), now, float("inf"))
        while self._flight is None:
            ready = [task for task in self._tasks() if task.due <= now]
            if not ready:
                return
            self._send(min(ready, key=lambda task: task.due), now)

    def _tasks(self) -> list[BufferTask]:
        """Return tasks with a request, the most urgent first; an abort precedes all others."""
        if self._leaving:
            return [self._leaving[0]]
        slot = self._slot
        if slot is not None and slot.fate is CommandFate.NOT_TAKEN and self._relay_held:
            slot = None
        return [task for task in (self._command, slot, self._relaying) if task is not None]

    def _send(self, task: BufferTask, now: float) -> None:
        packet_id = self._next_packet
        self._next_packet = (packet_id + 1) % (frame.LAST_HOST_ID + 1)
        if task.next_request is NextRequest.ADD:
            task.fate = CommandFate.UNKNOWN
            task.first_added = now if task.first_added is None else task.first_added
        wire = frame.encode(packet_id, buffer.encode(task.message()))
        self._wire += wire
        until = now + self._timing.packet + len(wire) * self._timing.byte
        self._flight = PacketInFlight(task, task.next_request, packet_id, until)

    def _task(self, kind: TaskKind, body: bytes, now: float, deadline: float) -> BufferTask:
        task_id = self._next_task
        self._next_task = (task_id + 1) % (LAST_TASK_ID + 1)
        # While EoT is on, a failure must not stop later tasks in the buffer.
        flags = Flag.IGNORE_ERROR if self._relay_on and kind is not TaskKind.RELAY else Flag(0)
        if kind is TaskKind.COMMAND:
            flags |= Flag.NEED_RESULT
        return BufferTask(kind, task_id, flags, body, now, deadline)

    def _new_slot(self, task_id: int, password: bytes, now: float) -> BufferTask:
        return BufferTask(
            TaskKind.SLOT, task_id, eot.ARM_FLAGS, password, now, float("inf"), repeatable=True
        )

    # Receiving

    def _on_reply(self, message: buffer.BufferMessage, now: float) -> None:
        """Handle the answer to the packet that is on the line."""
        assert self._flight is not None
        task, want = self._flight.task, self._flight.request
        self._flight = None
        if want in (NextRequest.ACK, NextRequest.ABORT):
            self._on_acknowledged(task, isinstance(message, buffer.Retransmit), now)
        elif self._is_alive(task):
            _REPLIES[type(message)](self, task, message, now)

    def _is_alive(self, task: BufferTask) -> bool:
        return task in (self._command, self._slot, self._relaying)

    def _on_async_result(self, message: buffer.BufferMessage, now: float) -> None:
        """Handle a result that the register sends unasked."""
        if not isinstance(message, buffer.AsyncResult | buffer.AsyncError):
            return
        for task in (self._command, self._slot):
            if task is not None and task.task_id == message.task_id:
                if task.fate is not CommandFate.NOT_TAKEN:
                    self._drop_flight(task)
                    self._finished(task, message, now)
                return
        if isinstance(message, buffer.AsyncError):
            self._late(message, now)

    def _late(self, message: buffer.AsyncError, now: float) -> None:
        if self._relay_on and self._relaying and self._relaying.task_id == message.task_id:
            self._break_relay()
        self._events.append(LateFailure(message.task_id, message.data))
        self._unclean = True

    def _drop_flight(self, task: BufferTask) -> None:
        """Stop waiting for the answer to the task's packet."""
        if self._flight is not None and self._flight.task is task:
            self._flight = None

    def _taken(self, task: BufferTask, message: buffer.BufferMessage, now: float) -> None:
        task.fate = CommandFate.TAKEN
        if task.kind is TaskKind.COMMAND_WITHOUT_RESULT:
            self._answer(CommandAnswered(b""))
        elif task.kind is TaskKind.RELAY:
            self._relaying = None
        else:
            wait = self._timing.slot if task.kind is TaskKind.SLOT else self._timing.ask
            task.schedule(NextRequest.REQUEST, now + wait)

    def _finished(
        self,
        task: BufferTask,
        message: buffer.BufferMessage,
        now: float,
    ) -> None:
        """Handle a result, good or bad, unasked or requested."""
        assert isinstance(
            message, buffer.Result | buffer.Error | buffer.AsyncResult | buffer.AsyncError
        )
        failed = isinstance(message, buffer.Error | buffer.AsyncError)
        if task.kind is TaskKind.RELAY:
            self._relaying = None
            if failed:
                self._break_relay()
        elif task.kind is TaskKind.SLOT:
            self._slot_spoke(task, message.data, failed, now)
        else:
            self._answer(CommandAnswered(message.data))
            self._forget_when_acknowledged(task, NextRequest.ACK, now)
            # A failure stops later tasks, but not while EoT is on (IGNORE_ERROR).
            self._unclean |= failed and not self._relay_on

    def _slot_spoke(self, task: BufferTask, data: bytes, failed: bool, now: float) -> None:
        """Acknowledge an EoT place with data, and open the other one as soon as it is free."""
        self._forget_when_acknowledged(task, NextRequest.ACK, now)
        other = eot.SLOTS[1] if task.task_id == eot.SLOTS[0] else eot.SLOTS[0]
        self._slot = self._new_slot(other, task.body, now + (self._timing.ask if failed else 0))
        if data and not failed:
            self._events.append(RelayData(data))

    def _stopped(self, task: BufferTask, message: buffer.BufferMessage, now: float) -> None:
        """Add the task again after an abort: it was not executed, because an earlier one failed."""
        command = self._command
        if command not in (None, task) and command.fate is not CommandFate.NOT_TAKEN:
            task.schedule(
                NextRequest.REQUEST, now + self._timing.ask
            )  # an abort would cancel that command too
            return
        task.fate = CommandFate.NOT_TAKEN
        self._abort(now)
        task.schedule(NextRequest.ADD, now)

    def _overflowed(self, task: BufferTask, message: buffer.BufferMessage, now: float) -> None:
        task.fate = CommandFate.NOT_TAKEN
        longer = max(self._timing.overflow, task.backoff * 2)
        task.backoff = min(longer, self._timing.most_overflow)
        task.schedule(NextRequest.ADD, now + task.backoff * (0.5 + self._jitter() / 2))

    def _not_found(self, task: BufferTask, message: buffer.BufferMessage, now: float) -> None:
        """Handle "not found": the task never arrived, or it was executed without a result."""
        never_came = task.fate is not CommandFate.TAKEN and self._cannot_have_restarted(task, now)
        if task.repeatable or (task.kind is TaskKind.COMMAND and never_came):
            task.fate = CommandFate.NOT_TAKEN
            task.schedule(NextRequest.ADD, now + self._pace(task))
        else:
            self._lose_track(task, "the register does not know it any more")

    def _cannot_have_restarted(self, task: BufferTask, now: float) -> bool:
        return task.first_added is not None and now - task.first_added < self._timing.restart

    def _refused(self, task: BufferTask, message: buffer.BufferMessage, now: float) -> None:
        if task.kind in (TaskKind.COMMAND, TaskKind.COMMAND_WITHOUT_RESULT):
            self._answer(
                CommandUnanswered(CommandNotDone("the register's buffer refuses the command"))
            )
        elif task.kind is TaskKind.SLOT:
            task.schedule(NextRequest.ADD, now + self._timing.most_overflow)
        else:
            self._relaying = None
            self._break_relay()

    def _came_broken(self, task: BufferTask, message: buffer.BufferMessage, now: float) -> None:
        """Repeat a packet that arrived damaged; request the status first, as the driver does."""
        if task.next_request is NextRequest.ADD and task.kind in (
            TaskKind.COMMAND_WITHOUT_RESULT,
            TaskKind.RELAY,
        ):
            task.fate = CommandFate.NOT_TAKEN
            task.schedule(NextRequest.ADD, now + self._pace(task))
        else:
            task.schedule(NextRequest.REQUEST, now + self._pace(task))

    def _on_unexpected_reply(
        self, task: BufferTask, message: buffer.BufferMessage, now: float
    ) -> None:
        """Handle a message that no register sends, as if no answer had come."""
        task.schedule(NextRequest.REQUEST, now + self._timing.packet)

    def _pace(self, task: BufferTask) -> float:
        """Return the pause before a repetition: none for a few tries, then that of a time-out."""
        return 0.0 if task.tries < TRIES else self._timing.packet

    # Losses

    def _late_reply(self, flight: PacketInFlight, now: float) -> None:
        """Handle a time-out; wait for the rest of an incomplete frame, whose length is bounded."""
        latest = self._bytes_at + self._timing.packet
        if self._reader.pending and now < latest:
            flight.until = latest
        else:
            self._flight = None
            self._unanswered(flight, now)

    def _unanswered(self, flight: PacketInFlight, now: float) -> None:
        task = flight.task
        if flight.request in (NextRequest.ACK, NextRequest.ABORT):
            self._on_acknowledged(task, True, now)
        elif self._is_alive(task):
            task.schedule(NextRequest.REQUEST, now)

    def _give_up(self, now: float) -> None:
        """End the command if its time is over or the register has been silent too long."""
        task = self._command
        if task is None:
            return
        if now >= task.deadline:
            why = "its time is over"
        elif now >= self._heard_at + self._timing.silence:
            why = "the register is silent"
        else:
            return
        self._drop_flight(task)
        if task.fate is CommandFate.NOT_TAKEN:
            self._answer(CommandUnanswered(CommandNotDone(why)))
        else:
            self._lose_track(task, why)
            self._unclean = True

    def _lose_track(self, task: BufferTask, why: str) -> None:
        if task.kind is TaskKind.RELAY:
            self._relaying = None
            self._break_relay()
        else:
            self._answer(CommandUnanswered(CommandOutcomeUnknown(why)))

    def _break_relay(self) -> None:
        self._relayed.clear()
        if RelayBroken() not in self._events:
            self._events.append(RelayBroken())

    def _answer(self, event: CommandAnswered | CommandUnanswered) -> None:
        self._command = None
        self._events.append(event)

    # Leaving the buffer

    def _forget_when_acknowledged(self, task: BufferTask, want: NextRequest, now: float) -> None:
        leaving = BufferTask(task.kind, task.task_id, task.flags, b"", now, now)
        leaving.next_request = want
        self._leaving.append(leaving)

    def _abort(self, now: float) -> None:
        """Empty the buffer; EoT's places are opened again."""
        abort = BufferTask(
            TaskKind.COMMAND_WITHOUT_RESULT,
            0,
            Flag(0),
            b"",
            now,
            now,
            next_request=NextRequest.ABORT,
        )
        self._leaving.clear()
        self._leaving.append(abort)
        self._flight = None
        self._unclean = False
        if self._relay_on and self._slot is not None:
            self._slot = self._new_slot(eot.SLOTS[0], self._slot.body, now)
            self._relaying = None
            self._break_relay()

    def _on_acknowledged(self, task: BufferTask, again: bool, now: float) -> None:
        """Handle the answer to an acknowledgement or an abort, or its loss (``again``).

        A few losses do no harm, but an EoT place that was not freed would repeat its data.
        """
        if not self._leaving or self._leaving[0] is not task:
            return
        if again and (task.kind is TaskKind.SLOT or task.tries < TRIES):
            task.schedule(task.next_request, now + self._pace(task))
        else:
            self._leaving.popleft()


_Reply = Callable[[HostV3, BufferTask, buffer.BufferMessage, float], None]

_REPLIES: Final[Mapping[type, _Reply]] = {
    buffer.Pending: HostV3._taken,
    buffer.InProgress: HostV3._taken,
    buffer.Waiting: HostV3._taken,
    buffer.AlreadyExists: HostV3._taken,
    buffer.Result: HostV3._finished,
    buffer.Error: HostV3._finished,
    buffer.Stopped: HostV3._stopped,
    buffer.Overflow: HostV3._overflowed,
    buffer.NotFound: HostV3._not_found,
    buffer.IllegalValue: HostV3._refused,
    buffer.Retransmit: HostV3._came_broken,
} | dict.fromkeys(
    (
        buffer.Add,
        buffer.Ack,
        buffer.Request,
        buffer.Abort,
        buffer.AckAdd,
        buffer.AsyncResult,
        buffer.AsyncError,
    ),
    HostV3._on_unexpected_reply,
)
"""Handlers of the answers to Add or Request; a host's own messages are unexpected."""
