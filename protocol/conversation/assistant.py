"""What the Assistant and a gateway say to each other beside conversations (MQTT).

    assistants/<login>/up     a Report: at sign-in, when anything changed, every few minutes
    assistants/<login>/down   Registers: those for which the account may speak, with their keys

Payloads are JSON.  A key travels in a box that only the Assistant's key pair of this run opens:
X25519, HKDF-SHA256 and AES-256-GCM, one ephemeral key for each box.  Conversations go over
``registers/<serial>/up`` and ``down`` (protocol/README.md).
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
"""Bytes in one payload."""

MAX_REGISTERS: Final = 64
"""Registers at one PC."""

LOGIN_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{2,63}$"
"""A login stands in topics: nothing that MQTT or a broker's list of rights reads as its own."""

_INFO: Final = b"cash-server assistant key"
_PUBLIC_SIZE: Final = 32

Serial = Annotated[str, Field(pattern=r"^[0-9]{14}$")]
Short = Annotated[str, Field(max_length=128)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


_M = TypeVar("_M", bound=_Message)


class OperationProgress(_Message):
    """The operation that is being done at this moment."""

    operation_id: int = Field(ge=1)
    stage: Short
    percent: int = Field(ge=0, le=100)


class FoundRegister(_Message):
    """A register that stands at the PC."""

    serial_number: Serial
    platform: Platform
    model: int = Field(ge=0, le=255)
    firmware_version: Short
    way: Short
    place: Short
    doing: OperationProgress | None = None


class AssistantReport(_Message):
    """What the Assistant says of itself; ``public_key`` is X25519, hexadecimal."""

    version: Short
    computer: Short
    public_key: str = Field(pattern=r"^[0-9a-f]{64}$")
    registers: list[FoundRegister] = Field(max_length=MAX_REGISTERS)


class PermittedRegister(_Message):
    """A register for which the account may speak; ``key`` is a box, hexadecimal."""

    serial_number: Serial
    key_generation: int = Field(ge=1, le=255)
    key: str = Field(max_length=512)


class ReportAnswer(_Message):
    """The gateway's answer to a report."""

    registers: list[PermittedRegister] = Field(max_length=1000)
    next_report_s: int = Field(ge=1, le=86_400)


def encode(message: AssistantReport | ReportAnswer) -> bytes:
    """The payload."""
    return message.model_dump_json().encode()


def decode_report(payload: bytes) -> AssistantReport:
    """``RemoteError("malformed")`` for anything else."""
    return _decoded(AssistantReport, payload)


def decode_report_answer(payload: bytes) -> ReportAnswer:
    """``RemoteError("malformed")`` for anything else."""
    return _decoded(ReportAnswer, payload)


def seal_key(key: bytes, serial_number: str, public_key: str) -> str:
    """A box with a register's key for the holder of ``public_key``.

    ``RemoteError("malformed")`` for a public key that is none.
    """
    ours = X25519PrivateKey.generate()
    try:
        shared = ours.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(public_key)))
    except ValueError:
        raise RemoteError("malformed", "not a public key") from None
    box = AESGCM(_box_key(shared, serial_number)).encrypt(bytes(12), key, None)
    return (ours.public_key().public_bytes_raw() + box).hex()


def open_key(box: str, serial_number: str, ours: X25519PrivateKey) -> bytes:
    """The key in a box; ``RemoteError("key")`` if it is not for us and this register."""
    try:
        raw = bytes.fromhex(box)
        shared = ours.exchange(X25519PublicKey.from_public_bytes(raw[:_PUBLIC_SIZE]))
        key = _box_key(shared, serial_number)
        return AESGCM(key).decrypt(bytes(12), raw[_PUBLIC_SIZE:], None)
    except (ValueError, InvalidTag):
        raise RemoteError("key", "a box that does not open") from None


def _box_key(shared: bytes, serial_number: str) -> bytes:
    """Used once: the gateway's half of the exchange is made for one box."""
    return HKDF(SHA256(), 32, None, _INFO + serial_number.encode("ascii")).derive(shared)


def _decoded(kind: type[_M], payload: bytes) -> _M:
    if len(payload) > MAX_REPORT:
        raise RemoteError("oversize", "a payload has at most 64 KiB")
    try:
        return kind.model_validate_json(payload)
    except ValidationError:
        raise RemoteError("malformed", f"not a {kind.__name__}") from None
