"""Templates through real HTTP: made, listed, changed, removed, refused, kept apart."""

import base64
import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import select

from fleet.accounts.roles import Role
from fleet.audit.models import AuditEntry
from fleet.kit.database import Database
from tests.fleet.conftest import Api, Employ, HandClock

FILE = base64.b64encode(b"layout").decode()
SETTINGS = {
    "name": "Магазин",
    "platform": "5.0",
    "values": {"ofd_address": "ofd.example", "wifi_password": "тайна"},
}
RECEIPT = {"name": "Логотип", "tape_width_mm": 57, "content": FILE}
INFO = {"name": "Скидки", "text": "Скидки\nпо средам"}
OUTLET = {"name": "Кафе"}

SHELVES: tuple[tuple[str, Mapping[str, Any], Mapping[str, Any]], ...] = (
    ("/settings-templates", SETTINGS, {"name": "Киоск", "values": {"ofd_port": 7777}}),
    ("/receipt-templates", RECEIPT, {"name": "Другой", "tape_width_mm": 80}),
    ("/info-receipts", INFO, {"text": "Закрыто"}),
    ("/outlets", OUTLET, {"name": "Бар"}),
)
every_shelf = pytest.mark.parametrize(
    ("path", "body", "changes"), SHELVES, ids=[path for path, _, _ in SHELVES]
)


@pytest.fixture
async def anna(api: Api, employ: Employ) -> Api:
    await employ("anna", Role.SOFTWARE_SPECIALIST)
    assert (await api.sign_in("anna")).status == 200
    return api


async def made(api: Api, path: str, body: Mapping[str, Any]) -> int:
    answer = await api.post(path, body)
    assert answer.status == 201, answer.json
    return int(answer.json["id"])


@every_shelf
async def test_a_whole_life(
    anna: Api,
    database: Database,
    clock: HandClock,
    path: str,
    body: Mapping[str, Any],
    changes: Mapping[str, Any],
) -> None:
    id_ = await made(anna, path, body)
    clock.forward(minutes=1)
    changed = await anna.ask("PUT", f"{path}/{id_}", json={**body, **changes})
    assert changed.status == 200
    assert {name: changed.json.get(name, changes[name]) for name in changes} == changes
    assert changed.json["created_at"] < changed.json["changed_at"]
    listed = (await anna.get(path)).json["items"]
    assert [row for row in listed if row["id"] > 0] == [changed.json]
    assert (await anna.ask("DELETE", f"{path}/{id_}")).status == 204
    assert (await anna.ask("DELETE", f"{path}/{id_}")).status == 404
    assert [row for row in (await anna.get(path)).json["items"] if row["id"] > 0] == []
    async with database.read() as db:
        told = await db.scalars(select(AuditEntry.what).order_by(AuditEntry.id))
        kinds = [what.rpartition("_")[2] for what in told if what.startswith("templates.")]
    assert kinds == ["created", "changed", "removed"]


@every_shelf
async def test_name_is_unique_within_a_partner(
    anna: Api, path: str, body: Mapping[str, Any], changes: Mapping[str, Any]
) -> None:
    await made(anna, path, body)
    other = await made(anna, path, {**body, "name": "Второй"})
    again = await anna.post(path, body)
    assert (again.status, again.json["code"], again.json["field"]) == (409, "name_taken", "name")
    renamed = await anna.ask("PUT", f"{path}/{other}", json=body)
    assert (renamed.status, renamed.json["code"]) == (409, "name_taken")
    names = {row["name"] for row in (await anna.get(path)).json["items"] if row["id"] > 0}
    assert names == {body["name"], "Второй"}


@every_shelf
async def test_other_partner_sees_nothing(
    anna: Api,
    employ: Employ,
    path: str,
    body: Mapping[str, Any],
    changes: Mapping[str, Any],
) -> None:
    id_ = await made(anna, path, body)
    await employ("boris")
    await anna.sign_in("boris")
    assert [row for row in (await anna.get(path)).json["items"] if row["id"] > 0] == []
    assert (await anna.ask("PUT", f"{path}/{id_}", json=dict(body))).status == 404
    assert (await anna.ask("DELETE", f"{path}/{id_}")).status == 404
    await made(anna, path, body)


@every_shelf
async def test_role_without_the_right_is_refused(
    api: Api,
    employ: Employ,
    path: str,
    body: Mapping[str, Any],
    changes: Mapping[str, Any],
) -> None:
    await employ("olga", Role.MANAGER)
    await api.sign_in("olga")
    for method, where, more in (
        ("GET", path, {}),
        ("POST", path, {"json": dict(body)}),
        ("PUT", f"{path}/1", {"json": dict(body)}),
        ("DELETE", f"{path}/1", {}),
    ):
        assert (await api.ask(method, where, **more)).status == 403


BAD: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("/settings-templates", {**SETTINGS, "values": {"ofd_port": 70000}}, "values.ofd_port"),
    ("/settings-templates", {**SETTINGS, "values": {"nothing": 1}}, "values.nothing"),
    (
        "/settings-templates",
        {**SETTINGS, "platform": "2.5", "values": {"gsm_timeout_s": 1}},
        "values.gsm_timeout_s",
    ),
    ("/settings-templates", {**SETTINGS, "values": {}}, "values"),
    ("/settings-templates", {**SETTINGS, "platform": "3.0"}, "platform"),
    ("/receipt-templates", {**RECEIPT, "tape_width_mm": 58}, "tape_width_mm"),
    ("/receipt-templates", {**RECEIPT, "content": "?"}, "content"),
    ("/receipt-templates", {**RECEIPT, "content": "A" * 100_000}, "content"),
    ("/receipt-templates", {**RECEIPT, "name": ""}, "name"),
    ("/receipt-templates", {**RECEIPT, "platform": "5.0"}, "platform"),
    ("/info-receipts", {**INFO, "text": "звонок\x07"}, "text"),
    ("/info-receipts", {**INFO, "text": "x" * 4001}, "text"),
    ("/outlets", {"name": "x" * 129}, "name"),
    ("/tips-templates", {"name": "Чай", "outlet_id": 0}, "outlet_id"),
)


async def test_invalid_input_names_its_field_and_stores_nothing(anna: Api) -> None:
    for path, body, field in BAD:
        answer = await anna.post(path, body)
        assert (answer.status, answer.json["field"]) == (422, field), (path, answer.json)
        assert answer.json["detail"]
        assert [row for row in (await anna.get(path)).json["items"] if row["id"] > 0] == []


async def test_all_invalid_values_are_named_together(anna: Api) -> None:
    body = {**SETTINGS, "values": {"ofd_port": 0.5, "nothing": 1}}
    assert (await anna.post("/settings-templates", body)).status == 422
    body = {**SETTINGS, "values": {"ofd_port": -1, "nothing": 1}}
    answer = await anna.post("/settings-templates", body)
    assert [each["field"] for each in answer.json["errors"]] == [
        "values.ofd_port",
        "values.nothing",
    ]


async def test_template_of_10_mb_is_refused(anna: Api) -> None:
    body = BytesIO(json.dumps({**RECEIPT, "content": "A" * 10_000_000}).encode())
    answer = await anna.ask(
        "POST", "/receipt-templates", data=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status == 413
    assert answer.json["detail"]


async def test_file_is_returned_unchanged(anna: Api) -> None:
    id_ = await made(anna, "/receipt-templates", RECEIPT)
    shown = (await anna.get(f"/receipt-templates/{id_}")).json
    assert (shown["content"], shown["size"], shown["platform"]) == (FILE, 6, "2.5")


async def test_system_templates_are_listed_and_cannot_be_changed(anna: Api) -> None:
    await made(anna, "/receipt-templates", RECEIPT)
    first = (await anna.get("/receipt-templates?limit=1")).json
    rest = (await anna.get(f"/receipt-templates?after={first['next']}")).json
    rows = [*first["items"], *rest["items"]]
    assert [(row["system"], row["platform"]) for row in rows] == [
        (True, "5.0"),
        (True, "5.0"),
        (False, "2.5"),
    ]
    for row in rows[:2]:
        path = f"/receipt-templates/{row['id']}"
        assert (await anna.get(path)).json["content"] is None
        changed = await anna.ask("PUT", path, json=RECEIPT)
        assert (changed.status, changed.json["code"]) == (409, "system_template")
        assert (await anna.ask("DELETE", path)).json["code"] == "system_template"
    assert (await anna.get("/receipt-templates/-9")).status == 404
    assert (await anna.ask("DELETE", "/receipt-templates/-9")).status == 404


async def test_lists_of_templates_are_paged(anna: Api) -> None:
    ids = [await made(anna, "/outlets", {"name": f"Точка {number}"}) for number in range(5)]
    found, after = [], ""
    for _ in range(3):
        page = (await anna.get(f"/outlets?limit=2{after}")).json
        found += [row["id"] for row in page["items"]]
        after = f"&after={page['next']}"
    assert found == ids and page["next"] is None
    assert (await anna.get("/outlets?after=x")).json["code"] == "bad_cursor"


async def test_settings_templates_are_filtered_by_platform(anna: Api) -> None:
    one = await made(anna, "/settings-templates", SETTINGS)
    other = {"name": "Старые", "platform": "2.5", "values": {"ofd_port": 7777}}
    two = await made(anna, "/settings-templates", other)
    for platform, id_ in (("5.0", one), ("2.5", two)):
        rows = (await anna.get(f"/settings-templates?platform={platform}")).json["items"]
        assert [row["id"] for row in rows] == [id_]
    shown = (await anna.get(f"/settings-templates/{two}")).json
    assert shown["values"] == other["values"]


async def test_audit_log_contains_no_password(anna: Api, database: Database) -> None:
    await made(anna, "/settings-templates", SETTINGS)
    async with database.read() as db:
        entry = await db.scalar(select(AuditEntry).where(AuditEntry.what.contains("settings_")))
    assert entry is not None and entry.after is not None
    assert entry.after["values"] == {"ofd_address": "ofd.example", "wifi_password": "***"}


async def test_setting_fields_are_shown_in_both_languages(anna: Api) -> None:
    for language, label in (("ru", "Селектор интерфейсов"), ("en", "Interface selector")):
        answer = await anna.get("/settings-templates/fields", headers={"Accept-Language": language})
        groups = answer.json["items"]
        assert (len(groups), groups[0]["label"]) == (11, label)
    fields = {field["key"]: field for group in groups for field in group["fields"]}
    assert fields["ofd_address"]["settings"] == {"5.0": "273", "2.5": "Т19Р1П1"}
    wep = next(each for each in fields["wifi_security"]["choices"] if each["value"] == "wep")
    assert wep["platforms"] == ["2.5"]
    assert fields["wifi_password"]["secret"] is True


async def test_preview_breaks_lines_like_the_printer(anna: Api) -> None:
    body = {"text": "я" * 33 + "\nконец", "platform": "2.5", "tape_width_mm": 57}
    shown = await anna.post("/info-receipts/preview", body)
    assert shown.json == {"lines": ["я" * 32, "я", "конец"]}
    refused = await anna.post("/info-receipts/preview", {**body, "text": "5 €"})
    assert (refused.status, refused.json["field"]) == (422, "text")
    assert (await anna.post("/info-receipts/preview", {**body, "tape_width_mm": 5})).status == 422
    assert (await anna.get("/info-receipts")).json["items"] == []


async def test_tips_template_needs_an_outlet_of_its_partner(anna: Api, employ: Employ) -> None:
    outlet = await made(anna, "/outlets", OUTLET)
    tips = {"name": "Чай", "description": "Кухне", "outlet_id": outlet}
    id_ = await made(anna, "/tips-templates", tips)
    assert (await anna.get(f"/tips-templates/{id_}")).json["outlet_id"] == outlet
    refused = await anna.ask("DELETE", f"/outlets/{outlet}")
    assert (refused.status, refused.json["code"]) == (409, "outlet_in_use")
    other = await made(anna, "/outlets", {"name": "Бар"})
    moved = await anna.ask("PUT", f"/tips-templates/{id_}", json={**tips, "outlet_id": other})
    assert moved.json["outlet_id"] == other
    assert (await anna.ask("DELETE", f"/outlets/{outlet}")).status == 204
    await employ("boris")
    await anna.sign_in("boris")
    strange = await anna.post("/tips-templates", {**tips, "outlet_id": other})
    assert (strange.status, strange.json["field"]) == (404, "outlet_id")
    assert (await anna.ask("DELETE", f"/tips-templates/{id_}")).status == 404
