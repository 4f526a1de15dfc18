"""Messages of the cash-server conversation: one table row for each kind.

Outer messages are sent in the clear (HELLO, CHALLENGE, REFUSED); the others are sent inside SEALED
and begin with their type byte.
"""

from enum import IntEnum
from typing import Final, NamedTuple

from construct import Bytes, Int8ub, Int16ub, Int32ub, Int64ub

from protocol.errors import RemoteError
from protocol.rows import Side, message_row, parse

VERSION: Final = 1
"""Version of the conversation that HELLO announces."""

MAX_MESSAGE: Final = 0x3FFF
"""Largest data of one frame in bytes: the two length bytes have 7 bits each."""

CONVERSATION_COMMAND: Final = 0xDB
"""The one application command of the conversation; no public host uses its code."""

UP_PREFIX: Final = bytes((0xA6, 0xDD, CONVERSATION_COMMAND))
"""Register to gateway: asynchronous result of task DD."""

DOWN_PREFIX: Final = bytes((0xC1, 0x00, 0xDD, 0x00, 0x00, CONVERSATION_COMMAND))
"""Gateway to register: add task DD without a requested result, password 0000."""


class FrameKind(IntEnum):
    """Kind of a frame: the first byte after the prefix."""

    HELLO = 0x01
    CHALLENGE = 0x02
    SEALED = 0x03
    REFUSED = 0x04


class RefusalReason(IntEnum):
    """Reason why the gateway refuses a conversation."""

    UNKNOWN = 1
    KEY = 2
    BLOCKED = 3
    BUSY = 4
    VERSION = 5
    MALFORMED = 6
    ELSEWHERE = 7


class StepRefusal(IntEnum):
    """Reason why a register does not execute a step now."""

    SHIFT_OPEN = 1
    RECEIPTS_UNSENT = 2
    BUSY = 3
    UNSUPPORTED = 4
    LOW_BATTERY = 5
    STALE = 6
    """The step was executed so long ago that the journal has lost its answer.

    The register also answers so if nobody can tell any more whether the step was executed.
    """


class LinkChannel(IntEnum):
    """Channel between the register and the gateway, as HELLO names it."""

    EOU = 1
    ETHERNET = 2
    WIFI = 3
    GSM = 4
    EOT = 5
    OS_STACK = 6
    ASSISTANT = 7
    """Our addition: the Assistant connects for a register that cannot connect itself."""


class Hello(NamedTuple):
    """Opening of a conversation by the register.

    ``serial`` is 7 BCD bytes, ``nonce`` 16 random bytes.
    """

    version: int
    platform: int
    serial: bytes
    model: int
    channel: int
    key_generation: int
    nonce: bytes

    @property
    def serial_number(self) -> str:
        """Return the serial number, 14 digits.

        The gateway's end refuses a HELLO whose serial number is not BCD.
        """
        return self.serial.hex()


class Challenge(NamedTuple):
    """Proof of the gateway that it knows the register's key."""

    nonce: bytes
    proof: bytes


class ConversationRefused(NamedTuple):
    """Refusal of the conversation; the register waits ``retry_after_s`` seconds."""

    reason: int
    retry_after_s: int


class CheckIn(NamedTuple):
    """A reading: the telemetry block of ``block_version``, with its TLV tail."""

    block_version: int
    block: bytes


class Accepted(NamedTuple):
    """Confirmation that the reading is stored durably.

    ``server_time`` is in seconds since 1970; ``hold`` is 1 if the register keeps the connection
    open.
    """

    server_time: int
    next_check_in_s: int
    hold: int
    pending_operations: int


class Step(NamedTuple):
    """One application command of an operation, to be executed once."""

    operation_id: int
    step: int
    command: bytes


class StepDone(NamedTuple):
    """The application answer to a step, fresh or from the journal."""

    operation_id: int
    step: int
    answer: bytes


class StepRefused(NamedTuple):
    """Message that the register cannot do the operation now; ``reason`` is a ``StepRefusal``."""

    operation_id: int
    reason: int


class Block(NamedTuple):
    """One application command without an awaited answer: a piece of a stream.

    Repeating it does no harm; the STEP that follows asks how much of the stream has arrived.
    """

    operation_id: int
    command: bytes


class Farewell(NamedTuple):
    """End of the conversation: nothing is left to do, and the register disconnects."""

    next_check_in_s: int


class Keepalive(NamedTuple):
    """Sign that a held conversation is alive."""


Message = (
    Hello
    | Challenge
    | ConversationRefused
    | CheckIn
    | Accepted
    | Step
    | StepDone
    | StepRefused
    | Block
    | Farewell
    | Keepalive
)


# fmt: off
OUTER: Final = (
    message_row(FrameKind.HELLO, Hello, Side.REGISTER, version=Int8ub, platform=Int8ub,
        serial=Bytes(7), model=Int8ub, channel=Int8ub, key_generation=Int8ub, nonce=Bytes(16)),
    message_row(FrameKind.CHALLENGE, Challenge, Side.GATEWAY, nonce=Bytes(16), proof=Bytes(16)),
    message_row(FrameKind.REFUSED, ConversationRefused, Side.GATEWAY, reason=Int8ub,
        retry_after_s=Int16ub),
)
SEALED: Final = (
    message_row(0x10, CheckIn, Side.REGISTER, rest=True, block_version=Int8ub),
    message_row(0x11, Accepted, Side.GATEWAY, server_time=Int32ub, next_check_in_s=Int16ub,
        hold=Int8ub, pending_operations=Int8ub),
    message_row(0x12, Step, Side.GATEWAY, rest=True, operation_id=Int64ub, step=Int16ub),
    message_row(0x13, StepDone, Side.REGISTER, rest=True, operation_id=Int64ub, step=Int16ub),
    message_row(0x14, StepRefused, Side.REGISTER, operation_id=Int64ub, reason=Int8ub),
    message_row(0x15, Block, Side.GATEWAY, rest=True, operation_id=Int64ub),
    message_row(0x1E, Farewell, Side.GATEWAY, next_check_in_s=Int16ub),
    message_row(0x1F, Keepalive, Side.BOTH),
)
# fmt: on

BY_OUTER_CODE: Final = {each.code: each for each in OUTER}
BY_SEALED_CODE: Final = {each.code: each for each in SEALED}
ROWS: Final = {each.message: each for each in (*OUTER, *SEALED)}


def parse_sealed(plain: bytes) -> Message:
    """Return the message inside SEALED; raise ``RemoteError("malformed")`` for an unknown type."""
    found = BY_SEALED_CODE.get(plain[0]) if plain else None
    if found is None:
        raise RemoteError("malformed", "unknown sealed type")
    message: Message = parse(found, plain[1:])
    return message
