"""Transfer of a template's content to a register in blocks.

The register names the next block that it wants, so an interrupted transfer (by a cancellation too)
goes on where it stopped.  The content takes effect with the last command only.
"""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from fleet.kit.input import MAX_INTEGER, Input
from fleet.operations.errors import PLATFORM_UNFIT, PLATFORM_UNKNOWN
from fleet.operations.rules import StatusCause
from fleet.operations.types.contract import (
    Done,
    Failed,
    Objection,
    OperationSnapshot,
    Send,
    StepOutcome,
    TargetRegister,
)
from protocol.kktpc.commands import BY_NAME, CommandFailed, encode_request, parse_answer
from protocol.platforms import Platform
from protocol.templates import TemplateKind, block, block_count

TemplateId = Annotated[int, Field(ge=1, lt=MAX_INTEGER)]


class FromTemplate(Input):
    """Parameters that a template may give instead of the person."""

    template_id: TemplateId | None = Field(
        default=None,
        description="A template of this kind; its content replaces the fields that it gives.",
    )


@dataclass(frozen=True, slots=True)
class TemplateTransfer:
    """Content to transfer; ``tape_width_mm`` 0 fits every tape."""

    kind: TemplateKind
    tape_width_mm: int
    content: bytes


def platform_objection(target: TargetRegister, platform: Platform) -> Objection | None:
    """Object to a register that does not have this platform."""
    if target.platform is None:
        return Objection(PLATFORM_UNKNOWN)
    if target.platform is not platform:
        return Objection(PLATFORM_UNFIT, {"platform": platform})
    return None


def next_step(
    transfer: TemplateTransfer, order: OperationSnapshot[Any], answer: bytes | None
) -> StepOutcome:
    """Return the next step of a transfer (``OperationType.next_step``)."""
    if answer is None:
        return _begin(transfer)
    name, sent = order.progress["command"], order.progress["block"]
    found = parse_answer(BY_NAME[name], answer)
    if isinstance(found, CommandFailed):
        return Failed(StatusCause.COMMAND_FAILED, {"command": name, "code": found.code})
    if name == "template_apply":
        return Done({"size": len(transfer.content), "sha256": _sha256(transfer).hex()})
    wanted: int = found["next"]
    # After a block the register must want the following one, else the transfer would never end.
    expected = sent + 1 if name == "template_block" else wanted
    if wanted != expected or wanted > block_count(len(transfer.content)):
        return Failed(StatusCause.BAD_ANSWER, {"code": "block_unexpected"})
    return _send_block(transfer, wanted)


def _begin(transfer: TemplateTransfer) -> Send:
    command = encode_request(
        "template_begin",
        kind=transfer.kind,
        tape_width_mm=transfer.tape_width_mm,
        size=len(transfer.content),
        sha256=_sha256(transfer),
    )
    return Send(command, {"command": "template_begin", "block": 0}, 0)


def _send_block(transfer: TemplateTransfer, number: int) -> Send:
    count = block_count(len(transfer.content))
    percent = 100 * number // (count + 1)
    if number == count:
        return Send(
            encode_request("template_apply"), {"command": "template_apply", "block": number}, 99
        )
    data = block(transfer.content, number)
    command = encode_request("template_block", number=number, data=data)
    return Send(command, {"command": "template_block", "block": number}, percent)


def _sha256(transfer: TemplateTransfer) -> bytes:
    return hashlib.sha256(transfer.content).digest()
