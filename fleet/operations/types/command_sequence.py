"""Any KKT-PC commands, one after another, as a specialist wrote them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from fleet.accounts.roles import Right
from fleet.kit.input import HEX_PATTERN, Input
from fleet.kit.language import BilingualText
from fleet.operations.rules import Channel, StatusCause
from fleet.operations.types.contract import (
    Done,
    Failed,
    Objection,
    OperationSnapshot,
    OperationType,
    Send,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.types.setting_list import unknown_platform_objection
from fleet.subscriptions.entitlements import BY_COMMAND, Entitlement
from protocol.errors import RemoteError
from protocol.kktpc.command_names import name_of
from protocol.kktpc.commands import (
    BY_NAME,
    CommandFailed,
    encode_request,
    parse_answer,
    parse_request,
)

MAX_COMMANDS: Final = 100
MAX_COMMAND_BYTES: Final = 1024
ENTER_MODE: Final = f"{BY_NAME['enter_mode'].code:02x}"

KEPT_BYTES: Final = 512
"""Bytes kept of each answer; the answers of real registers have 300 at most."""

_CASHIERS: Final = frozenset(
    {
        *("open_receipt", "begin_item", "end_item", "item", "discount", "receipt_tax", "pay"),
        *("close_receipt", "cancel_receipt", "cash_in", "cash_out", "open_shift", "close_shift"),
    }
)
"""Commands that sign fiscal documents or move money: a person must see the customer."""

_OTHERS: Final = frozenset(
    {"firmware", "firmware_begin", "firmware_block", "firmware_install", "rotate_key", "relay"}
)
"""Commands that belong to operations of their own, which can go on after a lost link."""

REFUSED: Final = _CASHIERS | _OTHERS
"""Names of the commands that are refused.  Registration and the closing of the archive are
signed too, but they are a specialist's work."""


def _known_command(text: str) -> str:
    """Return the command in lower case; refuse an unknown one and one that may not be sent."""
    try:
        command, _ = parse_request(bytes.fromhex(text))
    except RemoteError as error:
        raise PydanticCustomError("command", "not a command", {"why": error.detail}) from None
    if command.name in REFUSED:
        name = name_of(command.name)
        raise PydanticCustomError(
            "command_refused", "may not be sent", {"name": BilingualText(name["ru"], name["en"])}
        )
    return text.lower()


CommandText = Annotated[
    str,
    Field(pattern=HEX_PATTERN, max_length=2 * MAX_COMMAND_BYTES),
    AfterValidator(_known_command),
]


class CommandSequenceParams(Input):
    """The commands, without access password and frame."""

    commands: Annotated[list[CommandText], Field(min_length=1, max_length=MAX_COMMANDS)] = Field(
        description="KKT-PC application commands in hexadecimal, in their order, for example 3f. "
        "Commands that make receipts, move money or open and close shifts are refused."
    )
    stop_on_failure: bool = Field(
        default=True, description="True: the first command that fails ends the sequence."
    )


class CommandSequence(OperationType[CommandSequenceParams]):
    """Operation that sends KKT-PC commands in their order.

    Its result holds ``answers``, one for each command: its name, the answer in hexadecimal (the
    first 512 bytes) and the register's ``code``, 0 for success.
    """

    kind: ClassVar = "command_sequence"
    label_ru: ClassVar = "Последовательность команд"
    label_en: ClassVar = "Sequence of commands"
    right: ClassVar = Right.SETTINGS
    channels: ClassVar = (Channel.CASH_SERVER, Channel.ASSISTANT)
    retryable: ClassVar = False
    """False: nobody knows which of the commands may be executed twice."""
    Params = CommandSequenceParams

    def objection(self, target: TargetRegister, params: CommandSequenceParams) -> Objection | None:
        return unknown_platform_objection(target)

    def required_services(self, params: CommandSequenceParams) -> tuple[Entitlement, ...]:
        """Return the services that operations doing the same as these commands need."""
        needed = (each for command in params.commands for each in _required_service(command))
        return tuple(dict.fromkeys(needed))

    def next_step(
        self, order: OperationSnapshot[CommandSequenceParams], answer: bytes | None
    ) -> StepOutcome:
        if order.progress.get("failure"):
            return Failed(StatusCause.COMMAND_FAILED, order.progress["failure"])
        heard: list[dict[str, Any]] = list(order.progress.get("answers", ()))
        commands = order.params.commands
        if answer is not None:
            heard.append(_describe_answer(commands[len(heard)], answer))
            if heard[-1]["code"] and order.params.stop_on_failure:
                return _give_up(commands, heard)
        if len(heard) == len(commands):
            return Done({"answers": heard})
        command = bytes.fromhex(commands[len(heard)])
        return Send(command, {"answers": heard}, 100 * len(heard) // len(commands))

    def abandon(self, order: OperationSnapshot[CommandSequenceParams]) -> Send | None:
        return _leave_mode(order.params.commands, order.progress)

    def without_secrets(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Mask commands and answers: a command may write a password, an answer may hold one."""
        return {
            name: ["•••"] * len(value) if name in ("commands", "answers") else value
            for name, value in values.items()
        }


def _required_service(command: str) -> tuple[Entitlement, ...]:
    row, fields = parse_request(bytes.fromhex(command))
    # The service covers switching paper off only (see PaperReceipt).
    return () if fields.get("enabled") else BY_COMMAND.get(row.name, ())


def _give_up(commands: Sequence[str], heard: list[dict[str, Any]]) -> StepOutcome:
    failure = {"command": heard[-1]["name"], "code": heard[-1]["code"], "answers": heard}
    left = _leave_mode(commands[: len(heard)], {"answers": heard, "failure": failure})
    return left or Failed(StatusCause.COMMAND_FAILED, failure)


def _leave_mode(commands: Sequence[str], progress: Mapping[str, Any]) -> Send | None:
    """Return a command that leaves the mode if one of the commands may have entered it."""
    entered = any(each.startswith(ENTER_MODE) for each in commands)
    return Send(encode_request("leave_mode"), progress, 99) if entered else None


def _describe_answer(command: str, answer: bytes) -> dict[str, Any]:
    """Return the answer's row of the result; raise ``RemoteError`` if it breaks the protocol."""
    row, _ = parse_request(bytes.fromhex(command))
    found = parse_answer(row, answer)
    code = found.code if isinstance(found, CommandFailed) else 0
    return {"name": row.name, "answer": answer[:KEPT_BYTES].hex(), "code": code}
