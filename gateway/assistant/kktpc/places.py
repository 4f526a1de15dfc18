"""What a host puts into a register's buffer, and what is to be sent about it next."""

from dataclasses import dataclass
from enum import Enum, auto

from protocol.kktpc import buffer
from protocol.kktpc.buffer import Flag


class Kind(Enum):
    """What is put into the register's buffer."""

    COMMAND = auto()
    BLIND = auto()
    RELAY = auto()
    SLOT = auto()


class Want(Enum):
    """What is to be sent next for something in the buffer."""

    ADD = auto()
    REQUEST = auto()
    ACK = auto()
    ABORT = auto()


class Fate(Enum):
    """What the register has made of a command, as far as we know."""

    OUTSIDE = auto()
    DOUBTFUL = auto()
    TAKEN = auto()


@dataclass(slots=True, eq=False)
class Task:
    """A place in the register's buffer."""

    kind: Kind
    task_id: int
    flags: Flag
    body: bytes
    due: float
    deadline: float
    repeatable: bool = False
    want: Want = Want.ADD
    fate: Fate = Fate.OUTSIDE
    first_added: float | None = None
    tries: int = 0
    backoff: float = 0.0

    def message(self) -> buffer.Message:
        if self.want is Want.ADD:
            return buffer.Add(self.flags, self.task_id, self.body)
        if self.want is Want.REQUEST:
            return buffer.Request(self.task_id)
        return buffer.Ack(self.task_id) if self.want is Want.ACK else buffer.Abort()

    def next(self, want: Want, due: float) -> None:
        self.tries = self.tries + 1 if want is self.want else 0
        self.want, self.due = want, due


@dataclass(slots=True)
class Flight:
    """The packet that is on the line."""

    task: Task
    want: Want
    packet_id: int
    until: float
