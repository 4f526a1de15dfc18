"""Templates on the wire: their kinds and the limits of a transfer.

The manufacturer's way to load templates is not public, so the three commands (`template_begin`,
`template_block`, `template_apply`) are our own design, equal on both platforms. The content is sent
in blocks; it takes effect only by `template_apply`, complete and with the right hash, or not at
all.
"""

from enum import IntEnum
from typing import Final


class TemplateKind(IntEnum):
    """Kind of a template; a register holds one of each, and a new one replaces the old."""

    RECEIPT = 1
    INFO_RECEIPT = 2
    TIPS = 3


BLOCK_SIZE: Final = 1024
"""Bytes in every block but the last, which may be shorter."""

MAX_SIZE: Final = 64 * 1024

ANY_TAPE: Final = 0
"""The width of a template that fits every tape."""


def block_count(size: int) -> int:
    """Return the number of blocks for `size` bytes."""
    return -(-size // BLOCK_SIZE)


def block(content: bytes, number: int) -> bytes:
    """Return block `number` of the content, counted from 0; empty after the end."""
    return content[number * BLOCK_SIZE : (number + 1) * BLOCK_SIZE]
