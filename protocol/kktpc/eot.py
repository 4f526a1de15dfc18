"""Ethernet over transport: a register without a network uses its PC's (KKT-PC 1.5).

The host keeps an asynchronous slot of the task buffer open (it adds an empty command with
`ARM_FLAGS`, alternately under the two ids of `SLOTS`); the register answers it with a request for
the network.  The host sends its own messages as commands without an answer.  Both carry `DA type
length value`, one TLV in a packet; numbers are little-endian.  There are two sockets, 0 and 1: a
row of the table with two codes has one for each.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from protocol.errors import LocalError, RemoteError
from protocol.kktpc.buffer import Flag

COMMAND: Final = 0xDA
SLOTS: Final = (0xDE, 0xDF)
"""Task ids that the driver reserves for this; it alternates between them."""

ARM_FLAGS: Final = Flag.NEED_RESULT | Flag.IGNORE_ERROR | Flag.WAIT_ASYNC_DATA
"""Flags of the Add that opens a slot; its body is only the access password."""

SEND_FLAGS: Final = Flag(0)
"""Flags of the Add that carries a TLV to the register: no result is requested."""

SOCKETS: Final = (0, 1)
VERSION: Final = 2
"""Version that the driver announces; it serves registers of the versions 1 and 2 alike."""

MAX_VALUE: Final = 0xFF
READ_AT_ONCE: Final = 128
"""Most bytes that the driver reads from the network for one TLV (or PACKET_SIZE, if less)."""

VERSION_REPEAT_S: Final = 1.0
"""Seconds after which the host repeats its question for the register's version."""


class TlvRecipient(Enum):
    """Recipient of a TLV."""

    REGISTER = "register"
    HOST = "host"


class TlvForm(Enum):
    """Type of a TLV's value in Python."""

    NOTHING = "nothing"
    U8 = "u8"
    YES_OR_NO = "yes or no"
    U16 = "u16"
    TEXT = "text"
    BYTES = "bytes"


TlvValue = int | bool | str | bytes | None


@dataclass(frozen=True, slots=True)
class TlvKind:
    """A row of the table: `codes` has one code, or one for each socket."""

    name: str
    codes: tuple[int, ...]
    to: TlvRecipient
    form: TlvForm
    note: str


@dataclass(frozen=True, slots=True)
class Tlv:
    """One TLV; `socket` is None if the kind belongs to no socket."""

    kind: TlvKind
    socket: int | None = None
    value: TlvValue = None


# fmt: off
ASK_VERSION = TlvKind("ask_version", (0x01,), TlvRecipient.REGISTER, TlvForm.NOTHING,
                   "repeated until REGISTER_VERSION comes")
HOST_VERSION = TlvKind("host_version", (0x02,), TlvRecipient.REGISTER, TlvForm.U8,
                    "the answer to ASK_HOST_VERSION")
RESET = TlvKind("reset", (0x03,), TlvRecipient.REGISTER, TlvForm.NOTHING,
             "sent once, first: the register closes both sockets")
CONNECTED = TlvKind("connected", (0x10, 0x11), TlvRecipient.REGISTER, TlvForm.YES_OR_NO,
                 "no: it failed, or is closed")
RECEIVED = TlvKind(
    "received", (0x20, 0x21), TlvRecipient.REGISTER, TlvForm.BYTES, "from the network"
)
REGISTER_VERSION = TlvKind("register_version", (0x40,), TlvRecipient.HOST, TlvForm.U8, "1 or 2")
DNS = TlvKind("dns", (0x41,), TlvRecipient.HOST, TlvForm.BYTES,
           "a name server's address; the driver keeps to its own")
ASK_HOST_VERSION = TlvKind("ask_host_version", (0x42,), TlvRecipient.HOST, TlvForm.NOTHING,
                        "answered by HOST_VERSION")
PACKET_SIZE = TlvKind("packet_size", (0x50, 0x51), TlvRecipient.HOST, TlvForm.U16,
                   "the most bytes of one RECEIVED; without it the host reads nothing")
PORT = TlvKind("port", (0x60, 0x61), TlvRecipient.HOST, TlvForm.U16, "TCP, of the next CONNECT")
CONNECT = TlvKind("connect", (0x70, 0x71), TlvRecipient.HOST, TlvForm.TEXT,
               "a host name or IPv4 address, answered by CONNECTED")
CLOSE = TlvKind(
    "close", (0x80, 0x81), TlvRecipient.HOST, TlvForm.NOTHING, "answered by CONNECTED no"
)
SEND = TlvKind("send", (0x90, 0x91), TlvRecipient.HOST, TlvForm.BYTES, "for the network")
LOG = TlvKind("log", (0xA0,), TlvRecipient.HOST, TlvForm.TEXT, "a line of the register's own log")
UNKNOWN = TlvKind("unknown", (0xB0, 0xB1), TlvRecipient.HOST, TlvForm.BYTES,
               "the driver takes B1 and does nothing; what it means is not known")
# fmt: on

KINDS: Final = (
    ASK_VERSION,
    HOST_VERSION,
    RESET,
    CONNECTED,
    RECEIVED,
    REGISTER_VERSION,
    DNS,
    ASK_HOST_VERSION,
    PACKET_SIZE,
    PORT,
    CONNECT,
    CLOSE,
    SEND,
    LOG,
    UNKNOWN,
)
BY_CODE: Final = {code: (kind, place) for kind in KINDS for place, code in enumerate(kind.codes)}


def encode(tlv: Tlv) -> bytes:
    """Return `DA type length value`; raise LocalError for an invalid socket or value."""
    kind = tlv.kind
    sockets = (None,) if len(kind.codes) == 1 else SOCKETS
    if tlv.socket not in sockets:
        raise LocalError("value", f"{kind.name} has no socket {tlv.socket}")
    value = _bytes_of(kind, tlv.value)
    if len(value) > MAX_VALUE:
        raise LocalError("oversize", f"{kind.name} of {len(value)} bytes: {MAX_VALUE} at most")
    return bytes((COMMAND, kind.codes[tlv.socket or 0], len(value))) + value


def decode(data: bytes, to: TlvRecipient) -> Tlv:
    """Return the TLV addressed to `to`, from its bytes `DA type length value`.

    Raise RemoteError for invalid data or the wrong direction.
    """
    if len(data) < 3 or data[0] != COMMAND or len(data) != 3 + data[2]:
        raise RemoteError("malformed", f"{len(data)} bytes are no TLV of Ethernet over transport")
    code = data[1]
    if code not in BY_CODE:
        raise RemoteError("malformed", f"Ethernet over transport knows no type {code:02X}")
    kind, place = BY_CODE[code]
    if kind.to is not to:
        raise RemoteError("malformed", f"{kind.name} is not for the {to.value}")
    socket = place if len(kind.codes) > 1 else None
    return Tlv(kind, socket, _value_of(kind, data[3:]))


def _bytes_of(kind: TlvKind, value: TlvValue) -> bytes:
    match kind.form, value:
        case TlvForm.NOTHING, None:
            return b""
        case TlvForm.U8, int() if 0 <= value <= 0xFF:
            return bytes((value,))
        case TlvForm.YES_OR_NO, bool():
            return bytes((value,))
        case TlvForm.U16, int() if 0 <= value <= 0xFFFF:
            return value.to_bytes(2, "little")
        case TlvForm.TEXT, str() if value.isascii() and (kind is LOG or _is_host(value)):
            return value.encode("ascii")
        case TlvForm.BYTES, bytes():
            return value
    raise LocalError("value", f"{kind.name} carries {kind.form.value}")


def _value_of(kind: TlvKind, raw: bytes) -> TlvValue:
    match kind.form, len(raw):
        case TlvForm.NOTHING, 0:
            return None
        case TlvForm.U8, 1:
            return raw[0]
        case TlvForm.YES_OR_NO, 1 if raw[0] <= 1:
            return bool(raw[0])
        case TlvForm.U16, 1 | 2:
            return int.from_bytes(raw, "little")
        case TlvForm.TEXT, _:
            return _text_of(kind, raw)
        case TlvForm.BYTES, _:
            return raw
    raise RemoteError("malformed", f"{kind.name} of {len(raw)} bytes: {kind.form.value} expected")


def _text_of(kind: TlvKind, raw: bytes) -> str:
    """Return the text of a value: a log line may contain any bytes.

    A host name may have only one NUL, at its end; raise RemoteError for an invalid one.
    """
    if kind is LOG:
        return raw.rstrip(b"\0").decode("ascii", "replace")
    text = raw.removesuffix(b"\0").decode("latin-1")
    if not _is_host(text):
        raise RemoteError("malformed", f"{kind.name} without a host name")
    return text


def _is_host(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
