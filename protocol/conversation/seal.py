"""Keys of the conversation and the sealing of its messages.

    K        = HKDF-SHA256(fleet key of a generation, info = "register" || serial)
    proof    = first 16 bytes of HMAC-SHA256(K, "cash-server" || HELLO body || nonce)
    up, down = HMAC-SHA256(K, "up" | "down" || register's nonce || gateway's nonce)
    sealed   = AES-256-GCM(up | down; nonce = direction || counter; kind || serial)

The counter is not sent: a message that is lost, repeated or out of order does not open.
"""

import hmac
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocol.errors import LocalError, RemoteError

NONCE_SIZE: Final = 16
PROOF_SIZE: Final = 16
KEY_SIZE: Final = 32
TAG_SIZE: Final = 16
SERIAL_SIZE: Final = 7

UP: Final = b"up\0\0"
DOWN: Final = b"down"
"""Directions as the first four bytes of the GCM nonce."""

_HASH = "sha256"


class KeyRing:
    """Fleet keys by generation (1..255), 32 bytes each; the highest one is current."""

    def __init__(self, generations: Mapping[int, bytes]) -> None:
        if not generations:
            raise ValueError("a key ring holds at least one generation")
        for generation, key in generations.items():
            if not 1 <= generation <= 255 or len(key) != KEY_SIZE:
                raise ValueError(f"generation {generation}: 1..255 with a key of {KEY_SIZE} bytes")
        # HKDF's extract step (no salt) depends on the fleet key alone.
        self._extracted = {
            generation: hmac.digest(bytes(KEY_SIZE), key, _HASH)
            for generation, key in generations.items()
        }
        self.current: int = max(generations)

    def __repr__(self) -> str:
        return f"KeyRing(generations={list(self.generations)})"

    @property
    def generations(self) -> tuple[int, ...]:
        """Return the numbers of the generations, lowest first."""
        return tuple(sorted(self._extracted))

    def register_key(self, generation: int, serial: bytes) -> bytes | None:
        """Return K of a register (``serial``: 7 BCD bytes), or None for an unknown generation."""
        extracted = self._extracted.get(generation)
        if extracted is None:
            return None
        return hmac.digest(extracted, b"register" + serial + b"\x01", _HASH)

    @classmethod
    def generate(cls) -> str:
        """Return a new key ring of one generation, as the text that ``parse`` reads."""
        return json.dumps({"1": secrets.token_hex(KEY_SIZE)})

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Return the key ring in ``{"<generation>": "<64 hex digits>", ...}``.

        Raise ``ValueError`` if the text is invalid.
        """
        try:
            found = json.loads(text)
            return cls({int(generation): bytes.fromhex(key) for generation, key in found.items()})
        except (AttributeError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"not a key ring: {type(error).__name__}") from None

    @classmethod
    def load(cls, path: Path) -> "KeyRing":
        """Return the key ring in a file; the file's text never appears in an error."""
        return cls.parse(path.read_text(encoding="ascii"))


def proof(key: bytes, hello_body: bytes, nonce: bytes) -> bytes:
    """Return the 16 bytes by which CHALLENGE proves that the gateway knows the register's key."""
    return hmac.digest(key, b"cash-server" + hello_body + nonce, _HASH)[:PROOF_SIZE]


def equal_in_constant_time(left: bytes, right: bytes) -> bool:
    """Compare two byte strings in constant time."""
    return hmac.compare_digest(left, right)


class Seal:
    """One direction of one conversation; one end seals with it, the other end opens."""

    __slots__ = ("_cipher", "_counter", "_direction")

    def __init__(self, key: bytes, direction: bytes, nonces: bytes) -> None:
        label = direction.rstrip(b"\0")
        self._cipher = AESGCM(hmac.digest(key, label + nonces, _HASH))
        self._direction = direction
        self._counter = 0

    def seal(self, message: bytes, associated: bytes) -> bytes:
        """Return the sealed message: 16 bytes longer than the plain one."""
        sealed = self._cipher.encrypt(self._nonce(), message, associated)
        self._counter += 1
        return sealed

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """Return the plain message; raise ``RemoteError("key")`` for a forged or misplaced one."""
        try:
            message = self._cipher.decrypt(self._nonce(), sealed, associated)
        except (InvalidTag, ValueError):
            raise RemoteError("key", "a sealed message does not open") from None
        self._counter += 1
        return message

    def _nonce(self) -> bytes:
        if self._counter >> 64:
            raise LocalError("counter", "too many messages under one key")
        return self._direction + self._counter.to_bytes(8, "big")
