"""Files that leave piece by piece: too many at once, and one that breaks off."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
from aiohttp import ClientPayloadError, ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from fleet.admin_api.app import build_app
from fleet.admin_api.endpoints import ENDPOINTS
from fleet.kit.database import Database
from fleet.kit.http import Call, Download, Upload, endpoint
from fleet.kit.input import Nothing
from fleet.web.dispatch import MAX_OWN_UPLOADS
from fleet.web.downloads import MAX_DOWNLOADS
from fleet.web.slots import Slots
from tests.fleet.conftest import Answer, Api, Employ, HandClock


class SmallFile(Upload):
    max_bytes = 10


SIGN_IN = [each for each in ENDPOINTS if each.path == "/sign-in"]


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

    @endpoint("GET", "/own")
    async def own(call: Call[Nothing, None]) -> Download:
        """A file that waits, for who has signed in."""
        return Download(name="own.txt", media_type="text/plain", pieces=_endless(until))

    @endpoint("POST", "/up")
    async def up(call: Call[Nothing, SmallFile]) -> None:
        """Take a file."""

    app = build_app(database, clock, endpoints=[broken, endless, own, up, *SIGN_IN])
    async with TestClient(TestServer(app)) as client:
        yield Api(client)


async def test_an_interrupted_download_aborts_the_connection(api: Api) -> None:
    async with api.client.get("/api/v1/broken") as answer:
        assert answer.status == 200
        with pytest.raises((ClientPayloadError, ConnectionError)):
            await answer.read()


async def test_a_partner_downloads_one_file_at_a_time(
    api: Api, employ: Employ, until: asyncio.Event
) -> None:
    anna = await employ("anna")
    await employ("boris", partner_id=anna.partner_id)
    await employ("stranger")
    await api.sign_in("anna")
    opened = [await _open(api)]
    await api.sign_in("boris")
    refused = await api.get("/own", headers={"Accept-Language": "ru"})
    assert (refused.status, refused.json["code"]) == (429, "too_many_files")
    assert refused.json["detail"].startswith("Ваша организация") and refused.headers["Retry-After"]
    await api.sign_in("stranger")
    opened.append(await _open(api))
    until.set()
    assert [await answer.read() for answer in opened] == [b"first"] * 2
    assert (await _open(api)).status == 200


async def _open(api: Api) -> ClientResponse:
    headers = {"Authorization": f"Bearer {api.token}"}
    return await api.client.get("/api/v1/own", headers=headers)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Whose files have taken a place."""
    begun, take = list[int | None](), Slots.take

    @contextmanager
    def told(places: Slots, partner_id: int | None) -> Iterator[None]:
        with take(places, partner_id):
            begun.append(partner_id)
            yield

    monkeypatch.setattr(Slots, "take", told)
    return begun


async def test_a_partner_can_use_only_a_share_of_the_upload_slots(
    api: Api, employ: Employ, begun: list[int | None]
) -> None:
    await employ("mallory")
    await employ("anna")
    await api.sign_in("mallory")
    stalled = [await _begin_upload(api) for _ in range(MAX_OWN_UPLOADS)]
    while len(begun) < MAX_OWN_UPLOADS:  # noqa: ASYNC110 - a request has no event of ours
        await asyncio.sleep(0.01)
    headers = {"Content-Type": "application/octet-stream"}
    refused = await _until(429, lambda: api.post("/up", data=b"x", headers=headers))
    assert refused.json["code"] == "too_many_files"
    await api.sign_in("anna")
    assert (await api.post("/up", data=b"x", headers=headers)).status == 204
    for writer in stalled:
        writer.close()
    await api.sign_in("mallory")
    await _until(204, lambda: api.post("/up", data=b"x", headers=headers))


async def _begin_upload(api: Api) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection(api.client.host, api.client.port)
    writer.write(
        b"POST /api/v1/up HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n"
        b"Authorization: Bearer %s\r\nContent-Length: 10\r\n\r\nx" % api.token.encode()
    )
    return writer


async def _until(status: int, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The first answer with this status: places are taken and given back when the server comes
    to it."""
    for _ in range(1000):
        answer = await ask()
        if answer.status == status:
            return answer
        await asyncio.sleep(0.02)
    pytest.fail(f"no answer {status} came")


async def test_a_download_over_the_limit_is_told_to_try_again(
    api: Api, until: asyncio.Event
) -> None:
    opened = [await api.client.get("/api/v1/endless") for _ in range(MAX_DOWNLOADS)]
    refused = await api.get("/endless")
    assert (refused.status, refused.json["code"]) == (503, "busy")
    until.set()
    assert [await answer.read() for answer in opened] == [b"first"] * MAX_DOWNLOADS
    assert (await api.client.get("/api/v1/endless")).status == 200
