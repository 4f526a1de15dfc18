"""An answer that leaves the request's body unread: the connection goes on, or says that it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from fleet.admin_api.app import start_api
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.web import unread
from fleet.web.unread import MOST_BYTES
from tests.fleet.conftest import HandClock
from tests.fleet.subscriptions.conftest import ON_SQLITE
from tests.pace import scaled

LINE = b"POST /api/v1/registers/enrol HTTP/1.1\r\nHost: fleet\r\n"
"""Nobody is signed in: refused before the body is looked at."""


class Peer:
    """A client that sends its body when it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def say(self, data: bytes) -> None:
        self._writer.write(data)

    async def answer(self) -> tuple[int, bool]:
        """Read one answer; return its status and whether it says that the connection ends."""
        async with asyncio.timeout(scaled(20)):
            head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].split()[0])
            await self._reader.readexactly(length)
        return int(head.split()[1]), b"connection: close" in head


@pytest.fixture
async def peer(database: Database, clock: HandClock, tmp_path: Path) -> AsyncIterator[Peer]:
    async with AsyncExitStack() as stack:
        config = FleetConfig(data=tmp_path, http="127.0.0.1:0")
        port = await start_api(stack, database, clock, config)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        stack.callback(writer.close)
        yield Peer(reader, writer)


def announced(size: int) -> bytes:
    """Return the head of a request with a body of ``size`` bytes."""
    return LINE + b"Content-Length: %d\r\n\r\n" % size


@ON_SQLITE
async def test_a_short_late_body_is_dropped(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread, "PATIENCE_S", scaled(20))
    for _ in range(3):
        peer.say(announced(10))
        await asyncio.sleep(0.05)
        peer.say(b"x" * 10)
        assert await peer.answer() == (401, False)


@ON_SQLITE
async def test_a_body_that_has_arrived_is_dropped(peer: Peer) -> None:
    for _ in range(3):
        peer.say(announced(MOST_BYTES) + b"x" * MOST_BYTES)
        assert await peer.answer() == (401, False)


@ON_SQLITE
@pytest.mark.parametrize("begun", [b"", b"x" * 5])
async def test_a_body_that_never_arrives_closes_the_connection(peer: Peer, begun: bytes) -> None:
    peer.say(announced(10) + begun)
    assert await peer.answer() == (401, True)


@ON_SQLITE
async def test_a_long_body_closes_the_connection(peer: Peer) -> None:
    peer.say(announced(MOST_BYTES + 1))
    assert await peer.answer() == (401, True)


@ON_SQLITE
async def test_an_endless_body_closes_the_connection(peer: Peer) -> None:
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    peer.say(LINE + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * (1 + MOST_BYTES // 0x8000))
    assert await peer.answer() == (401, True)


@ON_SQLITE
async def test_a_body_that_cannot_be_decompressed_closes_the_connection(peer: Peer) -> None:
    peer.say(LINE + b"Content-Encoding: deflate\r\nContent-Length: 8\r\n\r\n")
    await asyncio.sleep(0.05)
    peer.say(b"garbage!")
    assert await peer.answer() == (401, True)


@ON_SQLITE
async def test_a_request_with_an_unneeded_body_is_answered(peer: Peer) -> None:
    peer.say(b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: fleet\r\nContent-Length: 10\r\n\r\n")
    assert await peer.answer() == (200, True)
