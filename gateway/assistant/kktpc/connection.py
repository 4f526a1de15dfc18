"""Connection to a register of platform 2.5 by a KKT-PC line.

A real register does not support our own commands, so they are refused as *unsupported*, except the
offer of a firmware image: its blocks are collected on the PC, the image is verified, and then it is
loaded into the register as the manufacturer's driver does it (KKT-PC 3.2).  A failure that may pass
with time (an open shift, unsent receipts) postpones the step instead of failing the operation.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from gateway.assistant.image_store import ImageNotGenuine, ImageStore, Progress, line_blocks
from gateway.assistant.kktpc import reading as kktpc_reading
from gateway.assistant.kktpc.errors import CommandNotDone, CommandOutcomeUnknown, HostError
from gateway.assistant.kktpc.host import KktHost
from gateway.assistant.kktpc.reading import QUESTIONS, Moment, QuestionRefused
from gateway.assistant.register_connection import (
    ConnectionKind,
    RegisterIdentity,
    RegisterUnreachable,
    StepOutcomeUnknown,
)
from protocol.conversation.messages import StepRefusal
from protocol.errors import ProtocolError
from protocol.fields import Fields
from protocol.kktpc.command_tables.extensions import OURS
from protocol.kktpc.commands import encode_request, may_repeat, parse_request
from protocol.kktpc.firmware_commands import EcFunction
from protocol.kktpc.registers import internal_register_named, parse_register, request_fields
from protocol.platforms import Platform

DONE: Final = b"\x55\x00\x00"
FIRMWARE: Final = 0xEC
RESTARTS_S: Final = 1.0
"""Seconds from the answer to EC 00 until the line is closed."""

WRONG_FORMAT, WRONG_LENGTH, NO_DATA = 0x13, 0x14, 0xAF
"""Result codes that the Assistant answers instead of the register."""

UNSUPPORTED_COMMANDS: Final = frozenset({row.code for row in OURS} | {0xD2, 0xD3, 0xD4})
"""Our own commands, which no real register supports."""

RETRY_LATER: Final[Mapping[int, StepRefusal]] = {
    0x9B: StepRefusal.BUSY,
    0x9C: StepRefusal.SHIFT_OPEN,
    0xE6: StepRefusal.LOW_BATTERY,
    0xED: StepRefusal.RECEIPTS_UNSENT,
}
"""Result codes after which a step is repeated later without changes."""

_RETRIABLE_COMMANDS: Final = frozenset({0x56, 0xA6, 0xA7, FIRMWARE})
"""Commands whose refusal means "not now": entering a mode, the fiscal drive, firmware."""

MAX_DOCUMENTS: Final = 32
"""Most documents to examine of those signed since a command was sent."""

Observe = Callable[[bytes, kktpc_reading.Ask], Awaitable[Any]]
IsOwnChange = Callable[[bytes, Any, Any, kktpc_reading.Ask], Awaitable[bool]]


async def _always(_: bytes, __: Any, ___: Any, ____: kktpc_reading.Ask) -> bool:
    return True


class CommandTrace(NamedTuple):
    """Visible change that a command makes.

    A cashier uses the register too, so a change may have another cause: ``is_own`` decides from the
    command and from the values observed before and after it.
    """

    observe: Observe
    is_own: IsOwnChange = _always


def _observe_field(question: kktpc_reading.RegisterQuestion, field: str) -> Observe:
    async def look(_: bytes, ask: kktpc_reading.Ask) -> Any:
        return (await question(ask))[field]

    return look


def _document_trace(*kinds: int) -> CommandTrace:
    """Return the trace of a new document of one of these kinds (fiscal data format)."""

    async def is_own(_: bytes, before: int, after: int, ask: kktpc_reading.Ask) -> bool:
        for number in range(before + 1, min(after, before + MAX_DOCUMENTS) + 1):
            if (await kktpc_reading.document(number)(ask))["type"] in kinds:
                return True
        return False

    return CommandTrace(_observe_field(QUESTIONS["drive"], "last_document"), is_own)


def _cash(sign: int) -> CommandTrace:
    """Return the trace of the drawer's sum, changed by exactly the command's own sum."""

    async def is_own(command: bytes, before: int, after: int, _: kktpc_reading.Ask) -> bool:
        return bool(after - before == sign * parse_request(command)[1]["sum"])

    return CommandTrace(_observe_field(kktpc_reading.CASH, "sum"), is_own)


async def _is_later_phase(_: bytes, before: int, after: int, __: kktpc_reading.Ask) -> bool:
    """Tell whether the phase is later; an earlier phase means another fiscal drive."""
    return after > before


async def _firmware(_: bytes, ask: kktpc_reading.Ask) -> Any:
    found = await QUESTIONS["firmware"](ask)
    return [found["major"], found["minor"], found["build"]]


async def _licence(command: bytes, ask: kktpc_reading.Ask) -> Any:
    return list(await ask(encode_request("read_protection_code", number=command[1])))


TRACES: Final[Mapping[int, CommandTrace]] = {
    0x49: _cash(+1),
    0x4A: _document_trace(3, 31, 4, 41),
    0x4F: _cash(-1),
    0x5A: _document_trace(5),
    0x6D: CommandTrace(_licence),
    0x9A: _document_trace(2),
    0xA6: _document_trace(1, 11),
    0xA7: CommandTrace(_observe_field(QUESTIONS["drive"], "phase"), _is_later_phase),
    FIRMWARE: CommandTrace(_firmware),
}
"""Changes by which the execution of a command can be recognised."""


class KktPcConnection:
    """Connection to a register; ``close`` closes the host.

    ``report_percent`` gets the progress of loading firmware into the register.
    """

    def __init__(
        self, about: RegisterIdentity, host: KktHost, store: ImageStore, now: Callable[[], datetime]
    ) -> None:
        self.identity = about
        self.host = host
        self.report_percent: Progress = lambda percent: None
        self._store = store
        self._now = now

    async def reading(self) -> dict[str, Any]:
        """Return a reading; ``reading_number`` stays 0, because the journal counts it."""
        zone = self._now().astimezone().utcoffset()
        pc_offset_min = int(zone.total_seconds()) // 60 if zone else 0
        moment = Moment(self._now(), pc_offset_min)
        return await kktpc_reading.read(self._ask, moment, self.host.lower_level)

    async def execute(self, command: bytes, step: str) -> bytes | StepRefusal:
        """Return the register's answer, or a refusal.

        ``step`` is not used, because a register remembers no steps.
        """
        if not command or command[0] in UNSUPPORTED_COMMANDS:
            return StepRefusal.UNSUPPORTED
        if command[0] == FIRMWARE:
            return await self._firmware(command)
        return await self._passed(command)

    async def state_before(self, command: bytes) -> dict[str, Any]:
        """Return the observed value that the command will change, as ``seen``.

        The result is empty if the command may be repeated or leaves no trace.
        """
        if may_repeat(command) or command[:1] == b"" or command[0] not in TRACES:
            return {}
        try:
            return {"seen": await TRACES[command[0]].observe(command, self._ask)}
        except (ProtocolError, QuestionRefused):
            return {}

    async def recover_answer(self, command: bytes, before: dict[str, Any]) -> bytes | None:
        """Return the answer if the command's trace shows that it was executed.

        Raise ``StepOutcomeUnknown`` without a trace, or if something else made the change.
        """
        if may_repeat(command) or not command or command[0] in UNSUPPORTED_COMMANDS:
            return None
        after = await self.state_before(command)
        if not (before and after):
            raise StepOutcomeUnknown(f"nothing tells whether {command[0]:02X} was done")
        if after["seen"] == before["seen"]:
            return None
        if not await self._is_own(command, before["seen"], after["seen"]):
            raise StepOutcomeUnknown(f"{command[0]:02X} need not be what changed the register")
        return DONE

    async def ask(self, question: kktpc_reading.RegisterQuestion) -> Fields:
        """Return the answer to one of ``kktpc_reading.QUESTIONS``.

        Raise ``QuestionRefused``, ``RemoteError`` or ``RegisterUnreachable``.
        """
        return await question(self._ask)

    async def close(self) -> None:
        self.host.close()

    async def _is_own(self, command: bytes, before: Any, after: Any) -> bool:
        try:
            return await TRACES[command[0]].is_own(command, before, after, self._ask)
        except (ProtocolError, QuestionRefused):
            return False

    async def _ask(self, command: bytes) -> bytes:
        """Send a question; it is harmless if its answer is lost."""
        try:
            return await self.host.ask(command)
        except HostError as error:
            self.host.close()
            raise RegisterUnreachable(str(error)) from None

    async def _passed(self, command: bytes) -> bytes | StepRefusal:
        try:
            answer = await self.host.ask(command)
        except CommandNotDone:
            return StepRefusal.BUSY
        except CommandOutcomeUnknown as error:
            # The line may still work, but a new one asks the register again what it has executed.
            self.host.close()
            raise RegisterUnreachable(str(error)) from None
        except HostError as error:
            raise RegisterUnreachable(str(error)) from None
        if command[0] in _RETRIABLE_COMMANDS and answer[:1] == b"\x55" and answer[1:2] != b"\0":
            return RETRY_LATER.get(answer[1] if len(answer) > 1 else 0, answer)
        return answer

    async def _firmware(self, command: bytes) -> bytes | StepRefusal:
        try:
            _, fields = parse_request(command)
        except ProtocolError:
            return _failed(WRONG_LENGTH)
        function = _FUNCTIONS.get(fields["function"])
        if function is None:
            return await self._passed(command)
        try:
            return await function(self, command, fields)
        except ImageNotGenuine:
            return _failed(WRONG_FORMAT)

    async def _begin(self, command: bytes, fields: Fields) -> bytes | StepRefusal:
        if "sha256" not in fields["body"]:
            return await self._passed(command)
        try:
            wanted = self._store.begin(command, self.identity.model)
        except ProtocolError:
            return _failed(WRONG_FORMAT)
        return DONE + wanted.to_bytes(2, "little")

    async def _block(self, _: bytes, fields: Fields) -> bytes | StepRefusal:
        self._store.write(fields["body"]["number"], fields["body"]["data"])
        return DONE

    async def _verify(self, command: bytes, _: Fields) -> bytes | StepRefusal:
        """Load the verified image into the register, complete and from its beginning."""
        content = self._store.proven_image()
        if content is None:
            return _failed(NO_DATA)
        blocks = line_blocks(content)
        if blocks is None:
            return _failed(WRONG_LENGTH)
        begun = await self._passed(_ec(EcFunction.BEGIN, {"blocks": len(blocks)}))
        if begun != DONE and not (isinstance(begun, bytes) and begun[:2] == DONE[:2]):
            return begun
        for number, data in enumerate(blocks):
            await self._send_block(_ec(EcFunction.BLOCK, {"number": number, "data": data}))
            self.report_percent(100 * (number + 1) // len(blocks))
        return await self._passed(command)

    async def _send_block(self, command: bytes) -> None:
        try:
            await self.host.ask(command, need_result=False)
        except HostError as error:
            self.host.close()
            raise RegisterUnreachable(str(error)) from None

    async def _start(self, command: bytes, _: Fields) -> bytes | StepRefusal:
        """Restart an idle register with its image, in the driver's order: CE 00, EC 00."""
        why_not = await self._not_at_rest()
        if why_not is not None:
            return why_not
        entered = await self._passed(encode_request("power", function=0))
        if isinstance(entered, StepRefusal):
            return entered
        answer = await self._passed(command)
        if answer == DONE:
            self._store.forget()
            # A serial line stays open while the register restarts, so it is closed and found again.
            asyncio.get_running_loop().call_later(RESTARTS_S, self.host.close)
        return answer

    async def _not_at_rest(self) -> StepRefusal | None:
        try:
            state = await QUESTIONS["state"](self._ask)
            exchange = await QUESTIONS["exchange"](self._ask)
        except (ProtocolError, QuestionRefused):
            return StepRefusal.BUSY
        reasons = {
            StepRefusal.LOW_BATTERY: state["flags"]["battery_low"],
            StepRefusal.SHIFT_OPEN: state["flags"]["shift_open"],
            StepRefusal.BUSY: state["receipt_state"],
            StepRefusal.RECEIPTS_UNSENT: exchange["unsent_documents"],
        }
        return next((reason for reason, is_so in reasons.items() if is_so), None)


_FUNCTIONS: Final[
    Mapping[int, Callable[[KktPcConnection, bytes, Fields], Awaitable[bytes | StepRefusal]]]
] = {
    EcFunction.BEGIN: KktPcConnection._begin,
    EcFunction.BLOCK: KktPcConnection._block,
    EcFunction.VERIFY: KktPcConnection._verify,
    EcFunction.START: KktPcConnection._start,
}


def _ec(function: EcFunction, body: Mapping[str, Any]) -> bytes:
    return encode_request("firmware", function=function, body=dict(body))


def _failed(code: int) -> bytes:
    return bytes((0x55, code, 0))


async def identify_register(host: KktHost, kind: ConnectionKind, place: str) -> RegisterIdentity:
    """Ask a register for its serial number, model and firmware.

    Raise ``RegisterUnreachable`` if it does not report them.
    """

    async def ask(command: bytes) -> bytes:
        try:
            return await host.ask(command)
        except HostError as error:
            raise RegisterUnreachable(str(error)) from None

    serial = internal_register_named("serial_number")
    try:
        answer = await ask(encode_request("read_register", **request_fields(serial)))
        serial_number = parse_register(serial, answer[2:])["serial_number"]
        state = await QUESTIONS["state"](ask)
        found = await QUESTIONS["firmware"](ask)
    except (ProtocolError, QuestionRefused) as error:
        raise RegisterUnreachable(f"it does not say who it is: {error}") from None
    version = f"{found['major']}.{found['minor']}.{int(found['build'])}"
    return RegisterIdentity(serial_number, Platform.V2_5, state["model"], version, kind, place)
