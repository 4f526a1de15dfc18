"""Files that leave piece by piece: too many at once, and one that breaks off."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest
from aiohttp import ClientPayloadError
from aiohttp.test_utils import TestClient, TestServer

from fleet.admin_api.app import build_app
from fleet.admin_api.downloads import MAX_DOWNLOADS
from fleet.kit.database import Database
from fleet.kit.http import Call, Download, endpoint
from fleet.kit.input import Nothing
from tests.fleet.conftest import Api, HandClock


async def _broken() -> AsyncGenerator[bytes, None]:
    yield b"half"
    raise RuntimeError("the database is gone")


async def _endless(until: asyncio.Event) -> AsyncGenerator[bytes, None]:
    yield b"first"
    await until.wait()


@pytest.fixture
def until() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def api(database: Database, clock: HandClock, until: asyncio.Event) -> AsyncIterator[Api]:
    @endpoint("GET", "/broken", public=True)
    async def broken(call: Call[Nothing, None]) -> Download:
        """A file that breaks off."""
        return Download(name="broken.txt", media_type="text/plain", pieces=_broken())

    @endpoint("GET", "/endless", public=True)
    async def endless(call: Call[Nothing, None]) -> Download:
        """A file that waits."""
        return Download(name="endless.txt", media_type="text/plain", pieces=_endless(until))

    app = build_app(database, clock, endpoints=[broken, endless])
    async with TestClient(TestServer(app)) as client:
        yield Api(client)


async def test_a_file_that_breaks_off_is_not_taken_for_whole(api: Api) -> None:
    async with api.client.get("/api/v1/broken") as answer:
        assert answer.status == 200
        with pytest.raises((ClientPayloadError, ConnectionError)):
            await answer.read()


async def test_one_download_too_many_is_asked_to_come_again(api: Api, until: asyncio.Event) -> None:
    opened = [await api.client.get("/api/v1/endless") for _ in range(MAX_DOWNLOADS)]
    refused = await api.get("/endless")
    assert (refused.status, refused.json["code"]) == (503, "busy")
    until.set()
    assert [await answer.read() for answer in opened] == [b"first"] * MAX_DOWNLOADS
    assert (await api.client.get("/api/v1/endless")).status == 200
