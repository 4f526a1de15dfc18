"""Bytes in words: every frame of the wire is explained, and no bytes are too strange for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.explain import explain, explain_v2, is_explained
from protocol.kktpc import frame_v2 as v2
from protocol.kktpc.buffer import BY_CODE as MESSAGES
from protocol.kktpc.commands import BY_CODE as COMMANDS
from protocol.kktpc.frame import encode
from tests.protocol.vectors import VECTORS, Vector


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector.data.hex())[:40])
def test_recorded_frames_are_explained(vector: Vector) -> None:
    assert is_explained(vector.data)
    if vector.to_register:
        assert not any(line.startswith("unknown") for line in explain(vector.frame))


@pytest.mark.parametrize(
    "data",
    [
        "c101000000ff",
        "c1010000004500",
        "c1010000",
        "c101000000a499",
        "c100000000dab100",
        "c100dd0000db09",
        "a60012",
        "a6dddb",
        "a6deda",
        "a6deda0100",
        "b4",
        "ff",
    ],
)
def test_frames_missing_in_the_tables_are_not_explained(data: str) -> None:
    assert not is_explained(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("question", "answer", "said"),
    [
        ("a420", "5500 00000300 2a000000 1a0114091e", "unsent_documents=3"),
        ("91330000", "5500" + "00" * 23, "read_register(document=0, type=0, sum=0, "),
        ("91ff0000", "5500 01", "data=01"),
        ("4d", "4d" + "00" * 7, "read_cash(sum=0)"),
        ("5a", "559c00", "close_shift failed (A shift is open, operation impossible)"),
    ],
)
def test_answers_are_read_by_their_command(question: str, answer: str, said: str) -> None:
    asked = encode(1, bytes.fromhex("c10107 0000" + question))
    answered = encode(0xF0, bytes.fromhex("a607" + answer))
    assert any(said in line for line in explain(asked + answered))


hostile = st.binary(max_size=60)
nearly = st.tuples(
    st.sampled_from(sorted(MESSAGES)), st.sampled_from(sorted(COMMANDS)), st.binary(max_size=60)
).map(lambda row: bytes((row[0], 1, 0xDE, 0, 0, row[1])) + row[2])


@given(chunks=st.lists(hostile | st.builds(encode, st.integers(0, 0xF0), hostile | nearly)))
def test_hostile_streams_raise_nothing(chunks: list[bytes]) -> None:
    assert all(isinstance(line, str) for line in explain(b"".join(chunks)))


@given(chunks=st.lists(hostile | st.binary(min_size=1, max_size=255).map(v2.encode)))
def test_hostile_v2_streams_raise_nothing(chunks: list[bytes]) -> None:
    assert all(isinstance(line, str) for line in explain_v2(b"".join(chunks)))


@given(data=hostile | nearly)
def test_hostile_frames_raise_nothing(data: bytes) -> None:
    assert is_explained(data) in (True, False)
