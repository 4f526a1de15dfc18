"""A file, or a pasted text, with serial numbers: one on each line, or separated by commas.

Pure.  A file of another kind is refused as a whole; each text of a proper file gets its own verdict
later, with its line number.
"""

import re
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from fleet.registers.errors import (
    NO_SERIAL_NUMBERS,
    NOT_A_TEXT_FILE,
    TOO_MANY_SERIAL_NUMBERS,
)
from fleet.registers.rules import MAX_REGISTERS

MAX_FILE_BYTES: Final = 64 * 1024
"""Maximum size: five hundred numbers need 8 KiB, the rest is for spaces and mistakes."""
MAX_SHOWN: Final = 64
"""Maximum number of characters of a text that a verdict repeats."""

_ENCODINGS: Final = ("utf-8-sig", "cp1251")
_NOT_IN_TEXTS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")
_SEPARATORS: Final = re.compile(r"[,;\t]")


class TypedLine(NamedTuple):
    """A text between separators, and its line number, from 1."""

    text: str
    line: int


def read_file(content: bytes) -> list[TypedLine]:
    """Return all texts of the file that may be serial numbers, without blanks.

    Raise ``NOT_A_TEXT_FILE`` for content that is not UTF-8 (with or without a byte order mark) or
    CP1251, ``NO_SERIAL_NUMBERS``, or ``TOO_MANY_SERIAL_NUMBERS`` above ``MAX_REGISTERS``.
    """
    lines = _decoded(content).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    parts = [
        TypedLine(_shown(part.strip().strip("\"'").strip()), number)
        for number, line in enumerate(lines, 1)
        for part in _SEPARATORS.split(line)
    ]
    found = [part for part in parts if part.text]
    if not found:
        raise NO_SERIAL_NUMBERS()
    if len(found) > MAX_REGISTERS:
        line = found[MAX_REGISTERS].line
        raise TOO_MANY_SERIAL_NUMBERS(max=MAX_REGISTERS, found=len(found), line=line)
    return found


def _shown(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _decoded(content: bytes) -> str:
    for encoding in _ENCODINGS:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not _NOT_IN_TEXTS.search(text.replace("\r", "\n")):
            return text
    raise NOT_A_TEXT_FILE()


class LineNumbers:
    """Line numbers of texts; equal texts get their lines in order."""

    def __init__(self, typed: Sequence[TypedLine] = ()) -> None:
        self._left: dict[str, deque[int]] = {}
        for text, line in typed:
            self._left.setdefault(text, deque()).append(line)

    def line_of(self, text: str) -> int | None:
        """Return the next line number of this text, None if it was not read from a file."""
        left = self._left.get(text)
        return left.popleft() if left else None
