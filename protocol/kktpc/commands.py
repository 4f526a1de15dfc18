"""The application commands (KKT-PC 3.1), and the bytes of their requests and answers.

A request is the command's byte and its parameters.  On an ordinary line a two-byte password
precedes it (`with_password`); inside a STEP there is no password.  A good answer begins with
`Command.success`; a bad one with `Command.failure` and the result code.

The rows are in `command_tables`, one module for each theme; this module joins them to one TABLE.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from protocol.errors import LocalError, RemoteError
from protocol.fields import Fields, build, pack_bcd, parse, unpack_bcd
from protocol.kktpc.command_tables.extensions import OURS
from protocol.kktpc.command_tables.firmware import FIRMWARE
from protocol.kktpc.command_tables.parts import Command as Command
from protocol.kktpc.command_tables.printing import PRINTING
from protocol.kktpc.command_tables.receipts import RECEIPTS
from protocol.kktpc.command_tables.registration import REGISTRATION
from protocol.kktpc.command_tables.service import SERVICE
from protocol.kktpc.command_tables.shifts import SHIFTS
from protocol.kktpc.command_tables.state import STATE

PASSWORD_LENGTH = 2
SHORT_ANSWER = 4
"""Bytes of an answer that says only that the command is done, or why it failed."""

_TABLES = (STATE, SERVICE, RECEIPTS, SHIFTS, PRINTING, REGISTRATION, FIRMWARE, OURS)
COMMANDS: tuple[Command, ...] = tuple(
    sorted((row for table in _TABLES for row in table), key=lambda row: row.code)
)


@dataclass(frozen=True, slots=True)
class CommandFailed:
    """Failure or refusal of the register; `result_codes.describe` explains `code`."""

    code: int


BY_CODE = {command.code: command for command in COMMANDS}
BY_NAME = {command.name: command for command in COMMANDS}


def command_named(name: str) -> Command:
    """Return the command of that name; raise LocalError if there is none."""
    if name not in BY_NAME:
        raise LocalError("unsupported", f"no command is called {name}")
    return BY_NAME[name]


def encode_request(command: Command | str, /, **fields: Any) -> bytes:
    """Return the command's byte and parameters; raise LocalError for an invalid field."""
    command = command_named(command) if isinstance(command, str) else command
    try:
        return _encoded(command, tuple(fields.items()))
    except TypeError:  # an unhashable value is invalid: build raises LocalError
        return _encoded.__wrapped__(command, tuple(fields.items()))


@lru_cache(maxsize=1024, typed=True)
def _encoded(command: Command, fields: tuple[tuple[str, Any], ...]) -> bytes:
    """Build a request, with a cache: an order for many registers repeats the same request."""
    return bytes([command.code]) + build(command.request, dict(fields), f"request {command.name}")


def parse_request(data: bytes) -> tuple[Command, Fields]:
    """Return the command and its fields, on the register's side.

    Raise RemoteError for an unknown command or parameters that do not fit.
    """
    if not data or data[0] not in BY_CODE:
        raise RemoteError(
            "command_unknown", f"no command begins with {data[:1].hex() or 'nothing'}"
        )
    command = BY_CODE[data[0]]
    return command, parse(command.request, data[1:], f"request {command.name}")


def encode_answer(command: Command | str, /, **fields: Any) -> bytes:
    """Return a good answer; raise LocalError for an invalid field."""
    command = command_named(command) if isinstance(command, str) else command
    return command.success + build(command.answer, fields, f"answer to {command.name}")


def encode_failure(command: Command, code: int) -> bytes:
    """Return a bad answer with a result code of 1 to 255.

    Raise LocalError for another code, or a command that cannot fail.
    """
    if command.failure is None or not 0 < code <= 0xFF:
        raise LocalError("value", f"{command.name} cannot fail with {code}")
    return command.failure + bytes([code, 0])


def parse_answer(command: Command, data: bytes) -> Fields | CommandFailed:
    """Return the answer's fields, or the register's failure; raise RemoteError if invalid."""
    if len(data) > SHORT_ANSWER:
        return _heard.__wrapped__(command, data)
    found = _heard(command, data)
    return found if isinstance(found, CommandFailed) else dict(found)


@lru_cache(maxsize=1024)
def _heard(command: Command, data: bytes) -> Fields | CommandFailed:
    """Parse an answer; short answers are cached, because most of them only say "done"."""
    if data.startswith(command.success):
        return parse(command.answer, data[len(command.success) :], f"answer to {command.name}")
    if command.failure is not None and data.startswith(command.failure):
        code = data[len(command.failure) : len(command.failure) + 1]
        if code and code != b"\x00":
            return CommandFailed(code[0])
    raise RemoteError("malformed", f"malformed answer to {command.name} of {len(data)} bytes")


def may_repeat(request: bytes) -> bool:
    """Tell whether a request may be sent again if its answer was lost; False if unknown."""
    command = BY_CODE.get(request[0]) if request else None
    if command is None or not command.repeatable:
        return False
    return not command.except_for.intersection(request[1:2])


def with_password(request: bytes, password: str = "0000") -> bytes:
    """Return a request for an ordinary line: after the access password (4 digits, BCD).

    Raise LocalError for an invalid password.
    """
    try:
        return pack_bcd(password, PASSWORD_LENGTH) + request
    except ValueError:
        raise LocalError("value", "an access password has at most 4 digits") from None


def split_password(data: bytes) -> tuple[str, bytes]:
    """Return access password and request; raise RemoteError for an invalid password."""
    try:
        password = unpack_bcd(data[:PASSWORD_LENGTH])
    except ValueError:
        password = ""
    if len(password) != 2 * PASSWORD_LENGTH:
        raise RemoteError("malformed", "a request begins with a password of 2 BCD bytes")
    return password, data[PASSWORD_LENGTH:]
