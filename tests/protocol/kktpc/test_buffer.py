"""The task buffer: vectors of the wire, every message there and back, nonsense refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import LocalError, RemoteError
from protocol.kktpc import buffer
from protocol.kktpc.buffer import (
    ANSWER_WITHIN_S,
    ASYNC_WITHIN_S,
    Abort,
    Ack,
    AckAdd,
    Add,
    AsyncResult,
    IllegalValue,
    InProgress,
    Request,
    Result,
    Retransmit,
)
from protocol.rows import MessageRow, Side
from tests.protocol.vectors import VECTORS, Vector


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("c4", Abort()),
        ("a3", Result(b"")),
        ("", Retransmit()),
        ("c101000000a5", Add(1, 0, b"\x00\x00\xa5")),
        ("a2", InProgress()),
        ("a605550000106101234567", AsyncResult(5, bytes.fromhex("550000106101234567"))),
        ("c200", Ack(0)),
        ("c302", Request(2)),
        ("b401", IllegalValue(1)),
        ("c107de0000", Add(7, 0xDE, b"\x00\x00")),
        ("a6deda400101", AsyncResult(0xDE, bytes.fromhex("da400101"))),
    ],
)
def test_recorded_messages_are_decoded(data: str, message: buffer.BufferMessage) -> None:
    assert buffer.decode(bytes.fromhex(data)) == message
    assert buffer.encode(message) == bytes.fromhex(data)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.frame.hex()[:24])
def test_every_vector_decodes_to_a_message_of_its_sender(vector: Vector) -> None:
    message = buffer.decode(vector.data)
    assert buffer.encode(message) == vector.data
    if not isinstance(message, Retransmit):
        side = Side.GATEWAY if vector.to_register else Side.REGISTER
        assert buffer.BY_MESSAGE[type(message)].side is side


@pytest.mark.parametrize("row", buffer.ROWS, ids=lambda row: row.message.__name__)
@given(data=st.data())
def test_every_message_round_trips(row: MessageRow, data: st.DataObject) -> None:
    values: list[Any] = [data.draw(st.integers(0, 255)) for _ in row.layout.names]
    if row.rest:
        values.append(data.draw(st.binary(max_size=40)))
    message = row.message(*values)
    assert buffer.encode(message)[0] == row.code
    assert buffer.decode(buffer.encode(message)) == message


def test_codes_are_unique() -> None:
    assert len(buffer.BY_CODE) == len(buffer.BY_MESSAGE) == len(buffer.ROWS)


@pytest.mark.parametrize("data", ["00", "db", "c0", "c1", "c100", "c2", "c20000", "a6", "a200"])
def test_malformed_messages_are_refused(data: str) -> None:
    with pytest.raises(RemoteError) as caught:
        buffer.decode(bytes.fromhex(data))
    assert caught.value.code == "malformed"


def test_a_value_that_does_not_fit_is_a_local_error() -> None:
    with pytest.raises(LocalError):
        buffer.encode(Ack(256))


def test_a_host_waits_as_long_as_public_hosts_do() -> None:
    """KKT-PC 1.4, in seconds."""
    assert {Add: 0.5, AckAdd: 0.5, Request: 0.5, Ack: 0.5, Abort: 0.1} == ANSWER_WITHIN_S
    assert ASYNC_WITHIN_S == 0.5
