"""The task buffer of KKT-PC v3: what stands in a frame (KKT-PC 1.2 and 1.3).

The host puts commands into the register's buffer and asks what became of them; the register
answers with a status, or speaks by itself in packets of id F0.
"""

from enum import IntFlag
from typing import Final, NamedTuple

from construct import Int8ub

from protocol.errors import RemoteError
from protocol.rows import MessageRow, Side, message_row, parse
from protocol.rows import build as build_row


class Flag(IntFlag):
    """How the register treats an added command."""

    NEED_RESULT = 0x01
    IGNORE_ERROR = 0x02
    WAIT_ASYNC_DATA = 0x04


class Add(NamedTuple):
    """Put a command into the buffer; ``body`` is the access password and the command."""

    flags: int
    task_id: int
    body: bytes


class Ack(NamedTuple):
    """The result has come: its slot is free."""

    task_id: int


class Request(NamedTuple):
    """What became of a command?"""

    task_id: int


class Abort(NamedTuple):
    """Cancel everything and empty the buffer."""


class AckAdd(NamedTuple):
    """``Ack`` and ``Add`` in one; no public host sends it, the order of ids is inferred."""

    acknowledged: int
    flags: int
    task_id: int
    body: bytes


class Pending(NamedTuple):
    """It waits for those before it."""


class InProgress(NamedTuple):
    """It is being done."""


class Result(NamedTuple):
    """It is done; ``data`` is the application answer, or nothing."""

    data: bytes


class Error(NamedTuple):
    """It failed; ``data`` is the application answer."""

    data: bytes


class Stopped(NamedTuple):
    """It was pending when one before it failed."""


class AsyncResult(NamedTuple):
    """Sent by itself: a command is done."""

    task_id: int
    data: bytes


class AsyncError(NamedTuple):
    """Sent by itself: a command failed."""

    task_id: int
    data: bytes


class Waiting(NamedTuple):
    """It waits for data from outside."""


class Overflow(NamedTuple):
    """The buffer is full."""


class AlreadyExists(NamedTuple):
    """A command with this id is in the buffer."""


class NotFound(NamedTuple):
    """No command with this id is in the buffer."""


class IllegalValue(NamedTuple):
    """A parameter cannot be: 0 the flags, 1 the task id."""

    parameter: int


class Retransmit(NamedTuple):
    """An answer without data: what was asked did not arrive whole."""


BufferMessage = (
    Add
    | Ack
    | Request
    | Abort
    | AckAdd
    | Pending
    | InProgress
    | Result
    | Error
    | Stopped
    | AsyncResult
    | AsyncError
    | Waiting
    | Overflow
    | AlreadyExists
    | NotFound
    | IllegalValue
    | Retransmit
)

# fmt: off
ROWS: Final = (
    message_row(0xC1, Add, Side.GATEWAY, rest=True, flags=Int8ub, task_id=Int8ub),
    message_row(0xC2, Ack, Side.GATEWAY, task_id=Int8ub),
    message_row(0xC3, Request, Side.GATEWAY, task_id=Int8ub),
    message_row(0xC4, Abort, Side.GATEWAY),
    message_row(0xC5, AckAdd, Side.GATEWAY, rest=True, acknowledged=Int8ub, flags=Int8ub,
        task_id=Int8ub),
    message_row(0xA1, Pending, Side.REGISTER),
    message_row(0xA2, InProgress, Side.REGISTER),
    message_row(0xA3, Result, Side.REGISTER, rest=True),
    message_row(0xA4, Error, Side.REGISTER, rest=True),
    message_row(0xA5, Stopped, Side.REGISTER),
    message_row(0xA6, AsyncResult, Side.REGISTER, rest=True, task_id=Int8ub),
    message_row(0xA7, AsyncError, Side.REGISTER, rest=True, task_id=Int8ub),
    message_row(0xA8, Waiting, Side.REGISTER),
    message_row(0xB1, Overflow, Side.REGISTER),
    message_row(0xB2, AlreadyExists, Side.REGISTER),
    message_row(0xB3, NotFound, Side.REGISTER),
    message_row(0xB4, IllegalValue, Side.REGISTER, parameter=Int8ub),
)
# fmt: on

BY_CODE: Final[dict[int, MessageRow]] = {each.code: each for each in ROWS}
BY_MESSAGE: Final[dict[type, MessageRow]] = {each.message: each for each in ROWS}


ANSWER_WITHIN_S: Final[dict[type, float]] = {
    Add: 0.5,
    AckAdd: 0.5,
    Request: 0.5,
    Ack: 0.5,
    Abort: 0.1,
}
"""How long a host waits for the status that answers a message (KKT-PC 1.4)."""

ASYNC_WITHIN_S: Final = 0.5
"""How long a host listens for a result at a time, before it asks what became of a command."""

LAST_TASK_ID: Final = 0xDF
"""Task ids are 00 to DF; DD is the conversation's, DE and DF those of Ethernet over transport."""


def decode(data: bytes) -> BufferMessage:
    """What the unescaped data of a frame says; ``RemoteError("malformed")`` if nothing."""
    if not data:
        return Retransmit()
    found = BY_CODE.get(data[0])
    if found is None:
        raise RemoteError("malformed", f"the task buffer knows no code {data[0]:02X}")
    message: BufferMessage = parse(found, data[1:])
    return message


def encode(message: BufferMessage) -> bytes:
    """The data of a frame; ``LocalError`` for a value that does not fit."""
    if isinstance(message, Retransmit):
        return b""
    found = BY_MESSAGE[type(message)]
    return bytes((found.code,)) + build_row(found, message)
