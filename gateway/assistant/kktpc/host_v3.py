"""The host's side of KKT-PC v3 (KKT-PC 1.2 to 1.5): a state machine without a line or a clock.

Law of the file: one packet is on the line at a time, and each is answered under its id or times
out.  A command that was added is asked for (``C3``), never added twice, unless the register says
that it does not have it and cannot have done it.  The answer is acknowledged (``C2``), which
frees its place.  EoT lives beside the commands: two places in the buffer, DE and DF, wait in turn
for what the register sends, and DA goes out as a command without a result.

Times are seconds of any clock that only goes forward.
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
"""DD is the conversation's, DE and DF are EoT's."""

MOST_COMMAND: Final = frame.MAX_DATA - 3
"""Bytes of password and command: Add, flags and task id go before them."""

TRIES: Final = 3
"""How often something is sent whose loss does no harm: an abort, an acknowledged command."""

MOST_RELAYED: Final = 64
"""EoT commands that may wait; who makes them looks at ``relay_backlog`` first."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds; ours where nothing else is said."""

    packet: float = 0.5
    """For the status that answers a packet (KKT-PC 1.4)."""
    byte: float = 10 / 115_200
    """What a byte takes on the line: a long packet is answered later."""
    ask: float = 1.0
    """No result came by itself for so long: ask."""
    slot: float = 2.0
    """The same for an EoT place, where waiting is usual."""
    overflow: float = 0.05
    most_overflow: float = 1.0
    restart: float = 3.0
    """A register cannot restart faster: "not found" within it means that a command never came."""
    silence: float = 10.0
    """A register that says nothing at all for so long is gone."""


class HostV3:
    """One host at one line.

    ``ask`` begins a command, ``receive`` takes bytes and ``tick`` the time; after each,
    ``to_send`` are bytes for the line, ``events`` what happened, and ``wake_at`` when to tick
    again (None: when bytes come).
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
        self._leaving: deque[BufferTask] = deque()  # answered, to be acknowledged; or an abort
        self._unclean = False  # something stopped may lie in the buffer: abort before the next
        self._relay_on = self._relay_held = False
        self._slot: BufferTask | None = None
        self._relayed: deque[bytes] = deque()
        self._relaying: BufferTask | None = None

    # What the owner says

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

        One at a time: RuntimeError while another is under way.
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
        """Begins or ends to listen to EoT."""
        self._relay_on = on
        self._slot = self._new_slot(eot.SLOTS[0], password, now) if on else None
        self._relayed.clear()
        self._relaying = None
        if not on:
            self._unclean = True
        self._send_next(now)

    def relay_send(self, command: bytes, now: float) -> None:
        """An EoT command (password, ``DA``, TLV) in its turn; the owner minds ``relay_backlog``."""
        if len(self._relayed) >= MOST_RELAYED:
            self._break_relay()
        self._relayed.append(command)
        self._send_next(now)

    def pause_relay(self, pause: bool, now: float) -> None:
        """Arms no new place while it holds: the register keeps what it has to say."""
        self._relay_held = pause
        self._send_next(now)

    @property
    def relay_backlog(self) -> int:
        """EoT commands that the register has not taken yet."""
        return len(self._relayed) + (self._relaying is not None)

    # What the line and the clock say

    def receive(self, data: bytes, now: float) -> None:
        """Bytes of the line, in any pieces."""
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
        """Time has passed."""
        flight = self._flight
        if flight is not None and now >= flight.until:
            self._late_reply(flight, now)
        self._give_up(now)
        self._send_next(now)

    @property
    def wake_at(self) -> float | None:
        """When ``tick`` has something to do."""
        times = [task.due for task in self._tasks()] if self._flight is None else []
        if self._flight is not None:
            times.append(self._flight.until)
        if self._command is not None:
            times += [self._command.deadline, self._heard_at + self._timing.silence]
        return min(times, default=None)

    def to_send(self) -> bytes:
        """Bytes for the line, once."""
        wire, self._wire = bytes(self._wire), bytearray()
        return wire

    def events(self) -> list[Event]:
        """What happened, once."""
        events, self._events = self._events, []
        return events

    def farewell(self) -> bytes:
        """What the driver says before it hangs up: EoT's places are free, the buffer is empty."""
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
        """Sends the next packet if none is on the line."""
        if self._relayed and self._relaying is None:
            self._relaying = self._task(TaskKind.RELAY, self._relayed.popleft(), now, float("inf"))
        while self._flight is None:
            ready = [task for task in self._tasks() if task.due <= now]
            if not ready:
                return
            self._send(min(ready, key=lambda task: task.due), now)

    def _tasks(self) -> list[BufferTask]:
        """What wants something, the most urgent first; an abort goes before everything."""
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
        # Beside EoT a failure must not stop what stands behind it in the buffer.
        flags = Flag.IGNORE_ERROR if self._relay_on and kind is not TaskKind.RELAY else Flag(0)
        if kind is TaskKind.COMMAND:
            flags |= Flag.NEED_RESULT
        return BufferTask(kind, task_id, flags, body, now, deadline)

    def _new_slot(self, task_id: int, password: bytes, now: float) -> BufferTask:
        return BufferTask(
            TaskKind.SLOT, task_id, eot.ARM_FLAGS, password, now, float("inf"), repeatable=True
        )

    # Hearing

    def _on_reply(self, message: buffer.BufferMessage, now: float) -> None:
        """The answer to the packet that is on the line."""
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
        """A result that the register sends by itself."""
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
        """Nobody waits for that packet's answer any more."""
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
        """A result, good or bad, by itself or because it was asked for."""
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
            # What stood behind a failure is stopped; beside EoT nothing is (IGNORE_ERROR).
            self._unclean |= failed and not self._relay_on

    def _slot_spoke(self, task: BufferTask, data: bytes, failed: bool, now: float) -> None:
        """The other place is armed as soon as this one is free."""
        self._forget_when_acknowledged(task, NextRequest.ACK, now)
        other = eot.SLOTS[1] if task.task_id == eot.SLOTS[0] else eot.SLOTS[0]
        self._slot = self._new_slot(other, task.body, now + (self._timing.ask if failed else 0))
        if data and not failed:
            self._events.append(RelayData(data))

    def _stopped(self, task: BufferTask, message: buffer.BufferMessage, now: float) -> None:
        """It surely was not done, because one before it failed: empty the buffer, begin anew."""
        command = self._command
        if command not in (None, task) and command.fate is not CommandFate.NOT_TAKEN:
            task.schedule(
                NextRequest.REQUEST, now + self._timing.ask
            )  # an abort would take that with it
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
        """The register does not have it: it never came, or it was done without a result."""
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
        """The register heard something broken: a command is asked for first, as the driver does."""
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
        """No answer of a register: as if nothing had come."""
        task.schedule(NextRequest.REQUEST, now + self._timing.packet)

    def _pace(self, task: BufferTask) -> float:
        """At once a few times, then as slowly as if nothing came."""
        return 0.0 if task.tries < TRIES else self._timing.packet

    # Losing

    def _late_reply(self, flight: PacketInFlight, now: float) -> None:
        """Half a frame that still comes is waited for; its length bounds the wait."""
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
        """A command ends when its time is over, or when the register has been silent too long."""
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
        """Empties the buffer: EoT's places too, which are taken anew."""
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
        """An acknowledgement or an abort was heard; a few losses do no harm, but a place of EoT
        that was not freed would say the same once more."""
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
"""What each answer to Add or Request means; whatever a host sends is strange from a register."""
