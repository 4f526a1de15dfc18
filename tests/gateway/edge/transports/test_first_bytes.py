"""Who calls, told by the first bytes."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.metrics import ConversationOutcome, Limit
from gateway.edge.transports.protocol_detection import LONGEST, PeerProtocol, detect_protocol
from protocol.conversation.messages import Challenge, RefusalReason
from tests.gateway.edge.running_gateway import RunningGateway, one_ending_recorded
from tests.pace import scaled

TABLE = {
    b"\xfe": PeerProtocol.FRAMES,
    b"\xfe\x7f\x7fGET ": PeerProtocol.FRAMES,
    b"POST /kkt HTTP/1.1": PeerProtocol.HTTP,
    b"GET ": PeerProtocol.HTTP,
    b"DELETE /": PeerProtocol.HTTP,
    b"OPTIONS *": PeerProtocol.HTTP,
    b"P": PeerProtocol.UNDECIDED,
    b"POST": PeerProtocol.UNDECIDED,
    b"OPTIONS": PeerProtocol.UNDECIDED,
    b"post /kkt": PeerProtocol.NEITHER,
    b"POSTER": PeerProtocol.NEITHER,
    b"PRI * HTTP/2.0": PeerProtocol.NEITHER,
    b"\x16\x03\x01": PeerProtocol.NEITHER,
    b"\xfd": PeerProtocol.NEITHER,
    b"\x05\x06": PeerProtocol.NEITHER,
    b" GET / HTTP/1.1": PeerProtocol.NEITHER,
    b"\r\nPOST /kkt": PeerProtocol.NEITHER,
    b"SSH-2.0-OpenSSH": PeerProtocol.NEITHER,
}


@pytest.mark.parametrize("first", TABLE)
def test_first_bytes_are_detected_as_in_the_table(first: bytes) -> None:
    assert detect_protocol(first) is TABLE[first]


@given(st.binary(min_size=LONGEST))
def test_enough_bytes_always_decide(first: bytes) -> None:
    assert detect_protocol(first) is not PeerProtocol.UNDECIDED


@given(st.binary(min_size=1, max_size=LONGEST + 4))
def test_more_bytes_do_not_change_the_decision(first: bytes) -> None:
    told = {detect_protocol(first[:size]) for size in range(1, len(first) + 1)} - {
        PeerProtocol.UNDECIDED
    }
    assert len(told) <= 1


async def test_the_plain_port_accepts_frames_and_http_only(gateway: RunningGateway) -> None:
    async with await gateway.line() as frames, await gateway.line() as http:
        await frames.reach_challenge()
        http.send(b"OPTI")
        await asyncio.sleep(0.01)
        http.send(b"ONS * HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(scaled(5)):
            assert (await http._reader.read(100)).startswith(b"HTTP/1.1 404 ")
    async with await gateway.line() as stranger:
        with one_ending_recorded(
            ConversationOutcome.REFUSED_MALFORMED, "first_bytes", Limit.FIRST_BYTES
        ):
            stranger.send(b"P" + b"?")
            assert (await stranger.refusal()).reason == RefusalReason.MALFORMED


async def test_a_frame_in_single_bytes_is_detected(gateway: RunningGateway) -> None:
    async with await gateway.line() as line:
        for byte in line.hello():
            line.send(bytes((byte,)))
            await asyncio.sleep(0)
        assert isinstance(await line.receive(), Challenge)
