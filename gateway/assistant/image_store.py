"""Firmware for a register: blocks are collected on the disk until the whole image is verified.

An interrupted transfer continues with the next missing block, also after a restart of the
Assistant. The register gets nothing before size, SHA-256 and the publisher's signature are
verified.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from protocol.errors import ProtocolError
from protocol.firmware import MAX_BLOCKS, Image
from protocol.kktpc.commands import parse_request

LINE_BLOCK: Final = 236
"""Bytes of a block after escaping, as the manufacturer's driver divides an image (KKT-PC 3.2)."""

_ESCAPED: Final = (0xFD, 0xFE)


class ImageNotGenuine(Exception):
    """Error: the image is for another model, or no trusted publisher has signed it."""


class ImageStore:
    """The transfer to one register; methods raise ``OSError`` if the folder is not writable."""

    def __init__(self, folder: Path, serial_number: str, publishers: Collection[bytes]) -> None:
        self._offer = folder / f"{serial_number}.offer"
        self._part = folder / f"{serial_number}.part"
        self._publishers = publishers
        self._image = self._kept()

    def begin(self, request: bytes, model: int) -> int:
        """Return the next missing block of the image that this request (EC 03) offers.

        An image other than the present one replaces it and its blocks.  Raise ``ImageNotGenuine``,
        or ``RemoteError`` if the request offers no image.
        """
        image = _offered(request)
        if image.model != model or not image.is_genuine(self._publishers):
            raise ImageNotGenuine
        if image != self._image:
            self.forget()
            self._offer.parent.mkdir(parents=True, exist_ok=True)
            self._part.write_bytes(b"")
            self._offer.write_bytes(request)
            self._image = image
        return self._written(image)

    def write(self, number: int, data: bytes) -> None:
        """Store the next missing block; ignore any other."""
        image = self._image
        if image is None or number != self._written(image) or number >= image.blocks:
            return
        if len(data) != image.length(number):
            return
        with self._part.open("r+b") as part:
            part.seek(number * image.block_size)
            part.truncate()
            part.write(data)

    def proven_image(self) -> bytes | None:
        """Return the verified file; None while blocks are missing.

        If the file differs from the signed one, forget it and raise ``ImageNotGenuine``.
        """
        image = self._image
        if image is None or self._written(image) < image.blocks:
            return None
        content = self._part.read_bytes()
        if not (image.is_whole(content) and image.is_genuine(self._publishers)):
            self.forget()
            raise ImageNotGenuine
        return content

    @property
    def percent(self) -> int:
        """Return the percentage of blocks received."""
        image = self._image
        return 100 * self._written(image) // image.blocks if image else 0

    def forget(self) -> None:
        """Delete the present image and its offer."""
        self._image = None
        self._offer.unlink(missing_ok=True)
        self._part.unlink(missing_ok=True)

    def _written(self, image: Image) -> int:
        with contextlib.suppress(FileNotFoundError):
            size = self._part.stat().st_size
            return image.blocks if size == image.size else size // image.block_size
        return 0

    def _kept(self) -> Image | None:
        with contextlib.suppress(FileNotFoundError, ProtocolError):
            return _offered(self._offer.read_bytes())
        return None


def _offered(request: bytes) -> Image:
    _, fields = parse_request(request)
    return Image.offered(fields["body"])


def cut_into_blocks(content: bytes, limit: int = LINE_BLOCK) -> Iterator[bytes]:
    """Yield the longest blocks that have at most ``limit`` bytes after escaping."""
    start = 0
    while start < len(content):
        end = min(start + limit, len(content))
        while _escaped_length(content[start:end]) > limit:
            end -= max(1, (_escaped_length(content[start:end]) - limit) // 2)
        yield content[start:end]
        start = end


def line_blocks(content: bytes) -> list[bytes] | None:
    """Return the blocks for the line; None if there are too many to be numbered."""
    blocks = list(cut_into_blocks(content))
    return blocks if len(blocks) <= MAX_BLOCKS else None


def _escaped_length(data: bytes) -> int:
    return len(data) + sum(map(data.count, _ESCAPED))


Progress = Callable[[int], None]
"""Function that gets the percentage of a transfer to the register."""
