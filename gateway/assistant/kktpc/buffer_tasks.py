"""Tasks that a host puts into a register's buffer, and the next request about each."""

from dataclasses import dataclass
from enum import Enum, auto

from protocol.kktpc import buffer
from protocol.kktpc.buffer import Flag


class TaskKind(Enum):
    """Kind of a task in the register's buffer."""

    COMMAND = auto()
    COMMAND_WITHOUT_RESULT = auto()
    RELAY = auto()
    SLOT = auto()


class NextRequest(Enum):
    """Request to send next about a task."""

    ADD = auto()
    REQUEST = auto()
    ACK = auto()
    ABORT = auto()


class CommandFate(Enum):
    """State of a command in the register, as far as it is known."""

    NOT_TAKEN = auto()
    UNKNOWN = auto()
    TAKEN = auto()


@dataclass(slots=True, eq=False)
class BufferTask:
    """A task in the register's buffer."""

    kind: TaskKind
    task_id: int
    flags: Flag
    body: bytes
    due: float
    deadline: float
    repeatable: bool = False
    next_request: NextRequest = NextRequest.ADD
    fate: CommandFate = CommandFate.NOT_TAKEN
    first_added: float | None = None
    tries: int = 0
    backoff: float = 0.0

    def message(self) -> buffer.BufferMessage:
        """Return the message to send next about the task."""
        if self.next_request is NextRequest.ADD:
            return buffer.Add(self.flags, self.task_id, self.body)
        if self.next_request is NextRequest.REQUEST:
            return buffer.Request(self.task_id)
        return buffer.Ack(self.task_id) if self.next_request is NextRequest.ACK else buffer.Abort()

    def schedule(self, want: NextRequest, due: float) -> None:
        """Set the next request and its time; count repetitions of the same request."""
        self.tries = self.tries + 1 if want is self.next_request else 0
        self.next_request, self.due = want, due


@dataclass(slots=True)
class PacketInFlight:
    """The packet that was sent and is not answered yet."""

    task: BufferTask
    request: NextRequest
    packet_id: int
    until: float
