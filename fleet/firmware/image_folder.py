"""The folder of images: checking them, and serving their blocks to registers.

Nothing of an image stays in the process: a block is read when it leaves, from the system's cache of
files.  So five hundred registers at once cost no more than the blocks that are on their way.
"""

from collections.abc import Collection, Iterator
from hashlib import file_digest
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import structlog

from fleet.firmware.errors import (
    FILE_NOT_FOUND,
    HASH_WRONG,
    MANIFEST_BROKEN,
    MANIFEST_MISMATCH,
    MANIFEST_NOT_FOUND,
    MODEL_UNKNOWN,
    SIGNATURE_WRONG,
    SIZE_WRONG,
)
from fleet.firmware.manifest import Manifest, read_manifest
from fleet.kit.config import FleetConfig
from fleet.kit.errors import DomainError
from protocol.firmware import Image
from protocol.kktpc import firmware_commands
from protocol.models import BY_CODE as MODELS
from protocol.platforms import Platform

MAX_MANIFEST: Final = 64 * 1024

log = structlog.get_logger(__name__)


class BlockRange(Protocol):
    """Blocks ``first`` to ``last`` of an image."""

    @property
    def image_id(self) -> str: ...
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...


class _CheckedImage(NamedTuple):
    """An image that passed the check, and the state of its file at that time."""

    stamp: tuple[int, int]
    image: Image
    path: Path


class ImageFolder:
    """The folder of images; each must be signed by one of the public keys ``publishers``."""

    def __init__(self, folder: Path, publishers: Collection[bytes]) -> None:
        self.folder, self._publishers = folder, publishers
        self._checked: dict[str, _CheckedImage] = {}

    @classmethod
    def from_config(cls, config: FleetConfig) -> "ImageFolder":
        """Return the folder that the configuration names."""
        return cls(config.firmware_images, config.publishers)

    def check(self, model: int, version: str) -> Manifest:
        """Check an image and return its manifest.

        Raise a refusal if the manifest or the file is missing, broken, forged or that of another
        image.
        """
        manifest = self._manifest(model, version)
        image = manifest.image
        if (manifest.model, manifest.version) != (model, version):
            raise MANIFEST_MISMATCH(image=image.image_id, model=model, version=version)
        if model not in MODELS:
            raise MODEL_UNKNOWN(model=model)
        if not image.is_genuine(self._publishers):
            raise SIGNATURE_WRONG()
        path = self.folder / str(model) / manifest.file
        self._check_file(path, image)
        self._checked[image.image_id] = _CheckedImage(_file_state(path), image, path)
        return manifest

    def blocks(self, block_range: BlockRange, platform: Platform) -> Iterator[bytes]:
        """Yield the commands that carry these blocks to a register of that platform.

        Yield nothing for an image that fails the check: the transfer then stalls and ends with that
        cause.
        """
        try:
            yield from _block_commands(
                self._checked_image(block_range.image_id), block_range, platform
            )
        except (DomainError, OSError) as error:
            log.error("image_not_served", image=block_range.image_id, why=str(error))

    def _checked_image(self, image_id: str) -> _CheckedImage:
        """Return the image, checked once in a process and again when its file has changed.

        Raise the refusals of ``check``.
        """
        found = self._checked.get(image_id)
        if found is None or _file_state(found.path) != found.stamp:
            model, _, version = image_id.partition("/")
            self.check(int(model), version)
        return self._checked[image_id]

    def _manifest(self, model: int, version: str) -> Manifest:
        path = self.folder / str(model) / f"{version}.toml"
        try:
            with path.open("rb") as file:
                return read_manifest(file.read(MAX_MANIFEST).decode())
        except OSError:
            raise MANIFEST_NOT_FOUND(model=model, version=version) from None
        except UnicodeDecodeError:
            raise MANIFEST_BROKEN(where="UTF-8") from None

    def _check_file(self, path: Path, image: Image) -> None:
        try:
            with path.open("rb") as file:
                size = path.stat().st_size
                if size != image.size:
                    raise SIZE_WRONG(found=size, size=image.size)
                if file_digest(file, "sha256").digest() != image.sha256:
                    raise HASH_WRONG()
        except OSError:
            raise FILE_NOT_FOUND(file=path.name) from None


def _file_state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _block_commands(
    checked: _CheckedImage, window: BlockRange, platform: Platform
) -> Iterator[bytes]:
    image = checked.image
    with checked.path.open("rb") as file:
        file.seek(window.first * image.block_size)
        for number in range(window.first, min(window.last + 1, image.blocks)):
            data = file.read(image.length(number))
            if len(data) < image.length(number):
                raise OSError("the file has become shorter")
            yield firmware_commands.block(platform, number, data)
