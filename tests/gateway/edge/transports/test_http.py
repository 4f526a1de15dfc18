# ruff: noqa: E501
"""``POST /kkt`` and whatever else a peer makes of it."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from fleet.device_port import DevicePort
from fleet.kit.clock import utc_now
from fleet.kit.database import Database
from fleet.wiring import REACTIONS
from gateway.edge.config import GatewayConfig
from gateway.edge.context import EdgeContext
from gateway.edge.metrics import ConversationOutcome, Limit
from gateway.edge.transports.http import REFUSAL_TEXTS
from gateway.edge.transports.tcp import TcpLink
from protocol.conversation.messages import Accepted, Challenge, ConversationRefused, RefusalReason
from tests.examples import examples
from tests.gateway.edge.running_gateway import (
    HOST,
    KEYS,
    SERIAL,
    WAIT_S,
    RawRegister,
    RunningGateway,
    key_of,
    one_ending_recorded,
    running_gateway,
)

HEAD = b"POST /kkt HTTP/1.1\r\nHost: x\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n"
ROUND = HEAD + b"Content-Length: 0\r\n\r\n"


class Answer(NamedTuple):
    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Browser:
    """A connection that says any bytes and reads answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer
        self.register = RawRegister(reader, writer, SERIAL, key_of(SERIAL))
        """Its messages; nobody reads the connection through it."""

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    def post(self, body: bytes, *, chunk: int | None = None) -> None:
        if chunk is None:
            self.say(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            return
        pieces = [body[at : at + chunk] for at in range(0, len(body), chunk)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        self.say(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")

    async def answer(self) -> Answer:
        async with asyncio.timeout(WAIT_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            status, *lines = head.rstrip().split(b"\r\n")
            headers = dict(line.lower().split(b": ", 1) for line in lines)
            body = await self._reader.readexactly(int(headers[b"content-length"]))
        return Answer(int(status.split()[1]), headers, body)

    async def messages(self) -> list[Any]:
        """Of an answer that is one."""
        answer = await self.answer()
        assert (answer.status, answer.headers[b"content-type"]) == (
            200,
            b"application/octet-stream",
        )
        return self.register.end.receive(answer.body)

    async def hung_up(self) -> None:
        """Nothing more comes; who was still talking may hear it as a reset."""
        with suppress(ConnectionResetError):
            async with asyncio.timeout(WAIT_S):
                assert await self._reader.read() == b""


async def browser(gateway: RunningGateway) -> Browser:
    return Browser(*await asyncio.open_connection(HOST, gateway.number))


# fmt: off
MALFORMED = {
    "two lengths":              HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "one length said twice":    HEAD + b"Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello",
    "two lengths in one":       HEAD + b"Content-Length: 5, 6\r\n\r\nhello!",
    "a length and chunks":      HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length":      HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "a length that is none":    HEAD + b"Content-Length: +5\r\n\r\nhello",
    "a negative length":        HEAD + b"Content-Length: -1\r\n\r\n",
    "a hexadecimal length":     HEAD + b"Content-Length: 0x5\r\n\r\nhello",
    "an endless length":        HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
    "a folded header":          HEAD + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "a folded length":          HEAD + b"Content-Length:\r\n 0\r\n\r\n",
    "bare line feeds":          HEAD.replace(b"\r", b"") + b"Content-Length: 0\n\n",
    "one bare line feed":       HEAD + b"X: y\nContent-Length: 0\r\n\r\n",
    "a bare carriage return":   HEAD + b"X: y\rContent-Length: 9\r\nContent-Length: 0\r\n\r\n",
    "a space before the colon": HEAD + b"Content-Length : 0\r\n\r\n",
    "a zero byte":              HEAD + b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "no host":                  b"POST /kkt HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "two hosts":                HEAD + b"Host: y\r\nContent-Length: 0\r\n\r\n",
    "no request line":          b"POST \r\n\r\n",
    "a chunk that is none":     HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a chunk that lies":        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n\xfebc\r\n0\r\n\r\n",
    "a trailer":                HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
}
OTHERS = {
    "another path":        (404, b"POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
    "the root":            (404, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "a tunnel":            (404, b"CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n"),
    "another method":      (405, b"GET /kkt HTTP/1.1\r\nHost: x\r\n\r\n"),
    "no length":           (411, HEAD + b"\r\n"),
    "an expectation":      (417, HEAD + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"),
    "another transfer":    (501, HEAD + b"Transfer-Encoding: gzip\r\n\r\n"),
    "chunked, disguised":  (501, HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "chunked twice":       (501, HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "HTTP/1.0":            (505, b"POST /kkt HTTP/1.0\r\nContent-Length: 0\r\n\r\n"),
}
TOO_MUCH = {
    "a long body":         (413, Limit.HTTP_BODY_BYTES, HEAD + b"Content-Length: 1025\r\n\r\n"),
    "a long chunk":        (413, Limit.HTTP_BODY_BYTES, HEAD + b"Transfer-Encoding: chunked\r\n\r\n401\r\n" + bytes((0xFE,)) * 0x401 + b"\r\n0\r\n\r\n"),
    "a long header":       (431, Limit.HTTP_HEADER_BYTES, HEAD + b"X: " + b"y" * 600),
    "many headers":        (431, Limit.HTTP_HEADER_BYTES, HEAD + b"X: y\r\n" * 200 + b"Content-Length: 0\r\n\r\n"),
    "a long path":         (431, Limit.HTTP_HEADER_BYTES, b"POST /" + b"k" * 600),
}
# fmt: on


@pytest.mark.parametrize(
    ("status", "words"),
    [*((400, words) for words in MALFORMED.values()), *OTHERS.values()],
    ids=[*MALFORMED, *OTHERS],
)
async def test_an_invalid_request_is_refused_with_its_status(
    gateway: RunningGateway, status: int, words: bytes
) -> None:
    with one_ending_recorded(
        ConversationOutcome.REFUSED_MALFORMED, f"http_{status}", transport="http"
    ):
        async with await browser(gateway) as peer:
            peer.say(words)
            answer = await peer.answer()
            await peer.hung_up()
    assert (answer.status, answer.headers[b"connection"]) == (status, b"close")
    assert answer.body.decode() == f"{REFUSAL_TEXTS[status]}\n"
    assert answer.headers.get(b"allow") == (b"post" if status == 405 else None)


async def test_a_head_request_gets_no_body(gateway: RunningGateway) -> None:
    async with await browser(gateway) as peer:
        peer.say(b"HEAD /kkt HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await peer.answer()
        assert (answer.status, answer.body) == (405, b"")
        await peer.hung_up()


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_a_request_above_a_limit_is_refused(tmp_path: Path, name: str) -> None:
    status, limit, words = TOO_MUCH[name]
    few: dict[str, Any] = {
        "http_body_bytes": 1024,
        "http_header_bytes": 512,
        "first_frame_bytes": 4096,
    }
    async with running_gateway(tmp_path, **few) as gateway:
        with one_ending_recorded(
            ConversationOutcome.REFUSED_MALFORMED, f"http_{status}", limit, transport="http"
        ):
            async with await browser(gateway) as peer:
                peer.say(words)
                assert (await peer.answer()).status == status


async def test_requests_pipelined_during_a_commit_are_limited(tmp_path: Path) -> None:
    """While a commit is waited for, so much may come and no more."""
    async with (
        running_gateway(tmp_path, http_body_bytes=2048) as gateway,
        await browser(gateway) as peer,
    ):
        await greet(peer)
        async with gateway.database.transaction() as db:
            await db.execute(text("SELECT 1"))
            peer.post(peer.register.check_in())
            await gateway.until(lambda: gateway.waiting == 1)
            limit = Limit.HTTP_BODY_BYTES
            with one_ending_recorded(
                ConversationOutcome.REFUSED_MALFORMED, "http_413", limit, transport="http"
            ):
                peer.say(ROUND * 100)
                assert (await peer.answer()).status == 413


async def greet(peer: Browser, chunk: int | None = None) -> None:
    peer.post(peer.register.hello(), chunk=chunk)
    (challenge,) = await peer.messages()
    assert isinstance(challenge, Challenge)


@pytest.mark.parametrize("chunk", [None, 1, 100])
async def test_a_call_over_one_connection_is_served(
    gateway: RunningGateway, chunk: int | None
) -> None:
    async with await browser(gateway) as peer:
        with one_ending_recorded(ConversationOutcome.SERVED, transport="http"):
            await greet(peer, chunk)
            peer.post(peer.register.check_in(), chunk=chunk)
            answer = await peer.answer()
            await peer.hung_up()
    (accepted,) = peer.register.end.receive(answer.body)
    assert isinstance(accepted, Accepted)
    assert answer.headers[b"connection"] == b"close"


async def test_half_a_frame_gets_an_empty_answer_and_may_be_completed(
    gateway: RunningGateway,
) -> None:
    async with await browser(gateway) as peer:
        hello = peer.register.hello()
        for byte in hello[:-1]:
            peer.post(bytes((byte,)))
            answer = await peer.answer()
            assert (answer.status, answer.body) == (200, b"")
            assert b"connection" not in answer.headers
        peer.post(hello[-1:])
        assert isinstance((await peer.messages())[0], Challenge)


async def test_pipelined_requests_are_answered_in_order(gateway: RunningGateway) -> None:
    async with await browser(gateway) as peer:
        peer.say(ROUND * 3)
        peer.post(peer.register.hello())
        peer.say(ROUND)
        lengths = [len((await peer.answer()).body) for _ in range(5)]
        assert [bool(length) for length in lengths] == [False, False, False, True, False]


async def test_bytes_after_the_last_answer_are_ignored(gateway: RunningGateway) -> None:
    async with await browser(gateway) as peer:
        await greet(peer)
        with one_ending_recorded(ConversationOutcome.SERVED, transport="http"):
            peer.post(peer.register.check_in())
            peer.say(ROUND + b"garbage")
            assert (await peer.answer()).headers[b"connection"] == b"close"
            await gateway.until_quiet()


async def test_a_client_without_keep_alive_gets_one_answer(gateway: RunningGateway) -> None:
    async with await browser(gateway) as peer:
        with one_ending_recorded(ConversationOutcome.CUT, transport="http"):
            hello = peer.register.hello()
            peer.say(HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(hello) + hello)
            answer = await peer.answer()
            await peer.hung_up()
    assert answer.headers[b"connection"] == b"close"
    assert isinstance(peer.register.end.receive(answer.body)[0], Challenge)


async def test_a_protocol_upgrade_is_ignored(gateway: RunningGateway) -> None:
    async with await browser(gateway) as peer:
        for _ in range(2):
            peer.say(HEAD + UPGRADE)
            assert (await peer.answer()).status == 200


async def test_a_refusal_is_the_body_of_the_last_answer(gateway: RunningGateway) -> None:
    async with await browser(gateway) as peer:
        with one_ending_recorded(ConversationOutcome.REFUSED_MALFORMED, "junk", transport="http"):
            peer.post(b"no frame at all")
            answer = await peer.answer()
            await peer.hung_up()
    (refused,) = peer.register.end.receive(answer.body)
    assert isinstance(refused, ConversationRefused) and refused.reason == RefusalReason.MALFORMED
    assert (answer.status, answer.headers[b"connection"]) == (200, b"close")


async def test_a_reading_that_is_not_stored_is_not_answered_with_200(
    gateway: RunningGateway,
) -> None:
    async with gateway.database.transaction() as db:
        await db.execute(text("ALTER TABLE readings RENAME TO readings_away"))
    async with await browser(gateway) as peer:
        await greet(peer)
        with one_ending_recorded(ConversationOutcome.NOT_KEPT, transport="http"):
            peer.post(peer.register.check_in())
            answer = await peer.answer()
            await peer.hung_up()
    assert (answer.status, answer.headers[b"connection"]) == (503, b"close")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (b"POS", None),
        (HEAD, None),
        (HEAD + b"Content-Length: 9\r\n\r\n", 408),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n\xfe", 408),
    ],
    ids=["method", "head", "body", "chunk"],
)
async def test_an_incomplete_request_ends_by_the_hello_timeout(
    tmp_path: Path, words: bytes, status: int | None
) -> None:
    road = "tcp" if words == b"POS" else "http"
    async with (
        running_gateway(tmp_path, hello_timeout_s=0.4) as gateway,
        await browser(gateway) as peer,
    ):
        with one_ending_recorded(
            ConversationOutcome.TIMED_OUT, "hello_timeout", Limit.HELLO_TIMEOUT, transport=road
        ):
            for byte in words:
                peer.say(bytes((byte,)))
            if status:
                assert (await peer.answer()).status == status
            await peer.hung_up()


async def test_bytes_without_a_frame_do_not_keep_a_conversation(gateway: RunningGateway) -> None:
    """After HELLO a body drips, a byte at a time, for ever."""
    async with await browser(gateway) as peer:
        await greet(peer)
        with one_ending_recorded(
            ConversationOutcome.TIMED_OUT, "idle_timeout", Limit.IDLE_TIMEOUT, transport="http"
        ):
            peer.say(HEAD + b"Content-Length: 1000\r\n\r\n\xfe\x7f\x07\xf0")
            dripping = asyncio.ensure_future(drip(peer))
            (one,) = gateway.conversations
            await gateway.until(lambda: one._end.pending > 10)
            gateway.skip(gateway.edge.config.idle_timeout_s)
            await gateway.until_quiet()
        dripping.cancel()


async def drip(peer: Browser) -> None:
    for _ in range(500):
        peer.say(b"\0")
        await asyncio.sleep(0.02)


# ---- whatever comes ----------------------------------------------------------------------------

WORDS = st.one_of(
    st.sampled_from(
        [
            *MALFORMED.values(),
            *(words for _, words in OTHERS.values()),
            *(words for _, _, words in TOO_MUCH.values()),
            ROUND,
            HEAD,
            HEAD + UPGRADE,
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
            b"5\r\nhello\r\n",
            b"0\r\n\r\n",
            b"\r\n",
            b"\xfe",
        ]
    ),
    st.binary(max_size=60),
)


class Wire(asyncio.Transport):
    """Where the gateway writes in this test; it holds all that was said."""

    def __init__(self) -> None:
        super().__init__({"peername": (HOST, 1)})
        self.said, self.closed = b"", False

    def write(self, data: Any) -> None:
        self.said += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 0


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> EdgeContext:
    """A gateway's edge over a fleet that has not started: nobody gets as far as a reading."""
    file = tmp_path_factory.mktemp("fleet") / "fleet.db"
    port = DevicePort(Database(f"sqlite+aiosqlite:///{file}", REACTIONS), utc_now)
    return EdgeContext(port, KEYS, GatewayConfig(http_header_bytes=512, http_body_bytes=1024))


@settings(deadline=None, max_examples=examples(400))
@given(st.lists(WORDS, min_size=1, max_size=12), st.lists(st.integers(1, 40), min_size=1))
def test_any_bytes_in_any_pieces_get_readable_answers(
    edge: EdgeContext, words: list[bytes], sizes: list[int]
) -> None:
    """Nothing is raised, little is kept, and every answer is one that a client can read."""
    link, wire = TcpLink(edge), Wire()
    link.connection_made(wire)
    data, turn = b"POST " + b"".join(words), 0
    while data and not wire.closed:
        size = sizes[turn % len(sizes)]
        link.data_received(data[:size])
        data, turn = data[size:], turn + 1
        entry = getattr(link._take, "__self__", None)
        if entry is not None and entry is not link:
            kept = len(entry._head) + len(entry._answer) + len(entry._http.trailing_data[0])
            assert kept <= 512 + 1024 + 512
    link.connection_lost(None)
    assert not edge.presence.open
    read_answers(wire.said)


@pytest.mark.parametrize("words", [HEAD, ROUND], ids=["in a head", "between requests"])
def test_empty_data_is_ignored(edge: EdgeContext, words: bytes) -> None:
    link, wire = TcpLink(edge), Wire()
    link.connection_made(wire)
    for piece in (words, b"", ROUND.removeprefix(HEAD) if words is HEAD else ROUND):
        link.data_received(piece)
    assert wire.said.startswith(b"HTTP/1.1 200 ") and not wire.closed
    link.connection_lost(None)


def read_answers(said: bytes) -> None:
    """All of them, to the last byte."""
    while said:
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method="POST", target="/kkt", headers=[("Host", "x")]))
        client.send(h11.EndOfMessage())
        client.receive_data(said)
        while type(client.next_event()) is not h11.EndOfMessage:
            continue
        said = client.trailing_data[0]
