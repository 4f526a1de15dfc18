"""Clients through real HTTP: what registers say and what people type."""

from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import insert, select

from fleet.accounts.models import Employee, ScopeEntry, ScopeKind
from fleet.accounts.roles import Role
from fleet.audit.models import AuditEntry
from fleet.clients.service import delete_unreferenced
from fleet.kit.act import Act
from fleet.kit.database import Database
from fleet.registers.service import hand_over
from tests.fleet.clients.conftest import Say
from tests.fleet.conftest import START, Answer, Api, Employ
from tests.fleet.registers.conftest import serial

SHOP, CAFE, PERSON = "7707083893", "7736207543", "500100732259"
ODD = "0000000001"
"""What a test drive says: its check digit is wrong."""
CARD = {
    "name": "Ромашка",
    "emails": ["boss@romashka.example", "shop@romashka.example"],
    "phone": "+7 495 000-00-00",
    "contact": "Роза",
    "comment": "Звонить после обеда",
}


@pytest.fixture
async def anna(api: Api, employ: Employ) -> Api:
    await employ("anna")
    assert (await api.sign_in("anna")).status == 200
    enrolled = await api.post(
        "/registers/enrol", {"serial_numbers": [serial(n) for n in (1, 2, 3)]}
    )
    assert enrolled.json["refused"] == []
    return api


async def listed(api: Api, query: str = "") -> list[tuple[str, str, int]]:
    answer = await api.get(f"/clients?{query}")
    assert answer.status == 200, answer.json
    return [(each["inn"], each["name"], each["registers"]) for each in answer.json["items"]]


async def partner_of(database: Database, login: str) -> int:
    async with database.read() as db:
        found = await db.scalar(select(Employee.partner_id).where(Employee.login == login))
    assert found is not None
    return found


def refused(answer: Answer) -> tuple[int, str, str]:
    return answer.status, answer.json["code"], answer.json["field"]


async def test_reported_owners_are_clients(anna: Api, say: Say) -> None:
    assert await listed(anna) == []
    await say({1: SHOP, 2: SHOP}, 'ООО "Ромашка"')
    await say({3: CAFE}, "АО Бар")
    await say({9: PERSON}, "of nobody")
    assert await listed(anna) == [(CAFE, "АО Бар", 1), (SHOP, 'ООО "Ромашка"', 2)]
    await say({1: SHOP}, "ООО Ромашка")
    card = (await anna.get(f"/clients/{SHOP}")).json
    assert (card["name"], card["registers"], card["typed"]) == ("ООО Ромашка", 2, False)
    await say({3: ""})
    await say({2: ODD}, "Тест")
    assert (await anna.get(f"/clients/{ODD}")).json["registers"] == 1


async def test_number_of_registers_includes_hidden_ones(anna: Api, say: Say) -> None:
    await say({1: SHOP, 2: SHOP}, "Ромашка")
    await anna.post("/registers/hide", {"serial_numbers": [serial(1)]})
    assert await listed(anna) == [(SHOP, "Ромашка", 2)]


async def test_owner_reported_before_enrolment_becomes_a_client(anna: Api, say: Say) -> None:
    await say({4: SHOP}, "Ромашка", fiscalised=False)
    assert await listed(anna) == []
    claim = {"client_inn": SHOP, "serial_numbers": [serial(4)]}
    await anna.post("/access-requests/claim", claim)
    assert await listed(anna) == [(SHOP, "Ромашка", 1)]


async def test_card_is_created_changed_and_deleted(anna: Api, say: Say, database: Database) -> None:
    made = await anna.post("/clients", {"inn": SHOP, **CARD})
    assert made.status == 201, made.json
    assert {name: made.json[name] for name in CARD} == CARD
    assert (made.json["registers"], made.json["typed"]) == (0, True)
    await say({1: SHOP}, "ООО РОМАШКА")
    changed = await anna.ask("PUT", f"/clients/{SHOP}", json={**CARD, "emails": []})
    assert changed.json["emails"] == []
    assert changed.json["reported_name"] == "ООО РОМАШКА"
    assert await listed(anna) == [(SHOP, "Ромашка", 1)]
    assert (await anna.ask("DELETE", f"/clients/{SHOP}")).status == 204
    assert await listed(anna) == [(SHOP, "ООО РОМАШКА", 1)]
    again = await anna.ask("DELETE", f"/clients/{SHOP}")
    assert refused(again) == (409, "client_of_registers", "inn")
    async with database.read() as db:
        told = (await db.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
    kept = [entry for entry in told if entry.object == f"client:{SHOP}"]
    assert [entry.what for entry in kept] == [
        "clients.created",
        "clients.changed",
        "clients.removed",
    ]
    assert [(entry.before or {}).get("emails") for entry in kept] == [None, CARD["emails"], []]


async def test_client_without_registers_is_deleted_with_its_card(anna: Api) -> None:
    await anna.post("/clients", {"inn": PERSON, "name": "Иванов"})
    assert refused(await anna.post("/clients", {"inn": PERSON, "name": "x"})) == (
        409,
        "client_exists",
        "inn",
    )
    assert (await anna.ask("DELETE", f"/clients/{PERSON}")).status == 204
    for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
        answer = await anna.ask(method, f"/clients/{PERSON}", json=body)
        assert refused(answer) == (404, "client_not_found", "inn")


async def test_card_is_filled_in_for_a_reported_client(anna: Api, say: Say) -> None:
    await say({1: SHOP}, "ООО РОМАШКА")
    assert (await anna.ask("PUT", f"/clients/{SHOP}", json=CARD)).json["name"] == "Ромашка"
    assert await listed(anna, "typed=true") == [(SHOP, "Ромашка", 1)]
    assert await listed(anna, "typed=false") == []


async def test_list_is_searched_sorted_and_paged(anna: Api, say: Say) -> None:
    await say({1: SHOP}, "Ромашка")
    await say({2: CAFE}, "Ёж")
    await anna.post("/clients", {"inn": PERSON, **CARD, "name": "Яшин"})
    for text, found in (
        ("рОМ", [SHOP]),
        (CAFE[2:6], [CAFE]),
        ("boss@", [PERSON]),
        ("роза", [PERSON]),
        (" еж ", [CAFE]),
        ("ЁЖ", [CAFE]),
        ("%", []),
    ):
        assert [inn for inn, _, _ in await listed(anna, f"q={quote(text)}")] == found, text
    orders = {
        "name": [CAFE, SHOP, PERSON],
        "-name": [PERSON, SHOP, CAFE],
        "inn": [PERSON, SHOP, CAFE],
        "-inn": [CAFE, SHOP, PERSON],
    }
    for sort, expected in orders.items():
        seen: list[str] = []
        after = ""
        for _ in expected:
            page = (await anna.get(f"/clients?limit=1&sort={sort}{after}")).json
            seen += [each["inn"] for each in page["items"]]
            after = f"&after={page['next']}"
        assert (seen, page["next"]) == (expected, None)
    mark = (await anna.get("/clients?limit=1")).json["next"]
    assert refused(await anna.get(f"/clients?sort=inn&after={mark}")) == (
        422,
        "bad_cursor",
        "after",
    )


async def test_page_mark_fits_the_longest_name(anna: Api) -> None:
    for inn in (SHOP, CAFE):
        await anna.post("/clients", {"inn": inn, "name": "😀" * 256})
    first = (await anna.get("/clients?limit=1")).json
    assert (await anna.get(f"/clients?limit=1&after={first['next']}")).json["next"] is None


BAD_INPUT: tuple[tuple[dict[str, Any], str], ...] = (
    ({"inn": "7707083894"}, "inn"),
    ({"inn": "77"}, "inn"),
    ({"name": " "}, "name"),
    ({"emails": ["x"]}, "emails.0"),
    ({"emails": ["a@b.example", "A@b.example"]}, "emails"),
    ({"emails": [f"{n}@b.example" for n in range(11)]}, "emails"),
    ({"phone": "call me"}, "phone"),
    ({"comment": "x" * 2001}, "comment"),
)


async def test_error_names_the_bad_field_and_nothing_changes(anna: Api) -> None:
    for change, field in BAD_INPUT:
        answer = await anna.post("/clients", {"inn": SHOP, **CARD, **change})
        assert (answer.status, answer.json["field"]) == (422, field), change
    assert await listed(anna) == []


async def test_transferred_register_takes_its_owner_along(
    anna: Api, say: Say, employ: Employ, database: Database
) -> None:
    await say({1: SHOP, 2: CAFE, 3: CAFE}, "Ромашка")
    await anna.ask("PUT", f"/clients/{CAFE}", json={"name": "Бар"})
    boris = await employ("boris")
    async with database.transaction() as db:
        await hand_over(Act(db, None, START), [serial(1), serial(2)], boris.partner_id)
    assert await listed(anna) == [(CAFE, "Бар", 1)]
    await anna.sign_in("boris")
    assert await listed(anna, "sort=inn") == [(SHOP, "Ромашка", 1), (CAFE, "Ромашка", 1)]


async def test_client_that_no_register_reports_is_deleted(
    anna: Api, say: Say, database: Database
) -> None:
    await say({1: SHOP, 2: CAFE}, "Ромашка")
    await anna.post("/clients", {"inn": PERSON, "name": "Иванов"})
    await say({2: SHOP}, "Ромашка")
    async with database.transaction() as db:
        assert await delete_unreferenced(Act(db, None, START), 10) == 1
    assert await listed(anna) == [(PERSON, "Иванов", 0), (SHOP, "Ромашка", 2)]
    await say({2: CAFE}, "Бар")
    assert (await anna.get(f"/clients/{CAFE}")).json["registers"] == 1


async def test_partners_do_not_see_each_others_data(anna: Api, say: Say, employ: Employ) -> None:
    await say({1: SHOP}, "Ромашка")
    await anna.ask("PUT", f"/clients/{SHOP}", json=CARD)
    await employ("boris")
    await anna.sign_in("boris")
    assert await listed(anna) == []
    for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
        answer = await anna.ask(method, f"/clients/{SHOP}", json=body)
        assert refused(answer) == (404, "client_not_found", "inn")
    own = await anna.post("/clients", {"inn": SHOP, "name": "Наша"})
    assert (own.status, own.json["registers"]) == (201, 0)


@pytest.mark.parametrize(
    ("kind", "value", "visible"),
    [
        (ScopeKind.CLIENT, SHOP, [(SHOP, "Ромашка", 2)]),
        (ScopeKind.REGISTER, serial(2), [(SHOP, "Ромашка", 1)]),
        (ScopeKind.CLIENT, ODD, []),
    ],
)
async def test_a_limited_employee_sees_the_clients_of_their_scope(
    anna: Api,
    say: Say,
    employ: Employ,
    database: Database,
    kind: ScopeKind,
    value: str,
    visible: list[tuple[str, str, int]],
) -> None:
    await say({1: SHOP, 2: SHOP, 3: CAFE}, "Ромашка")
    olga = await employ("olga", Role.OBSERVER, await partner_of(database, "anna"))
    async with database.transaction() as db:
        (await db.get_one(Employee, olga.employee_id)).limited = True
        entry = {"employee_id": olga.employee_id, "kind": kind, "value": value}
        await db.execute(insert(ScopeEntry).values(entry))
    await anna.sign_in("olga")
    assert await listed(anna) == visible
    assert (await anna.get(f"/clients/{CAFE}")).status == 404


async def test_everybody_reads_but_only_administrators_change(
    anna: Api, say: Say, employ: Employ, database: Database
) -> None:
    await say({1: SHOP}, "Ромашка")
    await employ("olga", Role.CHIEF_ENGINEER, await partner_of(database, "anna"))
    await anna.sign_in("olga")
    assert len(await listed(anna)) == 1
    for method, path, body in (
        ("POST", "/clients", {"inn": CAFE, "name": "x"}),
        ("PUT", f"/clients/{SHOP}", {"name": "x"}),
        ("DELETE", f"/clients/{SHOP}", None),
    ):
        assert (await anna.ask(method, path, json=body)).status == 403
