"""TABLE of the application commands (KKT-PC 3.1), and the bytes of their requests and answers.

A request is the command's byte and its parameters; on an ordinary line a two-byte password goes
before it (`with_password`), inside a STEP nothing does. A good answer begins with
`Command.success`; a failure with `Command.failure` and the result code.

`D0` to `D9` and `DC` are ours: platform 5.0 knows its settings by number, and how its own wire
carries them and much else is not public. They look like their neighbours 50 and 46; no public host
uses these codes.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from construct import (
    Bit,
    BitStruct,
    Byte,
    Const,
    Construct,
    Default,
    ExprAdapter,
    Flag,
    GreedyBytes,
    Int16ub,
    Int16ul,
    Int32ub,
    Nibble,
    Optional,
    Prefixed,
    Struct,
    Switch,
    this,
)
from construct import Bytes as RawBytes
from construct import Mapping as Mapped

from protocol.errors import LocalError, RemoteError
from protocol.fields import (
    Fields,
    bcd_calendar,
    bcd_digits,
    bcd_int,
    build,
    digits_of,
    packed,
    parse,
    some_bytes,
    whole,
)
from protocol.firmware import OFFER
from protocol.text import decode_cp866, encode_cp866

PASSWORD_LENGTH = 2
SHORT_ANSWER = 4
"""Bytes of an answer that says no more than that something is done, or why not."""


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """`success` opens a good answer; `failure`, the result code after it, opens a bad one (None:
    this command cannot fail). `timeout_s`: how long a host waits for the answer."""

    code: int
    name: str
    request: Construct
    answer: Construct
    timeout_s: int
    note: str
    success: bytes = b"\x55\x00"
    failure: bytes | None = b"\x55"


@dataclass(frozen=True, slots=True)
class CommandFailed:
    """The register refused or failed; see `result_codes.describe`."""

    code: int


_ascii_2 = ExprAdapter(
    RawBytes(2), lambda raw, _: raw.decode("ascii"), lambda text, _: text.encode("ascii")
)
_cp866_rest = ExprAdapter(
    GreedyBytes, lambda raw, _: decode_cp866(raw), lambda text, _: encode_cp866(text)
)
_mode = BitStruct("submode" / Nibble, "mode" / Nibble)
_cell = ("table" / Byte, "row" / Int16ub, "field" / Byte)
_yes_or_no = Mapped(Byte, {False: 0, True: 1})
_version = ("major" / Byte, "minor" / Byte, "language" / Byte, "build" / bcd_digits(2))

_NOTHING = whole()
# The reserved byte after the result code is sent by every register seen and promised by none.
_DONE = whole("reserved" / Default(Optional(Byte), 0))
_STATE = whole(
    "cashier" / bcd_int(1),
    "hall" / Byte,
    "clock" / bcd_calendar(datetime, "year month day hour minute second"),
    "flags"
    / BitStruct(
        "battery_low" / Flag,
        "fiscal_drive_activated" / Flag,
        "cover_open" / Flag,
        "unused" / Default(Bit, 0),
        "paper_present" / Flag,
        "drawer_closed" / Flag,
        "shift_open" / Flag,
        "fiscalised" / Flag,
    ),
    "short_serial" / bcd_digits(4),
    "model" / Byte,
    "version" / _ascii_2,
    "mode" / _mode,
    "receipt_number" / bcd_int(2),
    "last_closed_shift" / bcd_int(2),
    "receipt_state" / Byte,
    "receipt_sum" / bcd_int(5),
    "decimal_point" / Byte,
    "port" / Byte,
)
_STATE_CODE = whole(
    "mode" / _mode,
    "flags"
    / BitStruct(
        "unused" / Default(Bit, 0),
        "paper_near_end" / Flag,
        "printer_error" / Flag,
        "overheated" / Flag,
        "cutter_error" / Flag,
        "mechanical_error" / Flag,
        "printer_missing" / Flag,
        "no_paper" / Flag,
    ),
)
_FIRMWARE_BODY = Switch(
    this.function,
    {
        3: Struct("blocks" / Int16ul, *OFFER),
        4: Struct("number" / Int16ul, "data" / GreedyBytes),
    },
    default=Struct(),
)

# fmt: off
COMMANDS: tuple[Command, ...] = (
    Command(0x3F, "read_state", _NOTHING, _STATE, 3,
            "state: clock, flags, mode, receipt; receipt_sum in kopecks; port 1 RS-232, 4 USB, "
            "5 Bluetooth, 6 Ethernet, 7 Wi-Fi; receipt_state 0 closed, 1 sell, 2 sell return, "
            "4 buy, 5 buy return, 7 and 9 corrections",
            success=b"\x44"),
    Command(0x45, "read_state_code", _NOTHING, _STATE_CODE, 3,
            "mode and faults of the printer", success=b"\x55", failure=None),
    Command(0x46, "read_table", whole(*_cell), whole("value" / some_bytes()), 3,
            "a table cell at its full length; strings come in the internal code page"),
    Command(0x48, "leave_mode", _NOTHING, _DONE, 10, "leave the current mode"),
    Command(0x50, "write_table", whole(*_cell, "value" / some_bytes()), _DONE, 3,
            "value as long as read_table returned it; strings go in CP866; some models want "
            "mode 4 (result code 66h)"),
    Command(0x56, "enter_mode", whole("mode" / Byte, "password" / bcd_digits(4)), _DONE, 3,
            "1 registration, 2 X-reports, 3 Z-reports, 4 programming, 5 fiscal memory, "
            "6 fiscal drive, 7 extra; the manufacturer's driver uses password 00000030"),
    Command(0x6D, "enter_protection_code", whole("number" / Byte, "code" / RawBytes(8)), _DONE, 10,
            "a licence of platform 2.5, numbers 1 to 30; a wrong code is AEh"),
    Command(0x74, "read_protection_code", whole("number" / Byte), whole("entered" / _yes_or_no), 3,
            "whether the code of that number has been entered", success=b"\x4c"),
    Command(0x91, "read_register",
            whole("register" / Byte, "parameter_1" / Default(Byte, 0),
                  "parameter_2" / Default(Byte, 0)),
            whole("data" / some_bytes()), 30, "data as laid out in registers.py"),
    Command(0x9D, "read_version", whole("source" / Byte), whole(*_version), 3,
            "source 01 firmware, 03 boot loader, 11 release, 91 configuration, A0 templates (hex)"),
    Command(0xA4, "ask_fiscal_drive",
            whole("question" / Byte, "parameters" / Default(GreedyBytes, b"")),
            whole("data" / GreedyBytes), 30,
            "questions and answers as laid out in fiscal_drive.py"),
    Command(0xA5, "read_type", _NOTHING,
            whole("protocol" / Byte, "type" / Byte, "model" / Byte, "mode_bits" / Int16ub,
                  *_version, "name" / _cp866_rest),
            3, "what stands at the other end; type 1 is a cash register",
            success=b"\x00", failure=b""),
    Command(0xA6, "fiscalise", _NOTHING, _DONE, 50,
            "registration, or another one as tag 1101 says, with the requisites of E8; mode 6"),
    Command(0xA7, "close_archive", _NOTHING, _DONE, 20,
            "closes the archive of the fiscal drive for good; mode 6"),
    Command(0xD0, "write_setting", whole("number" / Int16ub, "value" / GreedyBytes), _DONE, 3,
            "platform 5.0, ours: value as settings.encode_value makes it"),
    Command(0xD1, "read_setting", whole("number" / Int16ub), whole("value" / GreedyBytes), 3,
            "platform 5.0, ours: value as settings.decode_value takes it"),
    Command(0xD2, "firmware_begin", whole(*OFFER), whole("next" / Int32ub), 30,
            "platform 5.0, ours: an image is offered; next: the block wanted"),
    Command(0xD3, "firmware_block", whole("number" / Int32ub, "data" / some_bytes()), _DONE, 3,
            "platform 5.0, ours: a block, unanswered in a conversation"),
    Command(0xD4, "firmware_install", _NOTHING, _DONE, 30,
            "platform 5.0, ours: check the image, back the settings up, restart with it"),
    Command(0xD5, "write_licence", whole("kind" / Byte, "licence" / some_bytes()), _DONE, 10,
            "platform 5.0, ours: kind 1 platform 5.0, 2 Web DKKT, 3 newger as a fiscal printer; "
            "a licence that is none is AEh"),
    Command(0xD6, "rotate_key",
            whole("generation" / Byte, "key" / Default(GreedyBytes, b"")), _DONE, 10,
            "ours: the register's key (32 bytes) of another generation, tried at the next call"),
    Command(0xD7, "print_receipts", whole("enabled" / _yes_or_no), _DONE, 3,
            "ours: receipts on paper, or not"),
    Command(0xD8, "template_begin",
            whole("kind" / Byte, "tape_width_mm" / Byte, "size" / Int32ub, "sha256" / RawBytes(32)),
            whole("next" / Int16ub), 10,
            "ours: a template is coming (templates.py); next is the first block that is wanted"),
    Command(0xD9, "template_block", whole("number" / Int16ub, "data" / some_bytes()),
            whole("next" / Int16ub), 10, "ours: blocks go in their order; next is wanted then"),
    Command(0xDC, "template_apply", _NOTHING, _DONE, 10,
            "ours: put the template that has come to use, if its hash is right"),
    Command(0xE8, "write_requisite",
            whole("print" / Default(Byte, 1), "blocks" / Const(b"\x01"), "block" / Const(b"\x00"),
                  "tag" / Int16ul, "value" / Prefixed(Int16ul, GreedyBytes)),
            _DONE, 10, "an FFD tag as TLV, kept until A6 takes it"),
    Command(0xEC, "firmware", whole("function" / Byte, "body" / _FIRMWARE_BODY),
            whole("reserved" / Default(Optional(Byte), 0),
                  "next" / Default(Optional(Int16ul), None)),
            30, "functions 3 begin (answered with the next block wanted), 4 block (unanswered in a "
            "conversation), 5 verify, 0 start; the offer after the number of blocks is ours"),
)
# fmt: on

BY_CODE = {command.code: command for command in COMMANDS}
BY_NAME = {command.name: command for command in COMMANDS}


def command_named(name: str) -> Command:
    """The command of that name; LocalError if there is none."""
    if name not in BY_NAME:
        raise LocalError("unsupported", f"no command is called {name}")
    return BY_NAME[name]


def encode_request(command: Command | str, /, **fields: Any) -> bytes:
    """The command's byte and parameters; LocalError for a field that cannot be sent."""
    command = command_named(command) if isinstance(command, str) else command
    try:
        return _encoded(command, tuple(fields.items()))
    except TypeError:  # a value that cannot be remembered cannot be sent either: build says so
        return _encoded.__wrapped__(command, tuple(fields.items()))


@lru_cache(maxsize=1024, typed=True)
def _encoded(command: Command, fields: tuple[tuple[str, Any], ...]) -> bytes:
    """Remembered: an order for many registers says the same to each of them."""
    return bytes([command.code]) + build(command.request, dict(fields), f"request {command.name}")


def parse_request(data: bytes) -> tuple[Command, Fields]:
    """The register's side: which command, with what; RemoteError for anything else."""
    if not data or data[0] not in BY_CODE:
        raise RemoteError(
            "command_unknown", f"no command begins with {data[:1].hex() or 'nothing'}"
        )
    command = BY_CODE[data[0]]
    return command, parse(command.request, data[1:], f"request {command.name}")


def encode_answer(command: Command | str, /, **fields: Any) -> bytes:
    """A good answer; LocalError for a field that cannot be sent."""
    command = command_named(command) if isinstance(command, str) else command
    return command.success + build(command.answer, fields, f"answer to {command.name}")


def encode_failure(command: Command, code: int) -> bytes:
    """A bad answer with a result code of 1 to 255."""
    if command.failure is None or not 0 < code <= 0xFF:
        raise LocalError("value", f"{command.name} cannot fail with {code}")
    return command.failure + bytes([code, 0])


def parse_answer(command: Command, data: bytes) -> Fields | CommandFailed:
    """The answer's fields, or the register's failure; RemoteError if it is neither."""
    if len(data) > SHORT_ANSWER:
        return _heard.__wrapped__(command, data)
    found = _heard(command, data)
    return found if isinstance(found, CommandFailed) else dict(found)


@lru_cache(maxsize=1024)
def _heard(command: Command, data: bytes) -> Fields | CommandFailed:
    """Remembered when short: most answers say no more than "done"."""
    if data.startswith(command.success):
        return parse(command.answer, data[len(command.success) :], f"answer to {command.name}")
    if command.failure is not None and data.startswith(command.failure):
        code = data[len(command.failure) : len(command.failure) + 1]
        if code and code != b"\x00":
            return CommandFailed(code[0])
    raise RemoteError("malformed", f"malformed answer to {command.name} of {len(data)} bytes")


def with_password(request: bytes, password: str = "0000") -> bytes:
    """A request as an ordinary line carries it: access password (4 digits, BCD) in front."""
    try:
        return packed(password, PASSWORD_LENGTH) + request
    except ValueError:
        raise LocalError("value", "an access password has at most 4 digits") from None


def split_password(data: bytes) -> tuple[str, bytes]:
    """Access password and request; RemoteError if the password is short or not digits."""
    try:
        password = digits_of(data[:PASSWORD_LENGTH])
    except ValueError:
        password = ""
    if len(password) != 2 * PASSWORD_LENGTH:
        raise RemoteError("malformed", "a request begins with a password of 2 BCD bytes")
    return password, data[PASSWORD_LENGTH:]
