"""A settings template for each platform: made, uploaded over the real gateway, read back."""

import base64
from typing import Any

import pytest

from protocol.platforms import Platform
from protocol.templates import TemplateKind
from tests.journeys.conftest import Deployment

# Values of the template, and the settings that the register must answer with.
STORIES: dict[Platform, tuple[dict[str, Any], dict[str, Any]]] = {
    Platform.V5_0: (
        {
            "internet_channel": "wifi",
            "wifi_name": "Магазин",
            "wifi_security": "wpa2",
            "cutter_disabled": True,
            "print_brightness_percent": 70,
            "ofd_address": "ofd.example",
            "ofd_port": 7778,
            "ism_address": "ism.example",
            "ofd_answer_timeout": "default",
            "header_line_1": "Добро пожаловать",
        },
        {
            "276": 3,
            "269": "Магазин",
            "272": 3,
            "300": False,
            "8": 70,
            "273": "ofd.example",
            "274": 7778,
            "1000": "ism.example",
            "281": 0,
            "184": "Добро пожаловать",
        },
    ),
    Platform.V2_5: (
        {
            "internet_channel": "gsm",
            "wifi_security": "wep",
            "print_brightness_percent": 50,
            "dns_address": "192.0.2.53",
            "ofd_address": "ofd.example",
            "ofd_port": 7778,
            "ofd_answer_timeout": "5",
            "sound_at_error": True,
            "header_line_1": "Добро пожаловать",
        },
        {
            "276": 4,
            "272": 1,
            "8": 8,
            "275": "192.0.2.53",
            "273": "ofd.example",
            "274": 7778,
            "281": 5,
            "37": True,
            "184": "Добро пожаловать",
        },
    ),
}


@pytest.mark.parametrize("platform", STORIES)
async def test_settings_template_is_uploaded_and_read_back(
    town: Deployment, platform: Platform
) -> None:
    values, expected = STORIES[platform]
    register = await town.enrol_and_check_in(platform)
    body = {"name": "Магазин", "platform": platform, "values": values}
    made = await town.api.post("/settings-templates", body)
    assert made.status == 201, made.json
    upload = await town.order(register, "settings_upload", params={"template_id": made.json["id"]})
    download = await town.order(register, "settings_download", params={"settings": list(expected)})
    await town.call(register)
    assert (await town.operation(upload))["status"] == "succeeded"
    assert (await town.operation(download))["result"] == {"settings": expected, "missing": {}}


async def test_receipt_template_is_uploaded_to_a_register(town: Deployment) -> None:
    content = bytes(range(256)) * 20
    body = {
        "name": "Логотип",
        "tape_width_mm": 80,
        "content": base64.b64encode(content).decode(),
    }
    made = (await town.api.post("/receipt-templates", body)).json
    register = await town.enrol_and_check_in(Platform.V2_5)
    id_ = await town.order(register, "receipt_template", params={"template_id": made["id"]})
    await town.call(register)
    found = await town.operation(id_)
    assert (found["status"], found["result"]["sha256"]) == ("succeeded", made["sha256"])
    assert register.templates.kept[TemplateKind.RECEIPT].content == content
    assert set(register.journal.effects.values()) == {1}
