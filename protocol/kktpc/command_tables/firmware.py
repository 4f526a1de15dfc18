"""TABLE of the commands of firmware transfer: EC of platform 2.5 (KKT-PC 3.2), D2 to D4 ours."""

from typing import Any

from construct import (
    Byte,
    Default,
    ExprValidator,
    GreedyBytes,
    Int16ul,
    Int32ub,
    Optional,
    Select,
    Struct,
    Switch,
    Terminated,
    this,
)

from protocol.fields import some_bytes, whole
from protocol.firmware import OFFER
from protocol.kktpc.command_tables.parts import DONE, NOTHING, Command

_BLOCKS = "blocks" / Int16ul


def _no_offer(body: dict[str, Any], _: object) -> bool:
    """Tell whether a body has only blocks, so that an invalid offer is refused, not omitted."""
    return {name for name in body if not name.startswith("_")} == {"blocks"}


_BEGIN = Select(ExprValidator(Struct(_BLOCKS, Terminated), _no_offer), Struct(_BLOCKS, *OFFER))
_BODY = Switch(
    this.function,
    {3: _BEGIN, 4: Struct("number" / Int16ul, "data" / GreedyBytes)},
    default=Struct(),
)

# fmt: off
FIRMWARE: tuple[Command, ...] = (
    Command(0xD2, "firmware_begin", whole(*OFFER), whole("next" / Int32ub), 30,
            "platform 5.0, ours: an image is offered; next: the block wanted", repeatable=True),
    Command(0xD3, "firmware_block", whole("number" / Int32ub, "data" / some_bytes()), DONE, 10,
            "platform 5.0, ours: a block, unanswered in a conversation", repeatable=True),
    Command(0xD4, "firmware_install", NOTHING, DONE, 30,
            "platform 5.0, ours: check the image, back the settings up, restart with it"),
    Command(0xEC, "firmware", whole("function" / Byte, "body" / _BODY),
            whole("reserved" / Default(Optional(Byte), 0),
                  "next" / Default(Optional(Int16ul), None)),
            30, "functions 3 begin (answered with the next block wanted), 4 block (unanswered in a "
            "conversation), 5 verify, 0 start (OBS); the offer after the number of blocks is ours, "
            "and without it a host of the manufacturer begins",
            repeatable=True, except_for=frozenset({0x00})),
)
# fmt: on
