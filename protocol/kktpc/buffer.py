"""The task buffer of KKT-PC v3: the messages in frames (KKT-PC 1.2 and 1.3).

The host adds commands to the register's buffer and asks for their status; the register answers with
a status, or sends a result unasked in packets with the id F0.
"""

from enum import IntFlag
from typing import Final, NamedTuple

from construct import Int8ub

from protocol.errors import RemoteError
from protocol.rows import MessageRow, Side, message_row, parse
from protocol.rows import build as build_row


class Flag(IntFlag):
    """Treatment of an added command by the register."""

    NEED_RESULT = 0x01
    IGNORE_ERROR = 0x02
    WAIT_ASYNC_DATA = 0x04


class Add(NamedTuple):
    """Request to add a command; ``body`` is the access password and the command."""

    flags: int
    task_id: int
    body: bytes


class Ack(NamedTuple):
    """Confirmation that the host has received the result; the register frees its slot."""

    task_id: int


class Request(NamedTuple):
    """Request for the status of a command."""

    task_id: int


class Abort(NamedTuple):
    """Request to cancel all commands and to empty the buffer."""


class AckAdd(NamedTuple):
    """``Ack`` and ``Add`` in one message.

    No public host sends it; the order of the two task ids is inferred.
    """

    acknowledged: int
    flags: int
    task_id: int
    body: bytes


class Pending(NamedTuple):
    """Status: the command waits for earlier commands."""


class InProgress(NamedTuple):
    """Status: the command is being executed."""


class Result(NamedTuple):
    """Status: the command is done; ``data`` is the application answer, or empty."""

    data: bytes


class Error(NamedTuple):
    """Status: the command failed; ``data`` is the application answer."""

    data: bytes


class Stopped(NamedTuple):
    """Status: the command was pending when an earlier command failed."""


class AsyncResult(NamedTuple):
    """Unasked message of the register: a command is done."""

    task_id: int
    data: bytes


class AsyncError(NamedTuple):
    """Unasked message of the register: a command failed."""

    task_id: int
    data: bytes


class Waiting(NamedTuple):
    """Status: the command waits for data from outside."""


class Overflow(NamedTuple):
    """Error: the buffer is full."""


class AlreadyExists(NamedTuple):
    """Error: a command with this id is already in the buffer."""


class NotFound(NamedTuple):
    """Error: no command with this id is in the buffer."""


class IllegalValue(NamedTuple):
    """Error: a parameter is invalid (0: the flags, 1: the task id)."""

    parameter: int


class Retransmit(NamedTuple):
    """Answer without data: the register did not receive the message completely."""


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
"""Seconds that a host waits for the status that answers a message (KKT-PC 1.4)."""

ASYNC_WITHIN_S: Final = 0.5
"""Seconds that a host listens for a result before it requests the command's status."""

LAST_TASK_ID: Final = 0xDF
"""Largest task id.

DD belongs to the conversation, DE and DF to Ethernet over transport.
"""


def decode(data: bytes) -> BufferMessage:
    """Return the message in a frame's unescaped data; raise ``RemoteError("malformed")``."""
    if not data:
        return Retransmit()
    found = BY_CODE.get(data[0])
    if found is None:
        raise RemoteError("malformed", f"the task buffer knows no code {data[0]:02X}")
    message: BufferMessage = parse(found, data[1:])
    return message


def encode(message: BufferMessage) -> bytes:
    """Return the data of a frame; raise ``LocalError`` for a value that does not fit."""
    if isinstance(message, Retransmit):
        return b""
    found = BY_MESSAGE[type(message)]
    return bytes((found.code,)) + build_row(found, message)
