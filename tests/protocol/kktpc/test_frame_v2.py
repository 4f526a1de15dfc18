"""Lower level v2: the published vector, every byte that needs care, and hostile lines."""

from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import LocalError
from protocol.kktpc import frame_v2 as v2
from protocol.kktpc.frame_v2 import (
    MAX_DATA,
    BadFrameV2,
    ControlByte,
    FrameReaderV2,
    FrameV2,
    ItemV2,
    encode,
)

# KKT-PC 2 and 5, number 30.
DATA = bytes.fromhex("1f00ff1002031a")
WIRE = bytes.fromhex("021f00ff10100210031a03e8")

some_data = st.binary(min_size=1, max_size=MAX_DATA) | st.lists(
    st.sampled_from(b"\x02\x03\x04\x05\x06\x10\x15\xff"), min_size=1, max_size=MAX_DATA
).map(bytes)


def test_the_published_frame_round_trips() -> None:
    assert encode(DATA) == WIRE
    assert FrameReaderV2().feed(WIRE) == [FrameV2(DATA)]


def test_the_exchange_has_the_specified_bytes_and_times() -> None:
    """KKT-PC 2."""
    assert (v2.ENQ, v2.ACK, v2.STX, v2.ETX) == (5, 6, 2, 3)
    assert (v2.EOT, v2.NAK, v2.DLE) == (4, 0x15, 0x10)
    assert (v2.T1_S, v2.T2_S, v2.T3_S, v2.T4_S) == (0.5, 2, 0.5, 0.5)
    assert (v2.T6_S, v2.T7_S, v2.T8_S) == (0.5, 0.5, 1)
    assert (v2.ENQ_ATTEMPTS, v2.FRAME_ATTEMPTS) == (5, 10)


def test_control_bytes_are_read_alone() -> None:
    assert FrameReaderV2().feed(b"\x05\x06\x15\x04" + WIRE + b"\x04") == [
        ControlByte.ENQ,
        ControlByte.ACK,
        ControlByte.NAK,
        ControlByte.EOT,
        FrameV2(DATA),
        ControlByte.EOT,
    ]


@given(data=some_data)
def test_all_data_round_trips(data: bytes) -> None:
    wire = encode(data)
    assert wire[-1] == reduce(xor, wire[1:-1])
    assert FrameReaderV2().feed(wire) == [FrameV2(data)]


@given(data=some_data)
def test_a_frame_is_read_a_byte_at_a_time(data: bytes) -> None:
    reader = FrameReaderV2()
    found = [item for byte in encode(data) for item in reader.feed(bytes((byte,)))]
    assert (found, reader.pending) == ([FrameV2(data)], 0)


@pytest.mark.parametrize("data", [b"", bytes(MAX_DATA + 1)])
def test_data_that_no_frame_can_carry_is_a_local_error(data: bytes) -> None:
    with pytest.raises(LocalError):
        encode(data)


def test_a_frame_that_is_too_long_is_dropped_before_its_end() -> None:
    reader = FrameReaderV2()
    found = reader.feed(b"\x02" + b"a" * 10_000)
    assert [item.reason for item in found if isinstance(item, BadFrameV2)] == ["oversize"]
    assert sum(item.skipped for item in found if isinstance(item, BadFrameV2)) == 10_001
    assert reader.pending == 0
    assert reader.feed(WIRE) == [FrameV2(DATA)]


@pytest.mark.parametrize(
    ("wire", "found"),
    [
        (b"abc", [BadFrameV2("junk", 3)]),
        (b"\x02\x03\x03", [BadFrameV2("empty", 3)]),
        (WIRE[:-1] + b"\xe9", [BadFrameV2("crc", len(WIRE))]),
        (b"xx" + WIRE, [BadFrameV2("junk", 2), FrameV2(DATA)]),
        (WIRE[:-1], []),
        (b"\x02\x10", []),
    ],
)
def test_bad_bytes_are_named_or_wait_for_more(wire: bytes, found: list[ItemV2]) -> None:
    assert FrameReaderV2().feed(wire) == found


def test_an_incomplete_frame_can_be_dropped() -> None:
    reader = FrameReaderV2()
    assert reader.feed(WIRE[:5]) == []
    assert (reader.pending, reader.reset(), reader.pending) == (5, 5, 0)
    assert reader.feed(WIRE) == [FrameV2(DATA)]


@given(chunks=st.lists(st.binary(max_size=40) | some_data.map(encode), max_size=20))
def test_hostile_bytes_do_not_hide_the_next_good_frame(chunks: list[bytes]) -> None:
    """Never an error, never more kept than a frame, and a good frame is heard again."""
    reader = FrameReaderV2()
    for chunk in chunks:
        reader.feed(chunk)
        assert reader.pending <= 2 * MAX_DATA + 3
    reader.reset()
    assert reader.feed(WIRE) == [FrameV2(DATA)]


@given(chunks=st.lists(st.binary(max_size=40) | some_data.map(encode), max_size=10))
def test_a_stream_is_read_alike_in_any_chunks(chunks: list[bytes]) -> None:
    """Only junk may be told in other pieces."""
    whole, pieces = FrameReaderV2(), FrameReaderV2()
    line = b"".join(chunks)
    at_once = whole.feed(line)
    bit_by_bit = [item for byte in line for item in pieces.feed(bytes((byte,)))]
    assert _frames(at_once) == _frames(bit_by_bit)


def _frames(items: list[ItemV2]) -> list[ItemV2]:
    return [item for item in items if isinstance(item, FrameV2)]
