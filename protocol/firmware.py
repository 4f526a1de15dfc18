"""Firmware images: the signed facts, the division into blocks, and the offer to a register.

An image is a file and the facts about it.  The publisher signs the facts, and the facts contain the
file's SHA-256, so one Ed25519 signature (RFC 8032) covers the whole::

    signed = "cash-server firmware 1\\n" || model u8 || platform u8 || size u32
             || sha256 32 || version (ASCII)

Numbers are big-endian; the platform is the byte of HELLO.  Each receiver of an image verifies it:
the fleet when the image is added, the gateway before it serves a block, the register before it
writes to its flash.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from construct import Byte, Bytes, Const, Construct, GreedyString, Int16ub, Int32ub, Struct
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocol.errors import LocalError, RemoteError
from protocol.fields import build
from protocol.platforms import Platform

MAX_SIZE: Final = 64 * 1024 * 1024
MIN_BLOCK, MAX_BLOCK = 256, 8192
"""Limits of a block's size in bytes.

A block is sent in one frame of the conversation, which holds 16 KiB less its headers.
"""

MAX_BLOCKS: Final = 0xFFFF
"""Largest number of blocks: platform 2.5 numbers them with two bytes (KKT-PC 3.2)."""

SHA256_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64
PUBLIC_KEY_SIZE: Final = 32
VERSION_PATTERN: Final = r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,4}"
"""Major, minor, build: a register reports the build in four digits (KKT-PC 3.1, command 9D)."""

_FACTS: Final = (
    "model" / Byte,
    "platform" / Byte,
    "size" / Int32ub,
    "sha256" / Bytes(SHA256_SIZE),
)
_SIGNED: Final = Struct(
    "purpose" / Const(b"cash-server firmware 1\n"), *_FACTS, "version" / GreedyString("ascii")
)
OFFER: Final[tuple[Construct, ...]] = (
    "size" / Int32ub,
    "sha256" / Bytes(SHA256_SIZE),
    "signature" / Bytes(SIGNATURE_SIZE),
    "block_size" / Int16ub,
    "model" / Byte,
    "platform" / Byte,
    "version" / GreedyString("ascii"),
)
"""Facts that a register gets before the first block; the last fields of each begin command."""


@dataclass(frozen=True, slots=True)
class Image:
    """The facts about an image; ``size`` and ``block_size`` in bytes."""

    model: int
    platform: Platform
    version: str
    size: int
    sha256: bytes
    signature: bytes
    block_size: int

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for facts that no image can have."""
        fits = (
            0 <= self.model <= 0xFF
            and re.fullmatch(VERSION_PATTERN, self.version)
            and 0 < self.size <= MAX_SIZE
            and len(self.sha256) == SHA256_SIZE
            and len(self.signature) == SIGNATURE_SIZE
            and MIN_BLOCK <= self.block_size <= MAX_BLOCK
            and self.blocks <= MAX_BLOCKS
        )
        if not fits:
            raise ValueError("no image has such facts")

    @property
    def image_id(self) -> str:
        """Return ``model/version``, the name of the image's folder."""
        return f"{self.model}/{self.version}"

    @property
    def blocks(self) -> int:
        """Return the number of blocks; all but the last have ``block_size`` bytes."""
        return -(-self.size // self.block_size)

    def length(self, number: int) -> int:
        """Return the number of bytes in block ``number``, counted from 0."""
        return min(self.block_size, self.size - number * self.block_size)

    @property
    def signed(self) -> bytes:
        """Return the bytes that the publisher signs."""
        fields = {
            "model": self.model,
            "platform": self.platform.wire_code,
            "size": self.size,
            "sha256": self.sha256,
            "version": self.version,
        }
        return build(_SIGNED, fields, "signed facts of an image")

    def offer(self) -> dict[str, Any]:
        """Return the fields of ``OFFER``."""
        named = {part.name: getattr(self, part.name) for part in OFFER}
        return {**named, "platform": self.platform.wire_code}

    @classmethod
    def offered(cls, fields: dict[str, Any]) -> "Image":
        """Return the image of a received offer; raise ``RemoteError`` if the offer is invalid."""
        if any(part.name not in fields for part in OFFER):
            raise RemoteError("malformed", "an image is not offered")
        named = {part.name: fields[part.name] for part in OFFER}
        try:
            return cls(**{**named, "platform": Platform.from_wire(named["platform"])})
        except ValueError as error:
            raise RemoteError("malformed", str(error)) from None

    def is_genuine(self, publishers: Collection[bytes]) -> bool:
        """Tell whether one of these public keys (32 bytes each) has signed the facts."""
        return any(_signed_by(key, self.signature, self.signed) for key in publishers)

    def is_whole(self, content: bytes | bytearray) -> bool:
        """Tell whether the content is the file that the facts describe (size and SHA-256)."""
        return len(content) == self.size and sha256(content).digest() == self.sha256


def _signed_by(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def parse_public_key(text: str) -> bytes:
    """Return a publisher's key from 64 hex digits; raise ``LocalError`` if it is invalid."""
    try:
        key = bytes.fromhex(text)
        Ed25519PublicKey.from_public_bytes(key)
    except ValueError:
        raise LocalError("value", "a publisher's key is 64 hex digits (Ed25519)") from None
    return key
