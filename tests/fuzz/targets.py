"""Table of fuzz targets: name -> a function that takes any bytes.

A function returns when the promise held: nothing but the errors of the protocol was raised, no more
was kept than the limit, and the reader moved on. Any other exception is a finding. The first byte
of an input gives the size of the pieces in which the rest arrives.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final, Protocol

from protocol import telemetry
from protocol.conversation.assistant import decode_report, decode_report_answer
from protocol.conversation.connection import ConversationState, GatewayEnd, RegisterEnd
from protocol.conversation.messages import UP_PREFIX, CheckIn, FrameKind, Hello
from protocol.conversation.seal import UP, KeyRing, Seal
from protocol.errors import RemoteError
from protocol.kktpc import buffer, eot
from protocol.kktpc import frame_v2 as v2
from protocol.kktpc.commands import COMMANDS, parse_answer, parse_request, split_password
from protocol.kktpc.frame import ASYNC_ID, FrameReader, encode
from protocol.kktpc.probes import Prober
from protocol.kktpc.registers import REGISTERS, parse_register
from tests.fuzz.ends import host_v3, http_entry, line_v2, task_buffer, web_body

Target = Callable[[bytes], None]

LIMIT: Final = 1024
"""Bytes of data in a frame that these readers accept."""

ESCAPED: Final = 2 * (LIMIT + 1) + 4
"""The largest size of such a frame on the wire, in bytes."""

KEYS: Final = KeyRing({1: bytes(range(32))})
SERIAL: Final = bytes.fromhex("00106100000001")
KEY: Final = KEYS.register_key(1, SERIAL) or b""


class _Keeper(Protocol):
    @property
    def pending(self) -> int: ...


def pieces(data: bytes) -> Iterator[bytes]:
    """Yield the input in pieces of the size given by its first byte."""
    size = data[0] + 1 if data else 1
    for start in range(1, len(data), size):
        yield data[start : start + size]


def _bounded(reader: _Keeper, limit: int) -> None:
    if reader.pending > limit:
        raise AssertionError(f"{reader.pending} bytes are kept, {limit} at most were promised")


def frame(data: bytes) -> None:
    """Fuzz the reader of KKT-PC v3 frames, which never raises."""
    reader = FrameReader(LIMIT)
    for piece in pieces(data):
        for item in reader.feed(piece):
            with suppress(RemoteError):
                buffer.decode(getattr(item, "data", b""))
        _bounded(reader, ESCAPED)


def frame_v2(data: bytes) -> None:
    """Fuzz the reader of lower level v2 frames."""
    reader = v2.FrameReaderV2()
    for piece in pieces(data):
        reader.feed(piece)
        _bounded(reader, 2 * v2.MAX_DATA + 4)


def probe(data: bytes) -> None:
    """Fuzz the reader of answers to the two probes."""
    reader = Prober()
    for piece in pieces(data):
        reader.feed(piece)


def greeting(data: bytes) -> None:
    """Fuzz the gateway's end with a peer that has no key."""
    _converse(GatewayEnd(KEYS, max_message=LIMIT), data)


def challenged(data: bytes) -> None:
    """Fuzz the gateway's end after a genuine HELLO."""
    gateway, _ = _greeted()
    _converse(gateway, data)


def answered(data: bytes) -> None:
    """Fuzz the register's end with a stranger that answers its HELLO."""
    register = RegisterEnd(KEY, max_message=LIMIT)
    register.hello(SERIAL, 25, 61, 2, 1)
    _converse(register, data)


def sealed(data: bytes) -> None:
    """Fuzz the gateway's end with a register that has the key and sends anything."""
    gateway, seal = _greeted()
    body = seal.seal(data[:LIMIT], b"\x03" + SERIAL)
    with suppress(RemoteError):
        for message in gateway.receive(
            encode(ASYNC_ID, UP_PREFIX + bytes((FrameKind.SEALED,)) + body)
        ):
            if isinstance(message, CheckIn):
                telemetry.decode(message.block_version, message.block)


def _greeted() -> tuple[GatewayEnd, Seal]:
    """Return a gateway's end that has sent its challenge, and the register's seal."""
    gateway = GatewayEnd(KEYS, random=bytes, max_message=LIMIT)
    register = RegisterEnd(KEY, random=bytes)
    said = gateway.receive(register.hello(SERIAL, 25, 61, 2, 1))
    assert isinstance(said[0], Hello)
    gateway.challenge()
    return gateway, Seal(KEY, UP, bytes(32))


def _converse(end: GatewayEnd | RegisterEnd, data: bytes) -> None:
    for piece in pieces(data):
        if end.state is ConversationState.CLOSED:
            return
        with suppress(RemoteError):
            end.receive(piece)
        _bounded(end, ESCAPED)


def ethernet(data: bytes) -> None:
    """Fuzz EoT in both directions."""
    for to in eot.TlvRecipient:
        with suppress(RemoteError):
            eot.decode(data, to)


def command(data: bytes) -> None:
    """Fuzz requests to a register, with and without the password."""
    with suppress(RemoteError):
        parse_request(data)
    with suppress(RemoteError):
        parse_request(split_password(data)[1])


def answer(data: bytes) -> None:
    """Fuzz a register's answers to each command and the values of each of its registers."""
    for each in COMMANDS:
        with suppress(RemoteError):
            parse_answer(each, data)
    for register in REGISTERS:
        with suppress(RemoteError):
            parse_register(register, data)


def reading(data: bytes) -> None:
    """Fuzz telemetry blocks from a register that has its key."""
    with suppress(RemoteError):
        telemetry.decode(telemetry.BLOCK_VERSION, data)


def assistant(data: bytes) -> None:
    """Fuzz the messages in an Assistant's topics."""
    for decode in (decode_report, decode_report_answer):
        with suppress(RemoteError):
            decode(data)


TARGETS: Final[Mapping[str, Target]] = MappingProxyType(
    {
        each.__name__: each
        for each in (
            frame,
            frame_v2,
            probe,
            greeting,
            challenged,
            answered,
            sealed,
            ethernet,
            command,
            answer,
            reading,
            assistant,
            http_entry,
            task_buffer,
            line_v2,
            host_v3,
            web_body,
        )
    }
)
