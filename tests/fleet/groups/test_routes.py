"""Groups through real HTTP: made, renamed, moved, filled, deleted, refused, kept apart."""

from typing import Any

import pytest
from sqlalchemy import insert, select

from fleet.accounts.models import Employee, ScopeEntry, ScopeKind
from fleet.accounts.roles import Role
from fleet.audit.models import AuditEntry
from fleet.kit.database import Database
from tests.fleet.conftest import Answer, Api, Employ, HandClock

SERIALS = [f"001069{number:08}" for number in range(1, 5)]


@pytest.fixture
async def anna(api: Api, employ: Employ) -> Api:
    await employ("anna")
    assert (await api.sign_in("anna")).status == 200
    enrolled = await api.post("/registers/enrol", {"serial_numbers": SERIALS})
    assert enrolled.json["refused"] == []
    return api


async def made(api: Api, name: str, parent_id: int | None = None) -> int:
    answer = await api.post("/groups", {"name": name, "parent_id": parent_id})
    assert answer.status == 201, answer.json
    return int(answer.json["id"])


async def filled(api: Api, id_: int, *serials: str) -> Any:
    answer = await api.post(f"/groups/{id_}/registers", {"serial_numbers": serials})
    assert answer.status == 200, answer.json
    return answer.json


async def move(api: Api, id_: int, parent_id: int | None) -> Answer:
    return await api.post(f"/groups/{id_}/move", {"parent_id": parent_id})


async def tree(api: Api) -> list[tuple[str, int, int, int]]:
    """Name, depth, own registers, all registers."""
    items = (await api.get("/groups")).json["items"]
    return [
        (each["name"], each["depth"], each["registers"], each["registers_total"]) for each in items
    ]


def refused(answer: Answer) -> tuple[int, str, str]:
    return answer.status, answer.json["code"], answer.json["field"]


async def test_group_is_created_changed_moved_and_deleted(
    anna: Api, database: Database, clock: HandClock
) -> None:
    north, south = await made(anna, "Север"), await made(anna, "Юг")
    town = await made(anna, "  Апатиты ", north)
    await filled(anna, town, *SERIALS[:2])
    await filled(anna, south, SERIALS[2])
    assert await tree(anna) == [("Север", 1, 0, 2), ("Апатиты", 2, 2, 2), ("Юг", 1, 1, 1)]
    clock.forward(minutes=1)
    body = {"name": "Кировск", "description": "За полярным кругом"}
    changed = await anna.ask("PUT", f"/groups/{town}", json=body)
    assert (changed.status, changed.json["registers"]) == (200, 2)
    assert {name: changed.json[name] for name in body} == body
    assert changed.json == (await anna.get(f"/groups/{town}")).json
    assert changed.json["created_at"] < changed.json["changed_at"]
    assert (await move(anna, town, None)).json["depth"] == 1
    assert await tree(anna) == [("Кировск", 1, 2, 2), ("Север", 1, 0, 0), ("Юг", 1, 1, 1)]
    assert (await move(anna, town, north)).status == 200
    assert (await anna.ask("DELETE", f"/groups/{north}")).status == 204
    assert await tree(anna) == [("Юг", 1, 1, 1)]
    rows = (await anna.get("/registers")).json["items"]
    assert {row["serial_number"]: row["group_id"] for row in rows} == {
        **dict.fromkeys(SERIALS),
        SERIALS[2]: south,
    }
    async with database.read() as db:
        told = (await db.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
    assert [(entry.what, entry.object) for entry in told if entry.what.startswith("groups.")] == [
        ("groups.created", f"group:{north}"),
        ("groups.created", f"group:{south}"),
        ("groups.created", f"group:{town}"),
        ("groups.changed", f"group:{town}"),
        ("groups.moved", f"group:{town}"),
        ("groups.moved", f"group:{town}"),
        ("groups.removed", f"group:{north}"),
        ("groups.removed", f"group:{town}"),
    ]
    left = [entry for entry in told if entry.what == "registers.grouped"][3:]
    assert [(entry.object, entry.before, entry.after) for entry in left] == [
        (f"register:{serial}", {"group_id": town}, {"group_id": None}) for serial in SERIALS[:2]
    ]


async def test_a_register_is_in_one_group(anna: Api) -> None:
    one, two = await made(anna, "1"), await made(anna, "2")
    await filled(anna, one, SERIALS[0])
    verdicts = await filled(anna, two, SERIALS[0], SERIALS[0], "abc", "00106900009999")
    assert [each["serial_number"] for each in verdicts["accepted"]] == [SERIALS[0]]
    assert [each["reason"] for each in verdicts["refused"]] == [
        "register_not_found",
        "serial_number_repeated",
        "serial_number_unfit",
    ]
    assert await tree(anna) == [("1", 1, 0, 0), ("2", 1, 1, 1)]
    taken = await anna.post("/registers/ungroup", {"serial_numbers": [SERIALS[0], SERIALS[1]]})
    assert (taken.status, taken.json["refused"]) == (200, [])
    assert await tree(anna) == [("1", 1, 0, 0), ("2", 1, 0, 0)]


async def test_only_leaves_have_registers(anna: Api) -> None:
    top, full = await made(anna, "top"), await made(anna, "full")
    child = await made(anna, "child", top)
    body = {"serial_numbers": [SERIALS[0]]}
    answer = await anna.post(f"/groups/{top}/registers", body)
    assert refused(answer) == (409, "group_has_subgroups", "id")
    await filled(anna, full, SERIALS[0])
    assert (await anna.post("/registers/hide", body)).status == 200
    within = ("group_holds_registers", "parent_id")
    new = await anna.post("/groups", {"name": "new", "parent_id": full})
    assert refused(new) == (409, *within)
    assert refused(await move(anna, child, full)) == (409, *within)
    await anna.post("/registers/ungroup", body)
    assert (await move(anna, child, full)).status == 200
    await filled(anna, top, SERIALS[0])


async def test_moving_a_group_below_itself_is_refused(anna: Api) -> None:
    top = await made(anna, "top")
    child = await made(anna, "child", top)
    for place in (top, child):
        assert refused(await move(anna, top, place)) == (409, "group_under_itself", "parent_id")
    assert (await move(anna, child, top)).status == 200
    assert await tree(anna) == [("top", 1, 0, 0), ("child", 2, 0, 0)]


async def test_name_is_unique_among_siblings(anna: Api) -> None:
    one, two = await made(anna, "one"), await made(anna, "two")
    inner = await made(anna, "one", two)
    taken = (409, "group_name_taken", "name")
    assert refused(await anna.post("/groups", {"name": "one"})) == taken
    assert refused(await anna.ask("PUT", f"/groups/{two}", json={"name": "one"})) == taken
    assert refused(await move(anna, inner, None)) == taken
    assert (await anna.ask("PUT", f"/groups/{one}", json={"name": "one"})).status == 200


BAD_INPUT: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "name"),
    ({"name": " "}, "name"),
    ({"name": "я" * 129}, "name"),
    ({"name": "x", "description": "я" * 1001}, "description"),
    ({"name": "x", "parent_id": 0}, "parent_id"),
    ({"name": "x", "parent_id": "1"}, "parent_id"),
    ({"name": "x", "colour": "red"}, "colour"),
)


async def test_bad_input_is_named_and_changes_nothing(anna: Api) -> None:
    for body, field in BAD_INPUT:
        answer = await anna.post("/groups", body)
        assert (answer.status, answer.json["field"]) == (422, field), body
    assert await tree(anna) == []


async def test_another_partners_group_is_not_found(anna: Api, employ: Employ) -> None:
    theirs = await made(anna, "Север")
    await filled(anna, theirs, SERIALS[0])
    await employ("boris")
    await anna.sign_in("boris")
    own = await made(anna, "Север")
    not_found = (404, "group_not_found")
    answers = [
        (await anna.get(f"/groups/{theirs}"), "id"),
        (await anna.ask("PUT", f"/groups/{theirs}", json={"name": "x"}), "id"),
        (await anna.ask("DELETE", f"/groups/{theirs}"), "id"),
        (await move(anna, theirs, None), "id"),
        (await move(anna, own, theirs), "parent_id"),
        (await anna.post("/groups", {"name": "x", "parent_id": theirs}), "parent_id"),
        (await anna.post(f"/groups/{theirs}/registers", {"serial_numbers": SERIALS[:1]}), "id"),
    ]
    assert [refused(answer) for answer, _ in answers] == [
        (*not_found, field) for _, field in answers
    ]
    verdicts = await filled(anna, own, SERIALS[0])
    assert [each["reason"] for each in verdicts["refused"]] == ["register_not_found"]
    assert await tree(anna) == [("Север", 1, 0, 0)]


async def test_everybody_reads_but_only_administrators_change(
    anna: Api, employ: Employ, database: Database
) -> None:
    group = await made(anna, "Север")
    await filled(anna, group, *SERIALS)
    async with database.read() as db:
        partner_id = await db.scalar(select(Employee.partner_id).where(Employee.login == "anna"))
    await employ("olga", Role.CHIEF_ENGINEER, partner_id)
    await anna.sign_in("olga")
    assert await tree(anna) == [("Север", 1, 4, 4)]
    for method, path, body in (
        ("POST", "/groups", {"name": "x"}),
        ("PUT", f"/groups/{group}", {"name": "x"}),
        ("POST", f"/groups/{group}/move", {"parent_id": None}),
        ("DELETE", f"/groups/{group}", None),
        ("POST", f"/groups/{group}/registers", {"serial_numbers": SERIALS}),
        ("POST", "/registers/ungroup", {"serial_numbers": SERIALS}),
    ):
        assert (await anna.ask(method, path, json=body)).status == 403, path


async def test_a_limited_employee_counts_the_registers_of_their_scope(
    anna: Api, employ: Employ, database: Database
) -> None:
    group = await made(anna, "Север")
    await filled(anna, group, *SERIALS)
    async with database.transaction() as db:
        partner_id = await db.scalar(select(Employee.partner_id).where(Employee.login == "anna"))
    olga = await employ("olga", Role.OBSERVER, partner_id)
    async with database.transaction() as db:
        (await db.get_one(Employee, olga.employee_id)).limited = True
        entry = {"employee_id": olga.employee_id, "kind": ScopeKind.REGISTER, "value": SERIALS[1]}
        await db.execute(insert(ScopeEntry).values(entry))
    await anna.sign_in("olga")
    assert await tree(anna) == [("Север", 1, 1, 1)]
