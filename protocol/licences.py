"""Signed licences of platform 5.0: purpose, register, signature.

The format is our own, because the manufacturer's is not public.  85 bytes, numbers big-endian::

    version u8 (1) || serial number BCD 7 || kind u8 || issued at u32 || number u64 || signature 64

``issued at`` is in seconds since 1970.  The signature is Ed25519 (RFC 8032) over ``"cash-server
licence 1\\n"`` and all fields before the signature.  A register accepts a licence for its own
serial number, of the kind that the command names, signed by a key that it knows; it rejects any
other with the result code AEh.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from construct import Byte, Bytes, Const, Int32ub, Int64ub, Struct
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocol.errors import RemoteError
from protocol.fields import bcd_digits, build, parse, whole

VERSION: Final = 1
SIGNATURE_SIZE: Final = 64
MAX_SECONDS: Final = 2**32 - 1
MAX_NUMBER: Final = 2**63 - 1
"""Largest number of a licence, so that every database can store it as an integer."""


class LicenceKind(StrEnum):
    """The three kinds of the ATOL Connect manual («Восстановление лицензий»)."""

    PLATFORM_5_0 = "platform_5_0"
    WEB_DKKT = "web_dkkt"
    NEWGER_AS_PRINTER = "newger_as_printer"


WIRE_CODES: Mapping[LicenceKind, int] = MappingProxyType(
    {
        LicenceKind.PLATFORM_5_0: 1,
        LicenceKind.WEB_DKKT: 2,
        LicenceKind.NEWGER_AS_PRINTER: 3,
    }
)
_KINDS: Final = {code: kind for kind, code in WIRE_CODES.items()}

_FACTS: Final = (
    "version" / Const(VERSION, Byte),
    "serial_number" / bcd_digits(7),
    "kind" / Byte,
    "issued_at" / Int32ub,
    "number" / Int64ub,
)
_SIGNED: Final = Struct("purpose" / Const(b"cash-server licence 1\n"), *_FACTS)
_LICENCE: Final = whole(*_FACTS, "signature" / Bytes(SIGNATURE_SIZE))


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence; ``issued_at`` is aware, in whole seconds; ``number`` is 0 to ``MAX_NUMBER``."""

    serial_number: str
    kind: LicenceKind
    issued_at: datetime
    number: int
    signature: bytes = bytes(SIGNATURE_SIZE)

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for facts that no licence can have."""
        fits = (
            re.fullmatch(r"[0-9]{14}", self.serial_number, re.ASCII)
            and 0 <= self.issued_at.timestamp() <= MAX_SECONDS
            and 0 <= self.number <= MAX_NUMBER
            and len(self.signature) == SIGNATURE_SIZE
        )
        if not fits:
            raise ValueError("no licence has such facts")

    @property
    def signed(self) -> bytes:
        """Return the bytes that the server signs."""
        return build(_SIGNED, self._facts, "signed facts of a licence")

    def encode(self) -> bytes:
        """Return the 85 bytes of the licence."""
        return build(_LICENCE, {**self._facts, "signature": self.signature}, "licence")

    def is_genuine(self, issuers: Collection[bytes]) -> bool:
        """Tell whether one of these public keys (32 bytes each) has signed the licence."""
        return any(_signed_by(key, self.signature, self.signed) for key in issuers)

    @property
    def _facts(self) -> dict[str, object]:
        return {
            "serial_number": self.serial_number,
            "kind": WIRE_CODES[self.kind],
            "issued_at": int(self.issued_at.timestamp()),
            "number": self.number,
        }


def decode(data: bytes) -> Licence:
    """Return the licence in these bytes, genuine or not; raise ``RemoteError`` if it is invalid."""
    fields = parse(_LICENCE, data, "licence")
    kind = _KINDS.get(fields["kind"])
    if kind is None:
        raise RemoteError("malformed", "a licence of an unknown kind")
    issued_at = datetime.fromtimestamp(fields["issued_at"], UTC)
    try:
        return Licence(
            fields["serial_number"], kind, issued_at, fields["number"], fields["signature"]
        )
    except ValueError as error:
        raise RemoteError("malformed", str(error)) from None


def _signed_by(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
