"""The frame: vectors from the wire, any bytes at all, and what a broken stream costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import LocalError
from protocol.kktpc.crc import crc8
from protocol.kktpc.frame import LAST_HOST_ID, MAX_DATA, BadFrame, Frame, FrameReader, encode
from tests.protocol.vectors import VECTORS, Vector

IDS = st.one_of(st.integers(0, LAST_HOST_ID), st.just(0xF0))
# The bytes that the frame treats specially come often.
DATA = st.lists(
    st.one_of(st.sampled_from([0xFE, 0xFD, 0xEE, 0xED, 0x00]), st.integers(0, 255)), max_size=300
).map(bytes)


@st.composite
def chunked(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def read(chunks: list[bytes], max_data: int = MAX_DATA) -> list[Frame | BadFrame]:
    reader = FrameReader(max_data)
    return [item for chunk in chunks for item in reader.feed(chunk)]


def test_all_recorded_vectors_are_loaded() -> None:
    assert len(VECTORS) == 187


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.frame.hex()[:24])
def test_a_vector_round_trips(vector: Vector) -> None:
    assert read([vector.frame]) == [Frame(vector.packet_id, vector.data)]
    assert encode(vector.packet_id, vector.data) == vector.frame


def test_all_vectors_are_read_from_one_stream_a_byte_at_a_time() -> None:
    stream = b"".join(vector.frame for vector in VECTORS)
    found = read([bytes((byte,)) for byte in stream])
    assert found == [Frame(vector.packet_id, vector.data) for vector in VECTORS]


def slow_crc8(data: bytes) -> int:
    """The definition of KKT-PC 1.1, bit by bit."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x31) & 0xFF if crc & 0x80 else crc << 1
    return crc


@given(st.binary(max_size=64))
def test_the_checksum_is_the_published_one(data: bytes) -> None:
    assert crc8(data) == slow_crc8(data)


@given(st.data(), st.lists(st.tuples(IDS, DATA), min_size=1, max_size=4))
def test_any_frames_are_read_from_any_chunks(
    data: st.DataObject, frames: list[tuple[int, bytes]]
) -> None:
    stream = b"".join(encode(packet_id, body) for packet_id, body in frames)
    chunks = data.draw(chunked(stream))
    assert read(chunks) == [Frame(packet_id, body) for packet_id, body in frames]


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_382, MAX_DATA])
def test_lengths_are_sent_low_seven_bits_first(length: int) -> None:
    frame = encode(7, bytes(length))
    assert frame[:4] == bytes((0xFE, length % 128, length // 128, 7))
    assert read([frame]) == [Frame(7, bytes(length))]


@pytest.mark.parametrize(("packet_id", "length"), [(0, MAX_DATA + 1), (0xFD, 0), (256, 0), (-1, 0)])
def test_data_that_no_frame_can_carry_is_a_local_error(packet_id: int, length: int) -> None:
    with pytest.raises(LocalError):
        encode(packet_id, bytes(length))


@given(st.data(), st.binary(max_size=600))
def test_any_bytes_neither_raise_nor_fill_the_reader(data: st.DataObject, noise: bytes) -> None:
    reader = FrameReader(max_data=100)
    for chunk in data.draw(chunked(noise)):
        reader.feed(chunk)
        assert reader.pending <= 4 + 2 * (100 + 1)


@given(st.data(), st.binary(max_size=300))
def test_a_stream_is_read_alike_in_any_chunks(data: st.DataObject, stream: bytes) -> None:
    def frames(chunks: list[bytes]) -> list[Frame | BadFrame]:
        return [item for item in read(chunks) if isinstance(item, Frame)]

    assert frames(data.draw(chunked(stream))) == frames([stream])


@given(st.binary(max_size=100).map(lambda noise: noise.replace(b"\xfe", b"")), DATA)
def test_a_frame_after_noise_is_found(noise: bytes, body: bytes) -> None:
    found = read([noise + encode(1, body)])
    assert found[-1] == Frame(1, body)
    assert sum(item.skipped for item in found if isinstance(item, BadFrame)) == len(noise)


@pytest.mark.parametrize(
    "false_start", ["fe7f00f0", "fe7f7ff0", "fefefefe", "fe0100", "fe05000041"]
)
def test_a_false_start_hides_no_more_bytes_than_it_claims(false_start: str) -> None:
    """After at most the length that it lied about, whole frames come through again."""
    claimed = 2 * (MAX_DATA + 1)
    good = encode(2, b"good")
    found = read([bytes.fromhex(false_start), good * (claimed // len(good) + 2)])
    assert found[-1] == Frame(2, b"good")
    assert found.count(Frame(2, b"good")) > 1


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        ("0102", "junk"),
        ("fe80", "length"),
        ("fe0080", "length"),
        ("fe0000fe", "length"),
        ("fe650000", "oversize"),
        ("fe010000c403", "crc"),
        ("fe010000fd0000", "escape"),
        ("fe010000fe0000", "escape"),
    ],
)
def test_a_bad_frame_names_its_reason(stream: str, reason: str) -> None:
    found = read([bytes.fromhex(stream)], max_data=100)
    assert isinstance(found[0], BadFrame)
    assert found[0].reason == reason


@given(DATA, st.data())
def test_a_flipped_bit_never_yields_another_frame(body: bytes, data: st.DataObject) -> None:
    frame = encode(3, body)
    place = data.draw(st.integers(0, 8 * len(frame) - 1))
    broken = bytearray(frame)
    broken[place // 8] ^= 1 << place % 8
    assert Frame(3, body) not in read([bytes(broken)])
