"""The keys and the sealing of the conversation, computed again from their formulas.

Written with the primitives of ``cryptography`` and none of the product's code, so that a mistake
there cannot hide in its own test.
"""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    mac = HMAC(key, hashes.SHA256())
    mac.update(data)
    return mac.finalize()


def register_key(fleet_key: bytes, serial: bytes) -> bytes:
    """Return K = HKDF-SHA256(fleet key, info = "register" || serial)."""
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"register" + serial).derive(fleet_key)


def proof(key: bytes, hello_body: bytes, nonce: bytes) -> bytes:
    """Return the first half of HMAC-SHA256(K, "cash-server" || HELLO body || nonce)."""
    return hmac_sha256(key, b"cash-server" + hello_body + nonce)[:16]


def sealed(
    key: bytes, direction: str, nonces: bytes, counter: int, message: bytes, serial: bytes
) -> bytes:
    """Seal with AES-256-GCM; nonce = direction (4 bytes) || counter (8 bytes).

    The additional data is kind || serial.
    """
    nonce = direction.encode().ljust(4, b"\0") + counter.to_bytes(8, "big")
    conversation_key = hmac_sha256(key, direction.encode() + nonces)
    return AESGCM(conversation_key).encrypt(nonce, message, b"\x03" + serial)
