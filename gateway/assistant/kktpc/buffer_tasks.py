"""What a host puts into a register's buffer, and what is to be sent about it next."""

from dataclasses import dataclass
from enum import Enum, auto

from protocol.kktpc import buffer
from protocol.kktpc.buffer import Flag


class TaskKind(Enum):
    """What is put into the register's buffer."""

    COMMAND = auto()
    COMMAND_WITHOUT_RESULT = auto()
    RELAY = auto()
    SLOT = auto()


class NextRequest(Enum):
    """What is to be sent next for something in the buffer."""

    ADD = auto()
    REQUEST = auto()
    ACK = auto()
    ABORT = auto()


class CommandFate(Enum):
    """What the register has made of a command, as far as we know."""

    NOT_TAKEN = auto()
    UNKNOWN = auto()
    TAKEN = auto()


@dataclass(slots=True, eq=False)
class BufferTask:
    """A place in the register's buffer."""

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
        if self.next_request is NextRequest.ADD:
            return buffer.Add(self.flags, self.task_id, self.body)
        if self.next_request is NextRequest.REQUEST:
            return buffer.Request(self.task_id)
        return buffer.Ack(self.task_id) if self.next_request is NextRequest.ACK else buffer.Abort()

    def schedule(self, want: NextRequest, due: float) -> None:
        self.tries = self.tries + 1 if want is self.next_request else 0
        self.next_request, self.due = want, due


@dataclass(slots=True)
class PacketInFlight:
    """The packet that is on the line."""

    task: BufferTask
    request: NextRequest
    packet_id: int
    until: float
