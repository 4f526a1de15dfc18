"""A publisher of firmware: images built and signed for a test."""

from dataclasses import replace
from hashlib import sha256
from random import Random
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.firmware import SIGNATURE_SIZE, Image
from protocol.platforms import Platform

_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
_STRANGER: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
PUBLISHER: Final = _KEY.public_key().public_bytes_raw()
STRANGER: Final = _STRANGER.public_key().public_bytes_raw()


def content_of(size: int, seed: int = 0) -> bytes:
    """Return a file of that size; the seed decides its content."""
    return Random(seed).randbytes(size)


def publish(
    content: bytes,
    *,
    model: int = 61,
    platform: Platform = Platform.V5_0,
    version: str = "5.9.1",
    block_size: int = 256,
) -> Image:
    """Return the signed facts about a file."""
    facts = Image(
        model,
        platform,
        version,
        len(content),
        sha256(content).digest(),
        bytes(SIGNATURE_SIZE),
        block_size,
    )
    return sign(facts)


def sign(image: Image) -> Image:
    """Return the facts with the publisher's signature."""
    return replace(image, signature=_KEY.sign(image.signed))


def forge(image: Image) -> Image:
    """Return the facts with a stranger's signature."""
    return replace(image, signature=_STRANGER.sign(image.signed))
