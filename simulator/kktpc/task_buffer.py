"""The register's task buffer (KKT-PC 1.2 to 1.4), which stores commands and their answers.

Commands wait here, are executed one after another, and keep their answers until the host has
acknowledged them. The buffer takes and returns messages; the caller executes the commands.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from protocol.kktpc.buffer import (
    Abort,
    Ack,
    AckAdd,
    Add,
    AlreadyExists,
    AsyncError,
    AsyncResult,
    BufferMessage,
    Error,
    Flag,
    IllegalValue,
    InProgress,
    NotFound,
    Overflow,
    Pending,
    Request,
    Result,
    Stopped,
    Waiting,
)
from protocol.kktpc.commands import PASSWORD_LENGTH

CAPACITY: Final = 32
"""Commands stored at once, done or not; a real register's capacity is not public."""

LAST_TASK_ID: Final = 0xDF
ALL_FLAGS: Final = int(Flag.NEED_RESULT | Flag.IGNORE_ERROR | Flag.WAIT_ASYNC_DATA)
WRONG_FLAGS, WRONG_TASK_ID = IllegalValue(0), IllegalValue(1)
ACCEPTED: Final = Result(b"")

Reply = BufferMessage


class TaskStage(Enum):
    """The stage of a command."""

    PENDING = auto()
    RUNNING = auto()
    WAITING = auto()
    DONE = auto()
    FAILED = auto()
    STOPPED = auto()


@dataclass(slots=True, eq=False)
class Slot:
    """One command: ``body`` is password and command, ``answer`` the application answer."""

    task_id: int
    flags: int
    body: bytes
    stage: TaskStage
    answer: bytes = b""


class TaskBuffer:
    """A buffer of at most ``capacity`` slots.

    ``running`` is the command to execute now; the caller that executed it calls ``finish``. A slot
    added with WAIT_ASYNC_DATA and no command waits for ``deliver``.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.running: Slot | None = None
        self._slots: dict[int, Slot] = {}
        self._capacity = capacity

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def unacknowledged(self) -> bool:
        """Tell whether an answer waits for the host's acknowledgement."""
        return any(
            slot.stage in (TaskStage.DONE, TaskStage.FAILED) for slot in self._slots.values()
        )

    def answer(self, message: BufferMessage) -> Reply:
        """Return the immediate reply; a message that no host sends is an illegal value."""
        match message:
            case Add():
                return self._add(message)
            case AckAdd(acknowledged, flags, task_id, body):
                return self._ack_add(acknowledged, Add(flags, task_id, body))
            case Ack(task_id):
                return self._ack(task_id)
            case Request(task_id):
                return self._state_of(task_id)
            case Abort():
                return self._abort()
            case _:
                return WRONG_FLAGS

    def finish(self, answer: bytes, failed: bool) -> AsyncResult | AsyncError | None:
        """Store the running command's answer and start the next command.

        Return a message about it for the host, or ``None`` if the host wants no result or has
        aborted the command meanwhile.
        """
        slot, self.running = self.running, None
        told = None
        if slot is not None and self._slots.get(slot.task_id) is slot:
            told = self._settle(slot, answer, failed)
        self._run_next()
        return told

    def deliver(self, data: bytes) -> AsyncResult | None:
        """Put data into the slot that has waited longest; return ``None`` if none waits."""
        slot = next((it for it in self._slots.values() if it.stage is TaskStage.WAITING), None)
        if slot is None:
            return None
        slot.stage, slot.answer = TaskStage.DONE, data
        return AsyncResult(slot.task_id, data)

    def _settle(self, slot: Slot, answer: bytes, failed: bool) -> AsyncResult | AsyncError | None:
        if failed and not slot.flags & Flag.IGNORE_ERROR:
            slot.stage, slot.answer = TaskStage.FAILED, answer
            self._stop_pending()
            return AsyncError(slot.task_id, answer)
        if not slot.flags & Flag.NEED_RESULT:
            del self._slots[slot.task_id]
            return None
        slot.stage, slot.answer = TaskStage.DONE, answer
        return AsyncResult(slot.task_id, answer)

    def _stop_pending(self) -> None:
        for slot in self._slots.values():
            if slot.stage is TaskStage.PENDING:
                slot.stage = TaskStage.STOPPED

    def _run_next(self) -> None:
        pending = (it for it in self._slots.values() if it.stage is TaskStage.PENDING)
        self.running = next(pending, None)
        if self.running is not None:
            self.running.stage = TaskStage.RUNNING

    def _add(self, add: Add) -> Reply:
        refusal = self._refuse(add)
        if refusal is not None:  # not "if refusal": a message without fields is false
            return refusal
        arms = bool(add.flags & Flag.WAIT_ASYNC_DATA) and len(add.body) <= PASSWORD_LENGTH
        stage = TaskStage.WAITING if arms else TaskStage.PENDING
        self._slots[add.task_id] = Slot(add.task_id, add.flags, add.body, stage)
        if self.running is None:
            self._run_next()
        return self._state_of(add.task_id)

    def _refuse(self, add: Add) -> Reply | None:
        if add.flags > ALL_FLAGS:
            return WRONG_FLAGS
        if add.task_id > LAST_TASK_ID:
            return WRONG_TASK_ID
        if add.task_id in self._slots:
            return AlreadyExists()
        return Overflow() if len(self._slots) >= self._capacity else None

    def _ack(self, task_id: int) -> Reply:
        """Remove a finished slot; reply with the state of any other."""
        slot = self._slots.get(task_id)
        if slot is None or slot.stage in (TaskStage.PENDING, TaskStage.RUNNING):
            return self._state_of(task_id)
        del self._slots[task_id]
        return ACCEPTED

    def _ack_add(self, acknowledged: int, add: Add) -> Reply:
        """Acknowledge one slot and add another, or do neither."""
        slot = self._slots.get(acknowledged)
        reply = self._ack(acknowledged)
        if slot is None or acknowledged in self._slots:
            return reply
        reply = self._add(add)
        if isinstance(reply, IllegalValue | AlreadyExists | Overflow):
            self._slots[acknowledged] = slot
        return reply

    def _state_of(self, task_id: int) -> Reply:
        if task_id > LAST_TASK_ID:
            return WRONG_TASK_ID
        slot = self._slots.get(task_id)
        return NotFound() if slot is None else _STATES[slot.stage](slot.answer)

    def _abort(self) -> Reply:
        """Clear the buffer; the running command is finished, but its answer is dropped."""
        self._slots.clear()
        return ACCEPTED


_STATES: Final[dict[TaskStage, Callable[[bytes], BufferMessage]]] = {
    TaskStage.PENDING: lambda _: Pending(),
    TaskStage.RUNNING: lambda _: InProgress(),
    TaskStage.WAITING: lambda _: Waiting(),
    TaskStage.DONE: Result,
    TaskStage.FAILED: Error,
    TaskStage.STOPPED: lambda _: Stopped(),
}
