"""Ethernet over transport: every row, the frames of the specification, and nonsense."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import LocalError, RemoteError
from protocol.kktpc import buffer, eot
from protocol.kktpc.eot import BY_CODE, KINDS, Tlv, TlvForm, TlvKind, TlvRecipient, decode, encode
from protocol.kktpc.frame import Frame, FrameReader
from tests.protocol.vectors import VECTORS

# KKT-PC 1.5: code, direction.
TO_REGISTER = bytes.fromhex("01 02 03 10 11 20 21")
TO_HOST = bytes.fromhex("40 41 42 50 51 60 61 70 71 80 81 90 91 a0 b0 b1")

# KKT-PC 5, numbers 20 to 26: what stands in the frames of the driver and of its stub.
EXAMPLES: list[tuple[str, Tlv]] = [
    ("da0100", Tlv(eot.ASK_VERSION)),
    ("da020102", Tlv(eot.HOST_VERSION, None, eot.VERSION)),
    ("da0300", Tlv(eot.RESET)),
    ("da100101", Tlv(eot.CONNECTED, 0, True)),
    ("da110100", Tlv(eot.CONNECTED, 1, False)),
    ("da200a4543484f3a68656c6c6f", Tlv(eot.RECEIVED, 0, b"ECHO:hello")),
    ("da400101", Tlv(eot.REGISTER_VERSION, None, 1)),
    ("da410408080808", Tlv(eot.DNS, None, b"\x08\x08\x08\x08")),
    ("da4200", Tlv(eot.ASK_HOST_VERSION)),
    ("da50028000", Tlv(eot.PACKET_SIZE, 0, 128)),
    ("da6002611e", Tlv(eot.PORT, 0, 7777)),
    ("da71093132372e302e302e31", Tlv(eot.CONNECT, 1, "127.0.0.1")),
    ("da8000", Tlv(eot.CLOSE, 0)),
    ("da910568656c6c6f", Tlv(eot.SEND, 1, b"hello")),
    ("daa0026f6b", Tlv(eot.LOG, None, "ok")),
    ("dab100", Tlv(eot.UNKNOWN, 1, b"")),
]


@pytest.mark.parametrize(("wire", "tlv"), EXAMPLES)
def test_rows_have_the_specified_bytes(wire: str, tlv: Tlv) -> None:
    assert encode(tlv).hex() == wire
    assert decode(bytes.fromhex(wire), tlv.kind.to) == tlv


def test_every_row_of_the_specification_has_its_direction() -> None:
    assert {tlv.kind for _, tlv in EXAMPLES} == set(KINDS)
    for codes, to in ((TO_REGISTER, TlvRecipient.REGISTER), (TO_HOST, TlvRecipient.HOST)):
        assert {code for code, (kind, _) in BY_CODE.items() if kind.to is to} == set(codes)


def test_a_tlv_of_the_other_direction_is_refused() -> None:
    for wire, tlv in EXAMPLES:
        wrong = TlvRecipient.HOST if tlv.kind.to is TlvRecipient.REGISTER else TlvRecipient.REGISTER
        with pytest.raises(RemoteError):
            decode(bytes.fromhex(wire), wrong)


def test_recorded_tlvs_round_trip() -> None:
    """Host's as commands with no result wanted, register's in a slot of the host."""
    for vector in VECTORS:
        message = buffer.decode(vector.data)
        if isinstance(message, buffer.Add) and message.body[2:3] == b"\xda":
            assert message.flags == eot.SEND_FLAGS
            assert encode(decode(message.body[2:], TlvRecipient.REGISTER)) == message.body[2:]
        elif isinstance(message, buffer.AsyncResult) and message.task_id in eot.SLOTS:
            assert encode(decode(message.data, TlvRecipient.HOST)) == message.data


def test_a_slot_is_opened_by_an_empty_command() -> None:
    """KKT-PC 5, number 21."""
    (item,) = FrameReader().feed(bytes.fromhex("fe050016c107de00006b"))
    assert isinstance(item, Frame)
    assert buffer.decode(item.data) == buffer.Add(eot.ARM_FLAGS, eot.SLOTS[0], b"\0\0")


def test_a_packet_size_of_one_byte_is_accepted() -> None:
    assert decode(bytes.fromhex("da500180"), TlvRecipient.HOST) == Tlv(eot.PACKET_SIZE, 0, 128)


def test_a_host_name_may_end_with_nul() -> None:
    assert decode(b"\xda\x70\x0aks.atol.ru", TlvRecipient.HOST).value == "ks.atol.ru"
    assert decode(b"\xda\x70\x0bks.atol.ru\0", TlvRecipient.HOST).value == "ks.atol.ru"


@pytest.mark.parametrize(
    "wire",
    [
        "",
        "da",
        "da40",
        "db400101",
        "da4000",
        "da40020101",
        "da400201",
        "da40010101",
        "da100102",
        "da0101ff",
        "dac100",
        "da5000",
        "da5003800000",
        "da7000",
        "da700100",
        "da700361" + "0000",
        "da7003612062",
        "da7002ff61",
        "da7003610062",
    ],
)
def test_malformed_tlvs_are_a_remote_error(wire: str) -> None:
    for to in TlvRecipient:
        with pytest.raises(RemoteError):
            decode(bytes.fromhex(wire), to)


@pytest.mark.parametrize(
    "tlv",
    [
        Tlv(eot.RESET, 0),
        Tlv(eot.RESET, None, b""),
        Tlv(eot.CLOSE),
        Tlv(eot.CLOSE, 2),
        Tlv(eot.PORT, 0, 0x10000),
        Tlv(eot.PORT, 0, -1),
        Tlv(eot.PORT, 0, "80"),
        Tlv(eot.CONNECTED, 0, 1),
        Tlv(eot.CONNECT, 0, ""),
        Tlv(eot.CONNECT, 0, "a b"),
        Tlv(eot.CONNECT, 0, "касса.рф"),
        Tlv(eot.CONNECT, 0, "a\0"),
        Tlv(eot.SEND, 0, bytes(256)),
        Tlv(eot.HOST_VERSION, None, 256),
        Tlv(eot.HOST_VERSION),
    ],
)
def test_impossible_tlvs_are_a_local_error(tlv: Tlv) -> None:
    with pytest.raises(LocalError):
        encode(tlv)


VALUES: dict[TlvForm, st.SearchStrategy[Any]] = {
    TlvForm.NOTHING: st.none(),
    TlvForm.U8: st.integers(0, 0xFF),
    TlvForm.YES_OR_NO: st.booleans(),
    TlvForm.U16: st.integers(0, 0xFFFF),
    TlvForm.TEXT: st.from_regex(r"[a-z0-9.-]{1,255}", fullmatch=True),
    TlvForm.BYTES: st.binary(max_size=255),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.name))
@given(data=st.data())
def test_every_value_round_trips(kind: TlvKind, data: st.DataObject) -> None:
    socket = data.draw(st.sampled_from(eot.SOCKETS)) if len(kind.codes) > 1 else None
    tlv = Tlv(kind, socket, data.draw(VALUES[kind.form]))
    assert decode(encode(tlv), kind.to) == tlv


@given(
    data=st.binary(max_size=300)
    | st.tuples(st.sampled_from(sorted(BY_CODE)), st.binary(max_size=255)).map(
        lambda row: bytes((0xDA, row[0], len(row[1]))) + row[1]
    ),
    to=st.sampled_from(TlvRecipient),
)
def test_hostile_bytes_round_trip_or_are_refused(data: bytes, to: TlvRecipient) -> None:
    try:
        tlv = decode(data, to)
    except RemoteError:
        return
    assert tlv.kind.to is to
    if tlv.kind is not eot.LOG:
        assert decode(encode(tlv), to) == tlv
