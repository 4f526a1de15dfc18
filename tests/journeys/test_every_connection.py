"""The same journey over every road: a check-in, a settings upload, a firmware update."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from fleet.kit.config import FleetConfig
from protocol.firmware import Image
from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister
from tests.fleet.conftest import HandClock
from tests.gateway.edge.certificates import Authority
from tests.gateway.edge.running_gateway import WAIT_S
from tests.journeys.conftest import Deployment, running_deployment
from tests.journeys.connections import (
    CONNECTIONS,
    ConnectionCase,
    ConnectionSetting,
    OpenConnection,
)
from tests.protocol.publisher import content_of, publish

VERSIONS: Final = {Platform.V5_0: "5.9.1", Platform.V2_5: "3.0.4000"}
UPLOAD: Final = {"273": "ofd.of.shops", "274": 7788}
CONTENT: Final = {
    platform: f"version {version}\0".encode() + content_of(5000)
    for platform, version in VERSIONS.items()
}
"""A register that is told nothing of an image but its bytes knows the version from them."""

CALLS: Final = 8
"""Enough for every operation here."""


@pytest.fixture(params=CONNECTIONS)
def row(request: pytest.FixtureRequest) -> ConnectionCase:
    return CONNECTIONS[request.param]


@pytest.fixture
async def ground(
    row: ConnectionCase,
    tmp_path: Path,
    clock: HandClock,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[ConnectionSetting]:
    # A slow PC may lose a register its call over EoT: the next one comes soon.
    monkeypatch.setattr("simulator.kktpc.relay.RETRY_S", 1.0)
    mosquitto = request.getfixturevalue("mosquitto") if row.on_mosquitto else None
    config, authority = FleetConfig(), Authority(tmp_path)
    if mosquitto is not None:
        secret = tmp_path / "broker-password"
        secret.write_text(mosquitto.password)
        update = {"broker_admin": mosquitto.url, "broker_admin_password_file": secret}
        config = config.model_copy(update=update)
    authority.issue()
    certificate = authority.certificate()
    async with running_deployment(
        tmp_path, clock, config, certificate=certificate, check_in_interval_s=1
    ) as town:
        yield ConnectionSetting(town, tmp_path, authority.file, mosquitto)


async def test_journey_succeeds_over_every_connection(
    row: ConnectionCase, ground: ConnectionSetting
) -> None:
    town = ground.deployment
    register = await at_rest(town, row.platform)
    before = register.loader.firmware
    async with row.open(ground, register) as road:
        await call(town, road)
        await card_says(town, register, before)

        uploaded = await ordered(town, road, register, "settings_upload", settings=UPLOAD)
        assert (uploaded["status"], uploaded["cause"]) == ("succeeded", "done")
        assert register.memory.value(273) == "ofd.of.shops" and register.memory.value(274) == 7788
        assert uploaded["result"] == {"written": [273, 274], "unchanged": []}

        image = image_for(row.platform)
        await town.publish(image, CONTENT[row.platform])
        updated = await ordered(town, road, register, "firmware_update", image=image.image_id)
        await is_right(row, town, register, before, updated)

        assert await newest_road(town, register) == road.name
        effects = road.effects()
    done = {uploaded["id"], updated["id"]}
    assert {operation for operation, _ in effects} == done
    assert set(effects.values()) == {1}


async def is_right(
    row: ConnectionCase, town: Deployment, register: SimulatedRegister, before: str, updated: Any
) -> None:
    """The driver's vocabulary has no task for a firmware: there it is refused, and said so."""
    said = updated["status"], updated["cause"], updated["result"]
    if row.updates:
        version = VERSIONS[row.platform]
        result = {"firmware_version": version, "platform": row.platform}
        assert said == ("succeeded", "done", result)
        assert register.loader.boots == 1
    else:
        version = before
        assert said == ("failed", "unsupported", None)
        assert register.loader.boots == 0
    await card_says(town, register, version)


async def at_rest(town: Deployment, platform: Platform) -> SimulatedRegister:
    """A register of a shop that is shut: nothing is in the way of an update."""
    register = await town.enrol(platform)
    register.faults.shift_forgotten = True
    register.close_shift(town.clock())
    register.drive.hand_over()
    return register


def image_for(platform: Platform) -> Image:
    content, version = CONTENT[platform], VERSIONS[platform]
    return publish(content, platform=platform, version=version, block_size=2048)


async def call(town: Deployment, road: OpenConnection) -> None:
    """The gateway has heard of whatever was ordered, and the next call ends."""
    await town.gateway.port._resync()
    await road.call()


async def ordered(
    town: Deployment, road: OpenConnection, register: SimulatedRegister, type_: str, **params: Any
) -> Any:
    """The operation after as many calls as it took."""
    id_ = await town.order(register, type_, params=params)
    for _ in range(CALLS):
        await call(town, road)
        found = await town.operation(id_)
        if found["status"] not in ("queued", "running"):
            return found
    pytest.fail(f"still {found['status']}, {found['cause']}")


async def card_says(town: Deployment, register: SimulatedRegister, version: str) -> None:
    card = (await town.api.get(f"/registers/{register.serial_number}")).json
    assert card["firmware_version"] == version
    assert card["status"] == "online"


async def newest_road(town: Deployment, register: SimulatedRegister) -> str:
    """As the diagnostics name it; they are written a moment after the call."""
    async with asyncio.timeout(WAIT_S):
        while True:
            answer = await town.api.get(f"/registers/{register.serial_number}/diagnostics")
            if answer.json["conversations"]:
                return str(answer.json["conversations"][0]["road"])
            await asyncio.sleep(0.05)
