"""The key that signs licences: made at the first start, stored in the data directory."""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet.kit.config import FleetConfig
from fleet.kit.secret_file import load_or_create

FILE_NAME: Final = "licence.key"


def load_key(config: FleetConfig) -> Ed25519PrivateKey:
    """Return the server's key, 32 bytes in a file of mode 0600; make it if there is none.

    Raise ``ValueError`` if the file does not hold a key.
    """
    seed = load_or_create(
        config.data / FILE_NAME, lambda: Ed25519PrivateKey.generate().private_bytes_raw()
    )
    return Ed25519PrivateKey.from_private_bytes(seed)


def public_key(config: FleetConfig) -> bytes:
    """Return the public key, 32 bytes, with which registers verify this server's licences."""
    return load_key(config).public_key().public_bytes_raw()
