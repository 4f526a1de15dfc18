"""Templates on the wire: what kinds there are, and the limits of one transfer.

How a register gets its templates is not public, so the three commands (`template_begin`,
`template_block`, `template_apply`) are our design, the same on both platforms. The content goes
in blocks; it takes effect only by `template_apply`, whole and with the right hash, or not at all.
"""

from enum import IntEnum
from typing import Final


class TemplateKind(IntEnum):
    """A register holds one of each kind; a new one takes the place of the old."""

    RECEIPT = 1
    INFO_RECEIPT = 2
    TIPS = 3


BLOCK_SIZE: Final = 1024
"""Bytes in every block but the last, which may be shorter."""

MAX_SIZE: Final = 64 * 1024

ANY_TAPE: Final = 0
"""The width of a template that fits every tape."""


def block_count(size: int) -> int:
    """Blocks that `size` bytes travel in."""
    return -(-size // BLOCK_SIZE)


def block(content: bytes, number: int) -> bytes:
    """One block of the content, counted from 0; empty beyond the end."""
    return content[number * BLOCK_SIZE : (number + 1) * BLOCK_SIZE]
