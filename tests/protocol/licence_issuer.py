"""The issuer of licences in tests."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.licences import Licence, LicenceKind

ISSUING_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(3, 35)))
STRANGER_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(4, 36)))
LICENCE_ISSUER: Final = ISSUING_KEY.public_key().public_bytes_raw()
ISSUED_AT: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def licence_of(serial_number: str, kind: LicenceKind, number: int = 1) -> Licence:
    """Return a genuine licence of that register."""
    return signed(Licence(serial_number, kind, ISSUED_AT, number))


def signed(licence: Licence, key: Ed25519PrivateKey = ISSUING_KEY) -> Licence:
    """Return the licence signed with the key."""
    return replace(licence, signature=key.sign(licence.signed))
