"""``python -m protocol``: decode frames and print the protocol's tables."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from protocol import telemetry
from protocol.errors import ProtocolError
from protocol.explain import explain, explain_v2, is_explained, starts_like_5_0
from protocol.kktpc import commands, eot, fiscal_drive, frame, registers
from protocol.kktpc import frame_v2 as v2
from protocol.kktpc.frame import BadFrame, Frame, FrameReader
from protocol.kktpc.result_codes import RESULT_CODES

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)

FRAME_COLUMN: Final = "frame_hex"


@app.callback()
def about() -> None:
    """Decode the frames of registers and print the protocol's tables."""


@app.command()
def decode(
    hex_: Annotated[list[str], typer.Argument(metavar="HEX", help="one frame or several")],
    v2_: Annotated[
        bool, typer.Option("--v2", help="lower level v2: command and answer by turns")
    ] = False,
) -> None:
    """Explain frames.

    An answer is explained by the command that precedes it in the same line.
    """
    try:
        raw = bytes.fromhex("".join(hex_))
    except ValueError:
        _fail("not hexadecimal digits")
    if why := _no_frame(raw, v2_):
        _fail(f"no whole frame: {why}")
    for line in explain_v2(raw) if v2_ else explain(raw):
        typer.echo(line)


@app.command("check-frames")
def check_frames(
    file: Annotated[Path, typer.Argument(help="a hex frame a line, or a TSV with frame_hex")],
) -> None:
    """Decode each frame, encode it again, and count identical and explained frames.

    A host's command is explained if the tables cover it to its last byte; a register's answer, if
    it can be the answer to some command.
    """
    try:
        texts = list(_frame_texts(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"{file}: {error}")
    if not texts:
        _fail(f"{file}: no frames")
    different = [text for text in texts if not _is_reproduced(text)]
    same = [text for text in texts if _is_reproduced(text)]
    unknown = [text for text in same if not _is_known(text)]
    for words, found in (("differs", different), ("unknown", unknown)):
        for text in found:
            typer.echo(f"{words}: {text}", err=True)
    explained = len(same) - len(unknown)
    typer.echo(f"{len(texts)} frames, {len(same)} identical, {explained} explained")
    raise typer.Exit(1 if different or unknown else 0)


@app.command()
def tables() -> None:
    """Print the commands, registers, questions, relay messages, telemetry and result codes."""
    for line in (*_rows_of_commands(), *_rows_of_values(), *_rows_of_texts()):
        typer.echo(line)


def _rows_of_commands() -> Iterator[str]:
    for command in commands.COMMANDS:
        once = "" if command.repeatable else ", once"
        about = f"{command.name}: {command.note} ({command.timeout_s} s{once})"
        yield f"command   {command.code:02X}  {about}"


def _rows_of_values() -> Iterator[str]:
    for register in registers.REGISTERS:
        words = "; ".join(filter(None, (register.chosen_by, register.note)))
        yield f"register  {register.number:02X}  {_joined(register.name, words)}"
    for question in fiscal_drive.QUESTIONS:
        yield f"question  {question.number:02X}  {_joined(question.name, question.note)}"
    for code, (kind, _) in eot.BY_CODE.items():
        what = f"{kind.name} to the {kind.to.value}, {kind.form.value}"
        yield f"relay     {code:02X}  {_joined(what, kind.note)}"


def _rows_of_texts() -> Iterator[str]:
    places = [(f"{place:2}", name) for place, name in enumerate(telemetry.BLOCK.names)]
    tags = [(f"tag {each.tag}", each.field.name) for each in telemetry.TAIL_FIELDS]
    for place, name in places + tags:
        field = telemetry.BY_NAME[name]
        unit = f", {field.unit_en}" if field.unit_en else ""
        yield f"telemetry {place}  {name}: {field.label_en}{unit}"
    for code, text in RESULT_CODES.items():
        yield f"result    {code:02X}  {text['en']}"


def _joined(name: str, words: str) -> str:
    return f"{name}: {words}" if words else name


def _no_frame(raw: bytes, is_v2: bool) -> str | None:
    """Return why the bytes hold no whole frame, or None if they hold one."""
    found = v2.FrameReaderV2().feed(raw) if is_v2 else FrameReader().feed(raw)
    if any(isinstance(item, Frame | v2.FrameV2) for item in found):
        return None
    if starts_like_5_0(raw):
        return "of a packet of platform 5.0 only the start is public"
    bad = [item.reason for item in found if isinstance(item, BadFrame | v2.BadFrameV2)]
    return ", ".join(dict.fromkeys(bad)) or "the frame is cut"


def _frame_texts(text: str) -> Iterator[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and FRAME_COLUMN in lines[0].split("\t"):
        for row in csv.DictReader(lines, delimiter="\t"):
            yield row[FRAME_COLUMN] or ""
    else:
        yield from lines


def _is_reproduced(text: str) -> bool:
    try:
        raw = bytes.fromhex(text)
        found = FrameReader().feed(raw)
        return [frame.encode(*item) for item in found if isinstance(item, Frame)] == [raw]
    except (ValueError, ProtocolError):
        return False


def _is_known(text: str) -> bool:
    found = FrameReader().feed(bytes.fromhex(text))
    return all(isinstance(item, Frame) and is_explained(item.data) for item in found)


def _fail(words: str) -> NoReturn:
    typer.echo(words, err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
