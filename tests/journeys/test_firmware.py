"""Firmware from the folder of images to a register's next word, over real sockets."""

from dataclasses import replace
from datetime import timedelta

import pytest

from protocol.firmware import Image
from protocol.platforms import Platform
from simulator.calls.bad_links import BadLinkProxy, Direction, Fault
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.edge.running_gateway import HOST
from tests.journeys.conftest import Deployment
from tests.protocol.publisher import content_of, publish

CONTENT = content_of(70 * 1024)
BOTH = pytest.mark.parametrize("platform", [Platform.V5_0, Platform.V2_5])
VERSIONS = {Platform.V5_0: "5.9.1", Platform.V2_5: "3.0.4000"}
IN_THE_FIRST_WINDOW = Fault(Direction.DOWN, cut_after=20_000)


def image_for(platform: Platform, block_size: int = 2048) -> Image:
    version = VERSIONS[platform]
    return publish(CONTENT, platform=platform, version=version, block_size=block_size)


async def closed_shop(town: Deployment, platform: Platform, number: int = 1) -> SimulatedRegister:
    """A register whose shift nobody opens."""
    register = await town.enrol_and_check_in(platform, number)
    register.faults.shift_forgotten = True
    if register.shift_opened_at is not None:
        register.close_shift(town.clock())
    register.drive.hand_over()
    return register


async def update(town: Deployment, register: SimulatedRegister, image: Image) -> int:
    await town.publish(image, CONTENT)
    return await town.order(register, "firmware_update", params={"image": image.image_id})


async def state(town: Deployment, id_: int) -> tuple[str, str, int]:
    found = await town.operation(id_)
    return found["status"], found["cause"], found["percent"]


@BOTH
async def test_update_succeeds_when_the_register_reports_its_firmware(
    town: Deployment, platform: Platform
) -> None:
    register = await closed_shop(town, platform)
    id_ = await update(town, register, image_for(platform))
    talk = await town.call(register)
    assert talk.result is not None and talk.result.detail == "restarted"
    await town.gateway.until_quiet()
    assert await state(town, id_) == ("queued", "awaiting_call", 99)
    await town.call(register)
    assert await state(town, id_) == ("succeeded", "done", 100)
    result = (await town.operation(id_))["result"]
    assert result == {"firmware_version": VERSIONS[platform], "platform": platform}
    card = (await town.api.get(f"/registers/{register.serial_number}")).json
    assert card["firmware_version"] == VERSIONS[platform]
    again = {
        "type": "firmware_update",
        "serial_numbers": [register.serial_number],
        "params": {"image": image_for(platform).image_id},
    }
    refused = (await town.api.post("/operations", again)).json["refused"]
    assert [one["reason"] for one in refused] == ["firmware_same"]


@BOTH
async def test_interrupted_transfer_continues_at_its_block(
    town: Deployment, platform: Platform
) -> None:
    register = await closed_shop(town, platform)
    id_ = await update(town, register, image_for(platform))
    async with BadLinkProxy(HOST, town.gateway.number, IN_THE_FIRST_WINDOW) as proxy:
        await town.call(register, number=proxy.port)
    await town.gateway.until_quiet()
    assert 0 < register.loader.begin(image_for(platform), 61, platform) < 16
    await town.call(register)
    await town.gateway.until_quiet()
    await town.call(register)
    assert await state(town, id_) == ("succeeded", "done", 100)
    assert set(register.journal.effects.values()) == {1}


@pytest.mark.parametrize("block", [0, 1, 15, 16, 34])
@BOTH
async def test_transfer_continues_after_a_power_cut(
    town: Deployment, platform: Platform, block: int
) -> None:
    register = await closed_shop(town, platform)
    before = register.loader.firmware
    id_ = await update(town, register, image_for(platform))
    register.loader.power_lost_at = block
    talk = await town.call(register)
    assert talk.result is not None and talk.result.detail == "power"
    assert register.reading(town.clock())["firmware_version"] == before
    await town.gateway.until_quiet()
    assert register.loader.begin(image_for(platform), 61, platform) == block
    await town.call(register)
    await town.gateway.until_quiet()
    await town.call(register)
    assert await state(town, id_) == ("succeeded", "done", 100)


async def test_update_waits_for_an_open_shift_and_shows_the_reason(town: Deployment) -> None:
    register = await closed_shop(town, Platform.V5_0)
    register.faults.ofd_down = True
    assert register.open_shift(town.clock())
    id_ = await update(town, register, image_for(Platform.V5_0))
    await town.call(register)
    status, cause, percent = await state(town, id_)
    assert (status, cause) == ("queued", "shift_open") and percent >= 95
    assert register.close_shift(town.clock())
    town.clock.now += timedelta(minutes=5)
    await town.call(register)
    assert (await state(town, id_))[:2] == ("queued", "receipts_unsent")
    register.faults.ofd_down = False
    register.drive.hand_over()
    town.clock.now += timedelta(minutes=5)
    await town.call(register)
    await town.gateway.until_quiet()
    await town.call(register)
    assert await state(town, id_) == ("succeeded", "done", 100)


async def test_unchanged_firmware_after_the_restart_fails_the_update(town: Deployment) -> None:
    register = await closed_shop(town, Platform.V5_0)
    before = register.loader.firmware
    id_ = await update(town, register, image_for(Platform.V5_0))
    await town.call(register)
    await town.gateway.until_quiet()
    register.loader.firmware = before
    await town.call(register)
    assert (await state(town, id_))[:2] == ("failed", "firmware_unchanged")
    assert before in (await town.operation(id_))["explanation"]


async def test_image_changed_in_its_folder_is_not_served(town: Deployment) -> None:
    register = await closed_shop(town, Platform.V5_0)
    image = image_for(Platform.V5_0)
    id_ = await update(town, register, image)
    (town.images / "61" / "5.9.1.bin").write_bytes(content_of(len(CONTENT), seed=1))
    await town.call(register)
    assert (await state(town, id_))[:2] == ("failed", "transfer_stalled")
    assert register.loader.begin(image, 61, Platform.V5_0) == 0


async def test_register_with_other_publishers_rejects_the_image(town: Deployment) -> None:
    register = await closed_shop(town, Platform.V5_0)
    register.loader.publishers = ()
    id_ = await update(town, register, image_for(Platform.V5_0))
    await town.call(register)
    assert (await state(town, id_))[:2] == ("failed", "command_failed")


async def test_image_facts_in_a_request_are_ignored(town: Deployment) -> None:
    register = await closed_shop(town, Platform.V5_0)
    image = image_for(Platform.V5_0)
    await town.publish(image, CONTENT)
    other = replace(image, version="5.9.9")
    facts = {
        "model": 61,
        "platform": "5.0",
        "version": other.version,
        "size": other.size,
        "sha256": other.sha256.hex(),
        "signature": other.signature.hex(),
        "block_size": other.block_size,
    }
    order = {"type": "firmware_update", "serial_numbers": [register.serial_number]}
    unknown = {**order, "params": {"image": other.image_id, "facts": facts}}
    refused = (await town.api.post("/operations", unknown)).json["refused"]
    assert [one["reason"] for one in refused] == ["image_unknown"]
    id_ = await town.order(
        register, "firmware_update", params={"image": image.image_id, "facts": facts}
    )
    assert (await town.operation(id_))["params"]["facts"]["version"] == "5.9.1"


@BOTH
async def test_largest_block_fits_a_frame(town: Deployment, platform: Platform) -> None:
    register = await closed_shop(town, platform)
    id_ = await update(town, register, image_for(platform, block_size=8192))
    await town.call(register)
    await town.gateway.until_quiet()
    await town.call(register)
    assert await state(town, id_) == ("succeeded", "done", 100)
