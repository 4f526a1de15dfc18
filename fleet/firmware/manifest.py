"""The manifest of an image: ``<model>/<version>.toml`` beside the image's file."""

import tomllib
from typing import Annotated, Final

from pydantic import Field, ValidationError

from fleet.firmware.errors import FORMAT_NEWER, MANIFEST_BROKEN
from fleet.kit.input import Input, Moment
from fleet.kit.language import BilingualText
from fleet.kit.validation import describe_pattern
from protocol.firmware import (
    MAX_BLOCK,
    MAX_SIZE,
    MIN_BLOCK,
    SHA256_SIZE,
    SIGNATURE_SIZE,
    VERSION_PATTERN,
    Image,
)
from protocol.platforms import Platform

FORMAT: Final = 1
"""Newest format of a manifest that the server supports."""


def _hex(size: int) -> str:
    return describe_pattern(
        rf"^[0-9a-f]{{{2 * size}}}$",
        f"шестнадцатеричных цифр (буквы — строчные) должно быть {2 * size}.",
        f"must be {2 * size} hexadecimal digits in lower case.",
    )


class ImageFacts(Input):
    """Facts about an image, as texts and numbers."""

    model: int = Field(strict=True, ge=0, le=255, description="Code of the model.")
    platform: Platform = Field(description="Platform that the image runs.")
    version: str = Field(pattern=f"^{VERSION_PATTERN}$", description="major.minor.build")
    size: int = Field(strict=True, ge=1, le=MAX_SIZE, description="Bytes.")
    sha256: str = Field(pattern=_hex(SHA256_SIZE), description="SHA-256 of the file, hex.")
    signature: str = Field(pattern=_hex(SIGNATURE_SIZE), description="Ed25519 signature, hex.")
    block_size: int = Field(
        strict=True, ge=MIN_BLOCK, le=MAX_BLOCK, description="Bytes in one block."
    )

    @property
    def image(self) -> Image:
        """Return the image of these facts.

        Raise ``ValueError`` for an image of more blocks than can be numbered.
        """
        return Image(
            self.model,
            self.platform,
            self.version,
            self.size,
            bytes.fromhex(self.sha256),
            bytes.fromhex(self.signature),
            self.block_size,
        )


class Manifest(ImageFacts):
    """Facts about an image and the name of its ``file``, which lies beside the manifest."""

    format: int = Field(strict=True, ge=1)
    file: Annotated[str, Field(pattern=r"^[0-9A-Za-z_][0-9A-Za-z_.\-]{0,99}$")]
    published_at: Moment

    @property
    def facts(self) -> ImageFacts:
        """Return the facts without the fields of the file."""
        return ImageFacts(**{name: getattr(self, name) for name in ImageFacts.model_fields})


def read_manifest(text: str) -> Manifest:
    """Return the manifest of this TOML text.

    Raise ``MANIFEST_BROKEN`` if the text is not a manifest, ``FORMAT_NEWER`` for a newer format.
    """
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MANIFEST_BROKEN(where=BilingualText("это не TOML", str(error))) from None
    found = said.get("format", FORMAT)
    if isinstance(found, int) and found > FORMAT:
        raise FORMAT_NEWER(format=found, known=FORMAT)
    try:
        manifest = Manifest.model_validate(said)
        _ = manifest.image
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise MANIFEST_BROKEN(where=where) from None
    except ValueError:
        raise MANIFEST_BROKEN(where="block_size") from None
    return manifest
