"""Operations over real HTTP: what people see, in whose language, and what they must not see."""

from typing import Any

import pytest

from fleet.accounts.roles import Role
from fleet.operations.types import TYPES
from protocol.platforms import Platform
from tests.fleet.conftest import Api, Employ
from tests.fleet.operations.stage import Stage, answer_step, serial

UPLOAD = {"settings": {"278": "host.example", "270": "тайна"}}
ONE = serial(1)


def wish(**more: Any) -> dict[str, Any]:
    return {"type": "settings_upload", "serial_numbers": [ONE], "params": UPLOAD, **more}


@pytest.fixture
async def anna(api: Api, stage: Stage) -> Api:
    """The stage's actor, signed in, with one register of platform 5.0."""
    await stage.enrol(ONE, Platform.V5_0)
    assert (await api.sign_in("anna")).status == 200
    return api


async def test_operation_is_ordered_listed_and_shown_with_its_history(
    anna: Api, stage: Stage
) -> None:
    ordered = await anna.post("/operations", wish(serial_numbers=[ONE, serial(2), "?"]))
    assert ordered.status == 202
    (accepted,) = ordered.json["accepted"]
    assert accepted["serial_number"] == ONE
    refused = [(each["serial_number"], each["reason"]) for each in ordered.json["refused"]]
    assert refused == [(serial(2), "register_not_found"), ("?", "register_not_found")]
    assert all(each["message"] for each in ordered.json["refused"])

    listed = (await anna.get("/operations?open=true")).json["items"]
    assert [each["id"] for each in listed] == [accepted["id"]]
    assert (listed[0]["status"], listed[0]["waiting_for"]) == ("queued", "register")
    shown = (await anna.get(f"/operations/{accepted['id']}")).json
    assert (shown["step"], shown["percent"], shown["cancel_requested"]) == (0, 0, False)
    assert [each["to_status"] for each in shown["history"]] == ["queued"]
    assert shown["history"][0]["explanation"] == "created"


BAD_ORDERS: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"type": "no_such_type"}, "operation_type_unknown", "type"),
    ({"channel": "pigeon"}, "invalid_input", "channel"),
    ({"type": "key_rotation", "channel": "assistant"}, "channel_unfit", "channel"),
    ({"params": {}}, "invalid_input", "params.settings"),
    ({"params": {"settings": {"278": []}}}, "invalid_input", "params.settings.278"),
    ({"serial_numbers": [ONE] * 501}, "invalid_input", "serial_numbers"),
    ({"serial_numbers": []}, "invalid_input", "serial_numbers"),
    ({"scheduled_for": "2020-01-01T00:00:00Z"}, "scheduled_in_the_past", "scheduled_for"),
    ({"scheduled_for": "2026-03-03T00:00:00"}, "invalid_input", "scheduled_for"),
    ({"extra": 1}, "invalid_input", "extra"),
)


async def test_invalid_request_names_its_field(anna: Api, stage: Stage) -> None:
    for more, code, field in BAD_ORDERS:
        answer = await anna.post("/operations", wish(**more))
        assert (answer.status, answer.json["code"]) == (422, code), answer.json
        assert answer.json["field"].startswith(field)
    assert await stage.operations() == []


async def test_types_are_shown_in_the_language_of_the_request(anna: Api) -> None:
    for language, label in (("ru", "label_ru"), ("en", "label_en")):
        answer = await anna.get("/operation-types", headers={"Accept-Language": language})
        shown = {each["type"]: each for each in answer.json["items"]}
        assert {kind: each["label"] for kind, each in shown.items()} == {
            each.kind: getattr(each, label) for each in TYPES
        }
        assert all(each["params"]["additionalProperties"] is False for each in shown.values())


async def test_operation_is_rescheduled_and_cancelled(anna: Api) -> None:
    (accepted,) = (await anna.post("/operations", wish())).json["accepted"]
    path = f"/operations/{accepted['id']}"
    moved = await anna.ask("PATCH", path, json={"scheduled_for": "2026-03-05T12:00:00+03:00"})
    assert moved.status == 200
    assert moved.json["scheduled_for"] == "2026-03-05T09:00:00Z"
    assert moved.json["deadline_at"] == "2026-03-12T09:00:00Z"
    assert moved.json["waiting_for"] == "scheduled_time"
    cancelled = await anna.post(f"{path}/cancel")
    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
    again = await anna.ask("PATCH", path, json={"scheduled_for": "2026-03-05T12:00:00+03:00"})
    assert (again.status, again.json["code"]) == (409, "operation_started")
    for missing in (10**9, 2**62):
        assert (await anna.get(f"/operations/{missing}")).status == 404


async def test_secrets_are_shown_only_with_the_right_to_order(
    anna: Api, stage: Stage, employ: Employ
) -> None:
    """The Wi-Fi password (setting 270) of an upload's parameters and of a download's result."""
    register = await stage.boot_register(2, Platform.V5_0)
    up = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
    down = await stage.order_one("settings_download", register.serial_number, {"settings": ["270"]})
    step = (await stage.visit(register)).step
    while step is not None:
        step = (await stage.visit(register, answer_step(register, step, stage.clock()))).step
    shown = await anna.get(f"/operations/{up}")
    assert shown.json["params"]["settings"]["270"] == "тайна"
    assert (await anna.get(f"/operations/{down}")).json["result"]["settings"] == {"270": "тайна"}

    await employ("vera", Role.OBSERVER, stage.actor.partner_id)
    await anna.sign_in("vera")
    pages = [f"/operations/{up}", f"/operations/{down}", "/operations"]
    for page in pages:
        answer = await anna.get(page)
        assert answer.status == 200 and "тайна" not in str(answer.json)
    assert (await anna.get(pages[0])).json["params"]["settings"]["278"] == "host.example"
    refused = await anna.post("/operations", wish())
    assert (refused.status, refused.json["code"]) == (403, "right_needed")


async def test_operations_of_another_partner_are_not_found(
    anna: Api, stage: Stage, employ: Employ
) -> None:
    (accepted,) = (await anna.post("/operations", wish())).json["accepted"]
    await employ("boris")
    await anna.sign_in("boris")
    path = f"/operations/{accepted['id']}"
    assert (await anna.get("/operations")).json["items"] == []
    assert (await anna.get(path)).status == 404
    assert (await anna.post(f"{path}/cancel")).status == 404
    body = {"scheduled_for": "2026-03-05T12:00:00Z"}
    assert (await anna.ask("PATCH", path, json=body)).status == 404
    assert (await stage.operation(accepted["id"])).status == "queued"


async def test_list_of_operations_is_paged_and_filtered(anna: Api, stage: Stage) -> None:
    await stage.enrol(serial(2), Platform.V5_0)
    for serial_number in (ONE, serial(2), ONE):
        await stage.order_one("settings_upload", serial_number, UPLOAD)
        stage.clock.forward(hours=1)
    await stage.order_one("cancel_pending", serial(2), {})
    ids = [row.id for row in await stage.operations()][::-1]
    first = (await anna.get("/operations?limit=3")).json
    rest = (await anna.get(f"/operations?limit=3&after={first['next']}")).json
    assert [each["id"] for each in first["items"] + rest["items"]] == ids
    for query, expected in (
        (f"serial_number={ONE}", [ids[1], ids[3]]),
        ("type=cancel_pending", [ids[0]]),
        ("status=cancelled", [ids[2]]),
        ("open=true", [ids[1], ids[3]]),
        ("open=false", [ids[0], ids[2]]),
        ("from=2026-03-02T10:00:00Z&to=2026-03-02T11:00:01Z", [ids[1], ids[2]]),
    ):
        items = (await anna.get(f"/operations?{query}")).json["items"]
        assert [each["id"] for each in items] == expected, query
