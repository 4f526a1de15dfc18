"""``python -m protocol``: frames taken apart, and the tables of the wire printed."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from protocol import buffer, commands, frame, messages, registers, telemetry
from protocol.errors import ProtocolError, RemoteError
from protocol.fields import Fields
from protocol.frame import BadFrame, Frame, FrameReader
from protocol.result_codes import RESULT_CODES
from protocol.rows import parse

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)

PREFIXES: Final = (messages.UP_PREFIX, messages.DOWN_PREFIX)
FRAME_COLUMN: Final = "frame_hex"
LONGEST_SHOWN: Final = 64


@app.callback()
def about() -> None:
    """The wire between a register and its host."""


@app.command()
def decode(
    hex_: Annotated[list[str], typer.Argument(metavar="HEX", help="one frame or several")],
) -> None:
    """Say what frames mean.  An answer is read by the command of the same line before it."""
    try:
        found = FrameReader().feed(bytes.fromhex("".join(hex_)))
    except ValueError:
        _fail("not hexadecimal digits")
    if not any(isinstance(item, Frame) for item in found):
        _fail(f"no whole frame: {_why(found)}")
    reader = _Reader()
    for item in found:
        for line in reader.lines(item):
            typer.echo(line)


@app.command("check-frames")
def check_frames(
    file: Annotated[Path, typer.Argument(help="a hex frame a line, or a TSV with frame_hex")],
) -> None:
    """Decode each frame, encode it again, and count those that come back the same."""
    try:
        texts = list(_frame_texts(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"{file}: {error}")
    if not texts:
        _fail(f"{file}: no frames")
    different = [text for text in texts if not _comes_back(text)]
    for text in different:
        typer.echo(f"differs: {text}", err=True)
    typer.echo(f"{len(texts)} frames, {len(texts) - len(different)} identical")
    raise typer.Exit(1 if different else 0)


@app.command()
def tables() -> None:
    """Commands, registers, telemetry and result codes."""
    for command in commands.COMMANDS:
        typer.echo(f"command   {command.code:02X}  {command.name}: {command.note}")
    for register in registers.REGISTERS:
        typer.echo(f"register  {register.number:02X}  {register.name}")
    for place, field in enumerate(telemetry.FIELDS):
        unit = f", {field.unit}" if field.unit else ""
        typer.echo(f"telemetry {place:2}  {field.name}: {field.label_en}{unit}")
    for code, text in RESULT_CODES.items():
        typer.echo(f"result    {code:02X}  {text['en']}")


class _Reader:
    """Remembers which command went under which id, so that its answer can be read."""

    def __init__(self) -> None:
        self._asked: dict[int, tuple[commands.Command, Fields]] = {}

    def lines(self, item: Frame | BadFrame) -> Iterator[str]:
        if isinstance(item, BadFrame):
            yield f"skipped   {item.skipped} bytes: {item.reason}"
            return
        yield f"frame     id {item.packet_id:02X}, {len(item.data)} data bytes: {_hex(item.data)}"
        try:
            yield from self._meaning(item.data)
        except RemoteError as error:
            yield f"unknown   {error.detail}"

    def _meaning(self, data: bytes) -> Iterator[str]:
        for prefix in PREFIXES:
            if data.startswith(prefix):
                yield _of_conversation(data[len(prefix) :])
                return
        message = buffer.decode(data)
        yield f"buffer    {_shown(message)}"
        if isinstance(message, buffer.Add | buffer.AckAdd):
            yield from self._command(message.task_id, message.body)
        elif isinstance(message, buffer.AsyncResult | buffer.AsyncError):
            yield self._answer(message.task_id, message.data)

    def _command(self, task_id: int, body: bytes) -> Iterator[str]:
        password, request = commands.split_password(body)
        yield f"password  {password}"
        self._asked.pop(task_id, None)
        if request:
            command, fields = commands.parse_request(request)
            self._asked[task_id] = command, fields
            yield f"command   {command.name}({_listed(fields)})"

    def _answer(self, task_id: int, data: bytes) -> str:
        if task_id not in self._asked:
            return f"answer    {_hex(data)} to a command that is not here{_result(data)}"
        command, asked = self._asked[task_id]
        found = commands.parse_answer(command, data)
        if isinstance(found, commands.CommandFailed):
            return f"answer    {command.name} failed{_result(data)}"
        register = registers.BY_NUMBER.get(asked.get("register", -1))
        if register is not None:
            found = registers.parse_register(register, found["data"])
        return f"answer    {command.name}({_listed(found)})"


def _of_conversation(data: bytes) -> str:
    """A message of the cash-server conversation; a sealed one keeps its secret."""
    kind, body = data[:1], data[1:]
    if kind == bytes((messages.Kind.SEALED,)):
        return f"ours      SEALED, {len(body)} bytes"
    found = messages.BY_OUTER_CODE.get(kind[0]) if kind else None
    if found is None:
        raise RemoteError("malformed", f"the conversation knows no kind {kind.hex() or 'at all'}")
    return f"ours      {_shown(parse(found, body))}"


def _shown(message: Any) -> str:
    return f"{type(message).__name__}({_listed(message._asdict())})"


def _listed(fields: Fields) -> str:
    return ", ".join(
        f"{name}={_hex(value) if isinstance(value, bytes) else value}"
        for name, value in fields.items()
    )


def _result(data: bytes) -> str:
    text = RESULT_CODES.get(data[1]) if data[:1] == b"\x55" and len(data) > 1 else None
    return f" ({text['en']})" if text else ""


def _hex(data: bytes) -> str:
    rest = len(data) - LONGEST_SHOWN
    return data[:LONGEST_SHOWN].hex(" ") + (f" … {rest} more" if rest > 0 else "")


def _why(found: list[Frame | BadFrame]) -> str:
    reasons = dict.fromkeys(item.reason for item in found if isinstance(item, BadFrame))
    return ", ".join(reasons) or "the frame is cut"


def _frame_texts(text: str) -> Iterator[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and FRAME_COLUMN in lines[0].split("\t"):
        for row in csv.DictReader(lines, delimiter="\t"):
            yield row[FRAME_COLUMN] or ""
    else:
        yield from lines


def _comes_back(text: str) -> bool:
    try:
        raw = bytes.fromhex(text)
        found = FrameReader().feed(raw)
        return [frame.encode(*item) for item in found if isinstance(item, Frame)] == [raw]
    except (ValueError, ProtocolError):
        return False


def _fail(words: str) -> NoReturn:
    typer.echo(words, err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
