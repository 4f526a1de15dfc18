"""Messages of the Assistant and the gateway outside conversations (MQTT).

    assistants/<login>/up     AssistantReport: at sign-in, after a change, every few minutes
    assistants/<login>/down   ReportAnswer: the account's registers with their keys

Payloads are JSON.  A key travels in a box that only the key pair of this run of the Assistant
opens: X25519, HKDF-SHA256 and AES-256-GCM, one ephemeral key for each box.  Conversations use the
topics ``registers/<serial>/up`` and ``down`` (protocol/README.md).
"""

from typing import Annotated, Final, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from protocol.errors import RemoteError
from protocol.platforms import Platform

MAX_REPORT: Final = 65_536
"""Largest payload in bytes."""

MAX_REGISTERS: Final = 64
"""Largest number of registers at one PC."""

LOGIN_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{2,63}$"
"""Pattern of a login, which is part of topics.

It allows no character with a meaning in MQTT topics or in a broker's access list.
"""

_INFO: Final = b"cash-server assistant key"
_PUBLIC_SIZE: Final = 32

Serial = Annotated[str, Field(pattern=r"^[0-9]{14}$")]
Short = Annotated[str, Field(max_length=128)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


_M = TypeVar("_M", bound=_Message)


class OperationProgress(_Message):
    """Progress of the operation that runs now."""

    operation_id: int = Field(ge=1)
    stage: Short
    percent: int = Field(ge=0, le=100)


class FoundRegister(_Message):
    """A register connected to the PC."""

    serial_number: Serial
    platform: Platform
    model: int = Field(ge=0, le=255)
    firmware_version: Short
    way: Short
    place: Short
    doing: OperationProgress | None = None


class AssistantReport(_Message):
    """The Assistant's report about itself; ``public_key`` is X25519, hexadecimal."""

    version: Short
    computer: Short
    public_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    registers: list[FoundRegister] = Field(max_length=MAX_REGISTERS)


class PermittedRegister(_Message):
    """A register that the account may serve; ``key`` is a box, hexadecimal."""

    serial_number: Serial
    key_generation: int = Field(ge=1, le=255)
    key: str = Field(max_length=512)


class ReportAnswer(_Message):
    """The gateway's answer to a report."""

    registers: list[PermittedRegister] = Field(max_length=1000)
    next_report_s: int = Field(ge=1, le=86_400)


def encode(message: AssistantReport | ReportAnswer) -> bytes:
    """Return the payload of a message."""
    return message.model_dump_json().encode()


def decode_report(payload: bytes) -> AssistantReport:
    """Return the report in a payload.

    Raise ``RemoteError("oversize")`` above ``MAX_REPORT`` and ``RemoteError("malformed")`` for an
    invalid report.
    """
    return _decoded(AssistantReport, payload)


def decode_report_answer(payload: bytes) -> ReportAnswer:
    """Return the gateway's answer in a payload; raise as ``decode_report`` does."""
    return _decoded(ReportAnswer, payload)


def seal_key(key: bytes, serial_number: str, public_key: str) -> str:
    """Return a box with a register's key for the holder of ``public_key``.

    Raise ``RemoteError("malformed")`` for an invalid public key.
    """
    ours = X25519PrivateKey.generate()
    try:
        shared = ours.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(public_key)))
    except ValueError:
        raise RemoteError("malformed", "not a public key") from None
    box = AESGCM(_box_key(shared, serial_number)).encrypt(bytes(12), key, None)
    return (ours.public_key().public_bytes_raw() + box).hex()


def open_key(box: str, serial_number: str, ours: X25519PrivateKey) -> bytes:
    """Return the key in a box.

    Raise ``RemoteError("key")`` if the box is not for our key pair and this register.
    """
    try:
        raw = bytes.fromhex(box)
        shared = ours.exchange(X25519PublicKey.from_public_bytes(raw[:_PUBLIC_SIZE]))
        key = _box_key(shared, serial_number)
        return AESGCM(key).decrypt(bytes(12), raw[_PUBLIC_SIZE:], None)
    except (ValueError, InvalidTag):
        raise RemoteError("key", "a box that does not open") from None


def _box_key(shared: bytes, serial_number: str) -> bytes:
    """Derive the key of a box.

    It is used once, because the gateway makes an ephemeral key pair for each box; therefore the
    nonce may be constant.
    """
    return HKDF(SHA256(), 32, None, _INFO + serial_number.encode("ascii")).derive(shared)


def _decoded(kind: type[_M], payload: bytes) -> _M:
    if len(payload) > MAX_REPORT:
        raise RemoteError("oversize", "a payload has at most 64 KiB")
    try:
        return kind.model_validate_json(payload)
    except ValidationError:
        raise RemoteError("malformed", f"not a {kind.__name__}") from None
