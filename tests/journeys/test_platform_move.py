"""A register of platform 2.5 becomes one of platform 5.0 and stays who it was."""

from protocol.platforms import Platform
from simulator.register.settings_memory import CABINET_HOST, CABINET_PORT
from tests.journeys.conftest import Deployment
from tests.journeys.test_firmware import CONTENT, closed_shop, state
from tests.protocol.publisher import publish

IMAGE = publish(CONTENT, version="5.9.1", block_size=2048)


async def test_moved_register_takes_settings_by_number(town: Deployment) -> None:
    register = await closed_shop(town, Platform.V2_5)
    await town.order(
        register, "settings_upload", params={"settings": {"278": "host.example", "279": 8080}}
    )
    await town.call(register)
    before = register.reading(town.clock())
    await town.publish(IMAGE, CONTENT)
    id_ = await town.order(register, "platform_move", params={"image": IMAGE.image_id})
    await town.call(register)
    await town.gateway.until_quiet()
    await town.call(register)
    assert await state(town, id_) == ("succeeded", "done", 100)
    card = (await town.api.get(f"/registers/{register.serial_number}")).json
    assert (card["platform"], card["firmware_version"]) == ("5.0", "5.9.1")
    after = register.reading(town.clock())
    for name in ("registration_number", "fiscal_drive_number", "documents", "printed_m"):
        assert after[name] == before[name]
    assert register.memory.value(CABINET_HOST) == "host.example"
    assert register.memory.value(CABINET_PORT) == 8080
    read = await town.order(register, "settings_download", params={"settings": ["278", "279"]})
    await town.call(register)
    result = (await town.operation(read))["result"]
    assert result["settings"] == {"278": "host.example", "279": 8080}


async def test_move_is_only_from_2_5_to_5_0(town: Deployment) -> None:
    register = await closed_shop(town, Platform.V5_0)
    old = await closed_shop(town, Platform.V2_5, number=2)
    same = publish(CONTENT, platform=Platform.V2_5, version="3.0.4000")
    for image in (IMAGE, same):
        await town.publish(image, CONTENT)
    for one, kind, image in (
        (register, "platform_move", IMAGE),
        (old, "platform_move", same),
        (old, "firmware_update", IMAGE),
        (register, "firmware_update", same),
    ):
        order = {
            "type": kind,
            "serial_numbers": [one.serial_number],
            "params": {"image": image.image_id},
        }
        answer = (await town.api.post("/operations", order)).json
        assert [each["reason"] for each in answer["refused"]] == ["image_wrong_platform"]
