"""The templates of a simulated register: one of each kind, and the transfer in progress.

All of it is permanent memory: the power may be lost between any two blocks.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from protocol.templates import BLOCK_SIZE, MAX_SIZE, TemplateKind, block_count
from simulator.register.failures import Failure, ResultCode

TAPE_WIDTHS_MM: Final = (0, 44, 57, 80)


@dataclass(frozen=True, slots=True)
class Announced:
    """The content that ``template_begin`` announced."""

    kind: int
    tape_width_mm: int
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Template:
    """A template in use; ``tape_width_mm`` 0 fits every tape."""

    tape_width_mm: int
    content: bytes


class Templates:
    """The templates in use, ``kept`` by kind.

    ``applied`` counts how often each kind was replaced, so that a test can prove "once".
    """

    __slots__ = ("_announced", "_content", "applied", "kept")

    def __init__(self) -> None:
        self.kept: dict[TemplateKind, Template] = {}
        self.applied: dict[TemplateKind, int] = {}
        self._announced: Announced | None = None
        self._content = b""

    def begin(self, announced: Announced) -> int:
        """Return the number of the next block to send.

        It is not the first block if the same content was already being sent; different content
        replaces an unfinished transfer. Raise ``Failure`` for an invalid announcement.
        """
        if announced.kind not in list(TemplateKind) or not 0 < announced.size <= MAX_SIZE:
            raise Failure(ResultCode.WRONG_FORMAT)
        if announced.tape_width_mm not in TAPE_WIDTHS_MM:
            raise Failure(ResultCode.WRONG_FORMAT)
        if announced != self._announced:
            self._announced, self._content = announced, b""
        return self._next()

    def take(self, number: int, data: bytes) -> int:
        """Store a block and return the number of the next one; ``Failure`` changes nothing."""
        announced = self._under_way()
        expected = min(BLOCK_SIZE, announced.size - len(self._content))
        if number != self._next() or not expected or len(data) != expected:
            raise Failure(ResultCode.WRONG_FORMAT)
        self._content += data
        return self._next()

    def apply(self) -> None:
        """Put the content to use; raise ``Failure`` if it is incomplete or its hash is wrong.

        Content with a wrong hash is dropped and the old template stays.
        """
        announced, content = self._under_way(), self._content
        if len(content) < announced.size:
            raise Failure(ResultCode.WRONG_MODE)
        self._announced, self._content = None, b""
        if hashlib.sha256(content).digest() != announced.sha256:
            raise Failure(ResultCode.WRONG_FORMAT)
        kind = TemplateKind(announced.kind)
        self.kept[kind] = Template(announced.tape_width_mm, content)
        self.applied[kind] = self.applied.get(kind, 0) + 1

    def _next(self) -> int:
        return block_count(len(self._content))

    def _under_way(self) -> Announced:
        if self._announced is None:
            raise Failure(ResultCode.WRONG_MODE)
        return self._announced
