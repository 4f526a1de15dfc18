"""The loader of a simulated register: two slots of flash, one of which runs.

Blocks are written into the spare slot as they come; the running one is never touched, so whatever
happens to the power, the old firmware runs until a whole and genuine image has been marked.
Everything here is permanent memory.
"""

from collections.abc import Collection

from protocol.firmware import Image
from protocol.platforms import Platform
from simulator.failures import Failure, PowerLost, ResultCode


class Loader:
    """``firmware`` runs.  ``publishers`` are the public keys in the register's ROM.

    ``power_lost_at`` (told by whoever makes the trouble): the power goes, once, while that block
    is being written.  ``boots`` counts the restarts with another firmware.
    """

    __slots__ = (
        "_marked",
        "_offer",
        "_spare",
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
        self._spare = bytearray()
        self._written = 0
        self._marked = False

    def begin(self, image: Image, model: int, platform: Platform) -> int:
        """The next block wanted; an offer that is not the one under way erases the spare slot.

        ``Failure`` for an image of another model, for a step back to platform 2.5, and for facts
        that no publisher has signed: nothing is erased then.
        """
        back = platform is Platform.V5_0 and image.platform is Platform.V2_5
        if image.model != model or back:
            raise Failure(ResultCode.WRONG_MODEL)
        if not image.is_genuine(self.publishers):
            raise Failure(ResultCode.WRONG_FORMAT)
        if image != self._offer:
            self._offer, self._spare, self._written = image, bytearray(), 0
        return self._written

    def write(self, number: int, data: bytes) -> None:
        """Takes the block that is wanted and no other; ``PowerLost`` leaves half of it behind."""
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

    def verify(self) -> Image:
        """The whole image; ``Failure`` while blocks are missing or when the file is another one,
        which is then forgotten."""
        image = self._offer
        if image is None or self._written < image.blocks:
            raise Failure(ResultCode.NO_DATA)
        if not image.is_whole(self._spare):
            self._offer = None
            raise Failure(ResultCode.WRONG_FORMAT)
        return image

    def mark(self) -> None:
        """The spare slot is to run after the restart; ``Failure`` as in ``verify``."""
        self.verify()
        self._marked = True

    def boot(self) -> Image | None:
        """Changes the slots if one is marked: the image that runs now."""
        if not self._marked or self._offer is None:
            return None
        image, self._offer, self._marked = self._offer, None, False
        self._spare, self._written = bytearray(), 0
        self.firmware = image.version
        self.boots += 1
        return image
