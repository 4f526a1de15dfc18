"""The two probes: as the driver sends them, and what tells the platforms apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.kktpc import buffer, frame
from protocol.kktpc.probes import PROBE_2_5, PROBE_5_0, PROBES, Prober
from protocol.platforms import Platform

# KKT-PC 5, numbers 1, 2 and 31.
ABORT = bytes.fromhex("fe010000c402")
RESULT = bytes.fromhex("fe010000a32e")
PROBE = bytes.fromhex("24400d002001f7407465737465")


def test_the_probes_are_those_of_the_driver() -> None:
    assert (PROBE_5_0, PROBE_2_5, PROBES) == (PROBE, ABORT, PROBE + ABORT)
    assert int.from_bytes(PROBE_5_0[2:4], "little") == len(PROBE_5_0)


@pytest.mark.parametrize(
    ("heard", "platform"),
    [
        (RESULT, Platform.V2_5),
        (b"\x00\xff" + RESULT, Platform.V2_5),
        (frame.encode(0, buffer.encode(buffer.NotFound())), Platform.V2_5),
        (frame.encode(0, b""), Platform.V2_5),
        (PROBE, Platform.V5_0),
        (b"junk" + PROBE, Platform.V5_0),
        (b"$@", Platform.V5_0),
        (b"", None),
        (ABORT, None),
        (RESULT[:-1], None),
        (b"HTTP/1.1 400 Bad Request\r\n", None),
        (frame.encode(0, b"\xff"), None),
    ],
)
def test_the_first_answer_reveals_the_platform(heard: bytes, platform: Platform | None) -> None:
    assert Prober().feed(heard) is platform
    prober = Prober()
    for byte in heard:
        prober.feed(bytes((byte,)))
    assert prober.platform is platform


def test_later_answers_do_not_change_the_platform() -> None:
    prober = Prober()
    assert prober.feed(RESULT) is Platform.V2_5
    assert prober.feed(PROBE) is Platform.V2_5


@given(chunks=st.lists(st.binary(max_size=50)))
def test_hostile_bytes_raise_nothing(chunks: list[bytes]) -> None:
    prober = Prober()
    for chunk in chunks:
        prober.feed(chunk)
