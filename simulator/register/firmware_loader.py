"""The firmware loader of a simulated register, with two slots of flash memory.

One slot runs. Blocks are written into the spare slot as they arrive and the running slot is never
changed. The old firmware therefore survives any power cut, until a complete and genuine image has
been marked. Everything here is permanent memory.
"""

import re
from collections.abc import Collection
from typing import Final
from zlib import crc32

from protocol.firmware import MAX_SIZE, VERSION_PATTERN, Image
from protocol.platforms import Platform
from simulator.register.failures import Failure, PowerLost, ResultCode

_VERSION_TEXT: Final = re.compile(rf"version ({VERSION_PATTERN})".encode("ascii"))


class Loader:
    """The loader; ``firmware`` is the running version.

    ``publishers`` are the public keys in the register's ROM. A test or scenario sets
    ``power_lost_at`` to lose the power once while that block is being written. ``boots`` counts the
    restarts with another firmware.
    """

    __slots__ = (
        "_marked",
        "_offer",
        "_spare",
        "_unsigned",
        "_written",
        "boots",
        "firmware",
        "power_lost_at",
        "publishers",
    )

    def __init__(self, firmware: str) -> None:
        self.firmware = firmware
        self.publishers: Collection[bytes] = ()
        self.power_lost_at: int | None = None
        self.boots = 0
        self._offer: Image | None = None
        self._unsigned = 0
        self._spare = bytearray()
        self._written = 0
        self._marked = False

    def begin(self, image: Image, model: int, platform: Platform) -> int:
        """Return the number of the next block to send; another image erases the spare slot.

        Raise ``Failure``, without erasing anything, for an image of another model, for a return to
        platform 2.5, and for image facts that no known publisher has signed.
        """
        back = platform is Platform.V5_0 and image.platform is Platform.V2_5
        if image.model != model or back:
            raise Failure(ResultCode.WRONG_MODEL)
        if not image.is_genuine(self.publishers):
            raise Failure(ResultCode.WRONG_FORMAT)
        if image != self._offer:
            self._offer, self._spare, self._written = image, bytearray(), 0
        self._unsigned = 0
        return self._written

    def begin_unsigned(self, blocks: int) -> None:
        """Start a transfer of ``blocks`` blocks of any file, as the manufacturer's driver does.

        A real register accepts any file (KKT-PC 3.2), and so does this one.
        """
        if not blocks:
            raise Failure(ResultCode.WRONG_FORMAT)
        self._offer, self._unsigned = None, blocks
        self._spare, self._written = bytearray(), 0

    def write(self, number: int, data: bytes) -> None:
        """Store the block that comes next and ignore any other.

        Raise ``PowerLost`` after storing half of the block ``power_lost_at``.
        """
        if self._unsigned:
            self._write_unsigned(number, data)
            return
        image = self._offer
        if image is None or number != self._written or number >= image.blocks:
            return
        if len(data) != image.length(number):
            return
        start = number * image.block_size
        if number == self.power_lost_at:
            self.power_lost_at = None
            self._spare[start:] = data[: len(data) // 2]
            raise PowerLost
        self._spare[start:] = data
        self._written += 1

    def _write_unsigned(self, number: int, data: bytes) -> None:
        """Store the block that comes next; raise ``Failure`` for any other.

        The manufacturer's driver reads failures (KKT-PC 1.4), so they are not ignored here.
        """
        room = number < self._unsigned and len(self._spare) + len(data) <= MAX_SIZE
        if number != self._written or not data or not room:
            raise Failure(ResultCode.WRONG_FORMAT)
        self._spare += data
        self._written += 1

    def verify(self) -> None:
        """Raise ``Failure`` if blocks are missing or the file is a wrong one.

        A wrong file is forgotten.
        """
        if self._unsigned:
            if self._written < self._unsigned:
                raise Failure(ResultCode.NO_DATA)
            return
        image = self._offer
        if image is None or self._written < image.blocks:
            raise Failure(ResultCode.NO_DATA)
        if not image.is_whole(self._spare):
            self._offer = None
            raise Failure(ResultCode.WRONG_FORMAT)

    def mark_for_boot(self) -> None:
        """Mark the spare slot to run after the restart; raise ``Failure`` as ``verify`` does."""
        self.verify()
        self._marked = True

    def boot(self) -> Image | None:
        """Run the marked slot, if there is one, and return its image.

        Return ``None`` if nothing was marked or the file came without signed facts.
        """
        if self._marked and self._unsigned:
            self._run(_version_in(self._spare))
        if not self._marked or self._offer is None:
            return None
        image = self._offer
        self._run(image.version)
        return image

    def _run(self, version: str) -> None:
        self._offer, self._unsigned, self._marked = None, 0, False
        self._spare, self._written = bytearray(), 0
        self.firmware = version
        self.boots += 1


def _version_in(content: bytes | bytearray) -> str:
    """Return the version named in the file (``version 3.0.5652``, ASCII).

    The structure of a real file is not public; a file that names no version gets one made from its
    checksum.
    """
    said = _VERSION_TEXT.search(content)
    if said is not None:
        return said[1].decode("ascii")
    return f"3.0.{crc32(content) % 10_000}"
