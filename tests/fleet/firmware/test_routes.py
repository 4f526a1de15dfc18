"""The endpoints of images: adding from the folder, the list, and who may."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from fleet.accounts.roles import Role
from fleet.admin_api.app import build_app
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from protocol.firmware import Image
from protocol.platforms import Platform
from tests.fleet.conftest import Api, Employ, HandClock
from tests.fleet.firmware.folder import put_image
from tests.protocol.publisher import PUBLISHER, content_of, forge, publish

CONTENT = content_of(2300)
IMAGE = publish(CONTENT)
PLACE = {"model": 61, "version": "5.9.1"}


@pytest.fixture
async def api(database: Database, clock: HandClock, tmp_path: Path) -> AsyncIterator[Api]:
    config = FleetConfig(firmware_images=tmp_path, firmware_keys=PUBLISHER.hex())
    app = build_app(database, clock, config=config)
    async with TestClient(TestServer(app)) as client:
        yield Api(client)


async def test_image_is_added_once_and_listed(api: Api, employ: Employ, tmp_path: Path) -> None:
    anna = await employ("anna", Role.ENGINEER)
    await api.sign_in("anna")
    put_image(tmp_path, IMAGE, CONTENT)
    added = await api.post("/firmware-images", PLACE)
    assert added.status == 201
    assert added.json == {
        "image": "61/5.9.1",
        "model": 61,
        "platform": "5.0",
        "version": "5.9.1",
        "size": 2300,
        "sha256": IMAGE.sha256.hex(),
        "block_size": 256,
        "published_at": "2026-02-01T00:00:00Z",
        "added_at": "2026-03-02T09:00:00Z",
        "added_by": anna.employee_id,
    }
    assert (await api.post("/firmware-images", PLACE)).json == added.json
    assert (await api.get("/firmware-images")).json["items"] == [added.json]


async def test_list_of_images_is_filtered_and_paged(
    api: Api, employ: Employ, tmp_path: Path
) -> None:
    await employ("anna", Role.ENGINEER)
    await api.sign_in("anna")
    for model, platform, version in (
        (61, Platform.V5_0, "5.9.1"),
        (61, Platform.V2_5, "3.0.4000"),
        (69, Platform.V5_0, "5.9.1"),
    ):
        image = publish(CONTENT, model=model, platform=platform, version=version)
        put_image(tmp_path, image, CONTENT)
        place = {"model": model, "version": version}
        assert (await api.post("/firmware-images", place)).status == 201

    async def listed(query: str) -> list[str]:
        answer = await api.get(f"/firmware-images{query}")
        return [each["image"] for each in answer.json["items"]]

    assert await listed("?model=61") == ["61/3.0.4000", "61/5.9.1"]
    assert await listed("?platform=5.0") == ["69/5.9.1", "61/5.9.1"]
    assert await listed("?model=61&platform=5.0") == ["61/5.9.1"]
    first = (await api.get("/firmware-images?limit=2")).json
    assert await listed(f"?limit=2&after={first['next']}") == ["61/5.9.1"]
    assert (await api.get("/firmware-images?platform=6.0")).status == 422


async def test_invalid_image_is_refused_and_not_listed(
    api: Api, employ: Employ, tmp_path: Path
) -> None:
    await employ("anna", Role.ENGINEER)
    await api.sign_in("anna")
    missing = await api.post("/firmware-images", PLACE)
    assert (missing.status, missing.json["code"]) == (404, "manifest_not_found")
    put_image(tmp_path, forge(IMAGE), CONTENT)
    forged = await api.post("/firmware-images", PLACE)
    assert (forged.status, forged.json["code"]) == (422, "image_signature_wrong")
    for body in (
        {"model": 61, "version": "../../etc/passwd"},
        {"model": "61", "version": "5.9.1"},
        {"model": 61},
        {**PLACE, "file": "x"},
    ):
        assert (await api.post("/firmware-images", body)).status == 422
    assert (await api.get("/firmware-images")).json["items"] == []


OTHER = content_of(2300, seed=1)


@pytest.mark.parametrize(
    ("image", "content"),
    [
        (publish(OTHER), OTHER),
        (publish(CONTENT, block_size=512), CONTENT),
        (publish(CONTENT, platform=Platform.V2_5), CONTENT),
    ],
)
async def test_known_version_with_other_facts_is_refused(
    api: Api, employ: Employ, tmp_path: Path, image: Image, content: bytes
) -> None:
    """Registers are given blocks of the size that they were told."""
    await employ("anna", Role.ENGINEER)
    await api.sign_in("anna")
    put_image(tmp_path, IMAGE, CONTENT)
    assert (await api.post("/firmware-images", PLACE)).status == 201
    put_image(tmp_path, image, content)
    again = await api.post("/firmware-images", PLACE)
    assert (again.status, again.json["code"]) == (409, "image_already_added")


async def test_image_added_many_times_at_once_is_added_once(
    api: Api, employ: Employ, tmp_path: Path
) -> None:
    await employ("anna", Role.ADMINISTRATOR)
    await api.sign_in("anna")
    put_image(tmp_path, IMAGE, CONTENT)
    answers = await asyncio.gather(*(api.post("/firmware-images", PLACE) for _ in range(6)))
    assert {answer.status for answer in answers} == {201}
    assert len((await api.get("/audit?object=firmware:61/5.9.1")).json["items"]) == 1


async def test_adding_an_image_needs_the_right(api: Api, employ: Employ, tmp_path: Path) -> None:
    put_image(tmp_path, IMAGE, CONTENT)
    assert (await api.get("/firmware-images")).status == 401
    await employ("olga", Role.OBSERVER)
    await api.sign_in("olga")
    assert (await api.post("/firmware-images", PLACE)).status == 403
    assert (await api.get("/firmware-images")).json["items"] == []
