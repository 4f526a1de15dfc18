"""Who calls, told by the first bytes."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.metrics import Limit, Outcome
from gateway.edge.transports.first_bytes import LONGEST, Speech, speech
from protocol.conversation.messages import Challenge, RefusalReason
from tests.gateway.edge.running import Running, noticed

TABLE = {
    b"\xfe": Speech.FRAMES,
    b"\xfe\x7f\x7fGET ": Speech.FRAMES,
    b"POST /kkt HTTP/1.1": Speech.HTTP,
    b"GET ": Speech.HTTP,
    b"DELETE /": Speech.HTTP,
    b"OPTIONS *": Speech.HTTP,
    b"P": Speech.UNTOLD,
    b"POST": Speech.UNTOLD,
    b"OPTIONS": Speech.UNTOLD,
    b"post /kkt": Speech.NEITHER,
    b"POSTER": Speech.NEITHER,
    b"PRI * HTTP/2.0": Speech.NEITHER,
    b"\x16\x03\x01": Speech.NEITHER,
    b"\xfd": Speech.NEITHER,
    b"\x05\x06": Speech.NEITHER,
    b" GET / HTTP/1.1": Speech.NEITHER,
    b"\r\nPOST /kkt": Speech.NEITHER,
    b"SSH-2.0-OpenSSH": Speech.NEITHER,
}


@pytest.mark.parametrize("first", TABLE)
def test_the_table(first: bytes) -> None:
    assert speech(first) is TABLE[first]


@given(st.binary(min_size=LONGEST))
def test_so_many_bytes_always_tell(first: bytes) -> None:
    assert speech(first) is not Speech.UNTOLD


@given(st.binary(min_size=1, max_size=LONGEST + 4))
def test_what_was_told_stays_so_when_more_comes(first: bytes) -> None:
    told = {speech(first[:size]) for size in range(1, len(first) + 1)} - {Speech.UNTOLD}
    assert len(told) <= 1


async def test_the_plain_port_takes_both_and_nothing_else(gateway: Running) -> None:
    async with await gateway.line() as frames, await gateway.line() as http:
        await frames.greet()
        http.say(b"OPTI")
        await asyncio.sleep(0.01)
        http.say(b"ONS * HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            assert (await http._reader.read(100)).startswith(b"HTTP/1.1 404 ")
    async with await gateway.line() as stranger:
        with noticed(Outcome.REFUSED_MALFORMED, "first_bytes", Limit.FIRST_BYTES):
            stranger.say(b"P" + b"?")
            assert (await stranger.refusal()).reason == RefusalReason.MALFORMED


async def test_a_frame_in_single_bytes_is_a_frame(gateway: Running) -> None:
    async with await gateway.line() as line:
        for byte in line.hello():
            line.say(bytes((byte,)))
            await asyncio.sleep(0)
        assert isinstance(await line.hear(), Challenge)
