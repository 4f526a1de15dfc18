"""Every message of the conversation: its bytes as written down, and there and back."""

from typing import Any

import pytest
from construct import Bytes, FormatField
from hypothesis import given
from hypothesis import strategies as st

from protocol.conversation.messages import (
    BY_OUTER_CODE,
    BY_SEALED_CODE,
    OUTER,
    ROWS,
    SEALED,
    Accepted,
    Challenge,
    CheckIn,
    ConversationRefused,
    Farewell,
    Hello,
    Keepalive,
    Step,
    StepDone,
    StepRefused,
    parse_sealed,
)
from protocol.errors import LocalError, RemoteError
from protocol.rows import MessageRow, Side, build, message_row, parse

EVERY = pytest.mark.parametrize("row", (*OUTER, *SEALED), ids=lambda row: row.message.__name__)
SERIAL = bytes.fromhex("00106101234567")
NONCE, PROOF = bytes(range(16)), bytes(range(16, 32))


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (
            Hello(1, 50, SERIAL, 61, 2, 7, NONCE),
            "01 32 00106101234567 3d 02 07 000102030405060708090a0b0c0d0e0f",
        ),
        (
            Challenge(NONCE, PROOF),
            "000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f",
        ),
        (ConversationRefused(4, 60), "04 003c"),
        (CheckIn(1, b"block"), "01 626c6f636b"),
        (Accepted(0x6553F100, 300, 1, 2), "6553f100 012c 01 02"),
        (Step(0x0102030405060708, 9, b"\x46"), "0102030405060708 0009 46"),
        (StepDone(1, 258, b"\x55\x00"), "0000000000000001 0102 5500"),
        (StepRefused(1, 5), "0000000000000001 05"),
        (Farewell(300), "012c"),
        (Keepalive(), ""),
    ],
)
def test_messages_have_the_specified_bytes(message: Any, body: str) -> None:
    found = ROWS[type(message)]
    assert build(found, message) == bytes.fromhex(body)
    assert parse(found, bytes.fromhex(body)) == message


@pytest.mark.parametrize(
    ("code", "message"),
    [(0x01, Hello), (0x02, Challenge), (0x04, ConversationRefused)],
)
def test_outer_kinds_have_the_specified_codes(code: int, message: type) -> None:
    assert BY_OUTER_CODE[code].message is message


@pytest.mark.parametrize(
    ("code", "message", "side"),
    [
        (0x10, CheckIn, Side.REGISTER),
        (0x11, Accepted, Side.GATEWAY),
        (0x12, Step, Side.GATEWAY),
        (0x13, StepDone, Side.REGISTER),
        (0x14, StepRefused, Side.REGISTER),
        (0x1E, Farewell, Side.GATEWAY),
        (0x1F, Keepalive, Side.BOTH),
    ],
)
def test_sealed_types_have_the_specified_codes(code: int, message: type, side: Side) -> None:
    assert (BY_SEALED_CODE[code].message, BY_SEALED_CODE[code].side) == (message, side)


def values_of(row: MessageRow, draw: st.DataObject) -> list[Any]:
    values = [draw.draw(_strategy(part.subcon)) for part in row.layout.declaration.subcons]
    return [*values, draw.draw(st.binary(max_size=100))] if row.rest else values


def _strategy(wire: Any) -> st.SearchStrategy[Any]:
    if isinstance(wire, FormatField):
        return st.integers(0, 256 ** wire.sizeof() - 1)
    assert isinstance(wire, Bytes)
    return st.binary(min_size=wire.sizeof(), max_size=wire.sizeof())


@EVERY
@given(data=st.data())
def test_every_message_round_trips(row: MessageRow, data: st.DataObject) -> None:
    message = row.message(*values_of(row, data))
    assert parse(row, build(row, message)) == message
    if row in SEALED:
        assert parse_sealed(bytes((row.code,)) + build(row, message)) == message


@EVERY
def test_a_body_of_another_size_is_refused(row: MessageRow) -> None:
    sizes = {row.layout.size - 1} | (set() if row.rest else {row.layout.size + 1})
    for size in sizes - {-1}:
        with pytest.raises(RemoteError) as caught:
            parse(row, bytes(size))
        assert caught.value.code == "malformed"


@given(st.binary(max_size=40))
def test_any_bytes_are_a_message_or_refused(plain: bytes) -> None:
    try:
        message = parse_sealed(plain)
    except RemoteError as error:
        assert error.code == "malformed"
    else:
        assert bytes((plain[0],)) + build(ROWS[type(message)], message) == plain


def test_a_value_that_does_not_fit_is_a_local_error() -> None:
    with pytest.raises(LocalError):
        build(ROWS[Farewell], Farewell(0x10000))


def test_a_row_that_differs_from_its_message_is_refused() -> None:
    with pytest.raises(ValueError, match="Farewell"):
        message_row(0x1E, Farewell, Side.GATEWAY)
