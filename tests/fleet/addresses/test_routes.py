"""The address book through real HTTP, and the registers that stand at its addresses."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

from fleet.accounts.models import Employee, ScopeEntry, ScopeKind
from fleet.accounts.roles import Role
from fleet.addresses import service
from fleet.audit.models import AuditEntry
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.kit.errors import DomainError
from fleet.registers.service import store_profiles
from tests.fleet.conftest import START, Answer, Api, Employ
from tests.fleet.registers.conftest import make_profile, serial

TVERSKAYA = "Москва, Тверская, 1"


@pytest.fixture
async def anna(api: Api, employ: Employ, database: Database) -> Api:
    await employ("anna")
    assert (await api.sign_in("anna")).status == 200
    enrolled = await api.post("/registers/enrol", {"serial_numbers": [serial(1), serial(2)]})
    assert enrolled.json["refused"] == []
    async with database.transaction() as db:
        await store_profiles(Act(db, None, START), [make_profile(1, address="Тула")])
    return api


async def made(api: Api, text: str) -> int:
    answer = await api.post("/addresses", {"text": text})
    assert answer.status == 201, answer.json
    return int(answer.json["id"])


async def place(api: Api, address_id: int | None, *numbers: int) -> Answer:
    body = {"serial_numbers": [serial(number) for number in numbers], "address_id": address_id}
    return await api.post("/registers/address", body)


async def listed(api: Api, typed: str = "") -> list[tuple[str, int]]:
    answer = await api.get("/addresses" + (f"?q={quote(typed)}" if typed else ""))
    assert answer.status == 200, answer.json
    return [(each["text"], each["registers"]) for each in answer.json["items"]]


async def address_of(api: Api, number: int) -> str:
    return str((await api.get(f"/registers/{serial(number)}")).json["address"])


def refused(answer: Answer) -> tuple[int, str, str]:
    return answer.status, answer.json["code"], answer.json["field"]


async def test_address_is_created_renamed_used_and_deleted(anna: Api, database: Database) -> None:
    address = await made(anna, "  Москва,\tТверская,  1 ")
    assert await listed(anna) == [(TVERSKAYA, 0)]
    assert await address_of(anna, 1) == "Тула"
    placed = await place(anna, address, 1, 2)
    assert (placed.status, len(placed.json["accepted"]), placed.json["refused"]) == (200, 2, [])
    assert await address_of(anna, 1) == TVERSKAYA
    renamed = await anna.ask("PUT", f"/addresses/{address}", json={"text": "Москва, Арбат, 2"})
    assert (renamed.status, renamed.json["registers"]) == (200, 2)
    assert await address_of(anna, 2) == "Москва, Арбат, 2"
    found = (await anna.get(f"/registers?q={quote('арбат')}")).json["items"]
    assert [row["serial_number"] for row in found] == [serial(1), serial(2)]
    in_use = await anna.ask("DELETE", f"/addresses/{address}")
    assert refused(in_use) == (409, "address_in_use", "id")
    assert len((await place(anna, None, 1, 2, 1)).json["refused"]) == 1
    assert await address_of(anna, 1) == "Тула"
    assert (await anna.ask("DELETE", f"/addresses/{address}")).status == 204
    assert await listed(anna) == []
    async with database.read() as db:
        told = await db.scalars(select(AuditEntry.what).order_by(AuditEntry.id))
        kinds = [what for what in told if what.startswith("addresses.")]
        mine = AuditEntry.object == f"register:{serial(2)}", AuditEntry.what == "registers.moved"
        moves = select(AuditEntry.before, AuditEntry.after).where(*mine).order_by(AuditEntry.id)
        places = [
            (before["installed_address"], after["installed_address"])
            for before, after in await db.execute(moves)
        ]
    assert kinds == ["addresses.created", "addresses.renamed", "addresses.removed"]
    assert places == [("", TVERSKAYA), (TVERSKAYA, "Москва, Арбат, 2"), ("Москва, Арбат, 2", "")]


async def test_a_hidden_register_keeps_its_address(anna: Api) -> None:
    address = await made(anna, TVERSKAYA)
    await place(anna, address, 1)
    await anna.post("/registers/hide", {"serial_numbers": [serial(1)]})
    assert await listed(anna) == [(TVERSKAYA, 1)]
    assert (await anna.ask("DELETE", f"/addresses/{address}")).status == 409
    await anna.ask("PUT", f"/addresses/{address}", json={"text": "Арбат"})
    assert await address_of(anna, 1) == "Арбат"


async def test_search_finds_parts_while_typing(anna: Api) -> None:
    for text in (TVERSKAYA, "Тверь, Советская, 5", "омск, Ленина, 100%"):
        await made(anna, text)
    assert [text for text, _ in await listed(anna)] == [
        TVERSKAYA,
        "омск, Ленина, 100%",
        "Тверь, Советская, 5",
    ]
    for typed, expected in (("твер", 2), ("ТВЕРЬ,  с", 1), ("0%", 1), ("_", 0), ("ск", 3)):
        assert len(await listed(anna, typed)) == expected, typed


async def test_page_mark_fits_the_longest_address(anna: Api) -> None:
    ids = [await made(anna, "😀" * 255 + last) for last in "abc"]
    seen, after = [], ""
    for _ in ids:
        page = (await anna.get(f"/addresses?limit=1{after}")).json
        seen += [each["id"] for each in page["items"]]
        after = f"&after={page['next']}"
    assert (seen, page["next"]) == (ids, None)


async def test_address_is_unique_in_the_book(anna: Api) -> None:
    await made(anna, TVERSKAYA)
    other = await made(anna, "Арбат")
    exists = (409, "address_exists", "text")
    assert refused(await anna.post("/addresses", {"text": TVERSKAYA.upper()})) == exists
    body = {"text": TVERSKAYA}
    assert refused(await anna.ask("PUT", f"/addresses/{other}", json=body)) == exists
    assert (await anna.ask("PUT", f"/addresses/{other}", json={"text": "АРБАТ"})).status == 200


async def test_error_names_the_bad_field(anna: Api) -> None:
    for text in ("", " \t", "я" * 257, 5, None):
        answer = await anna.post("/addresses", {"text": text})
        assert (answer.status, answer.json["field"]) == (422, "text"), text
    assert await listed(anna) == []


async def test_yo_and_ye_are_equal_in_search_and_order(anna: Api) -> None:
    for text in ("Тула, Лётная, 5", "Ёлкино", "Жуково", "Егорьево"):
        await made(anna, text)
    assert [text for text, _ in await listed(anna)] == [
        "Егорьево",
        "Ёлкино",
        "Жуково",
        "Тула, Лётная, 5",
    ]
    for typed in ("лет", "ЛЁТ", " лётная, "):
        assert await listed(anna, typed) == [("Тула, Лётная, 5", 0)], typed


async def test_partners_do_not_see_each_others_data(anna: Api, employ: Employ) -> None:
    theirs = await made(anna, TVERSKAYA)
    await employ("boris")
    await anna.sign_in("boris")
    await anna.post("/registers/enrol", {"serial_numbers": [serial(3)]})
    own = await made(anna, TVERSKAYA)
    assert await listed(anna) == [(TVERSKAYA, 0)]
    not_found = "address_not_found"
    body = {"text": "x"}
    assert refused(await anna.ask("PUT", f"/addresses/{theirs}", json=body)) == (
        404,
        not_found,
        "id",
    )
    assert refused(await anna.ask("DELETE", f"/addresses/{theirs}")) == (404, not_found, "id")
    assert refused(await place(anna, theirs, 3)) == (404, not_found, "address_id")
    (verdict,) = (await place(anna, own, 1)).json["refused"]
    assert verdict["reason"] == "register_not_found"
    assert await listed(anna) == [(TVERSKAYA, 0)]


async def test_limited_employee_sees_addresses_of_registers_in_scope(
    anna: Api, employ: Employ, database: Database
) -> None:
    near, far = await made(anna, TVERSKAYA), await made(anna, "Арбат")
    await place(anna, near, 1)
    await place(anna, far, 2)
    async with database.read() as db:
        partner_id = await db.scalar(select(Employee.partner_id).where(Employee.login == "anna"))
    vera = await employ("vera", Role.SOFTWARE_SPECIALIST, partner_id)
    async with database.transaction() as db:
        (await db.get_one(Employee, vera.employee_id)).limited = True
        entry = {"employee_id": vera.employee_id, "kind": ScopeKind.REGISTER}
        db.add(ScopeEntry(**entry, value=serial(1)))
    await anna.sign_in("vera")
    assert await listed(anna) == [(TVERSKAYA, 1)]
    assert await listed(anna, "арбат") == []
    # What they type is in the book already, though they do not see it: it is theirs to use.
    assert await made(anna, "АРБАТ") == far
    await place(anna, far, 1)
    assert await listed(anna) == [("Арбат", 1)]


async def test_roles_limit_reading_and_changing(
    anna: Api, employ: Employ, database: Database
) -> None:
    address = await made(anna, TVERSKAYA)
    async with database.read() as db:
        partner_id = await db.scalar(select(Employee.partner_id).where(Employee.login == "anna"))
    for role, statuses in (
        (Role.OBSERVER, (403, 403, 403, 403)),
        (Role.SOFTWARE_SPECIALIST, (201, 200, 403, 403)),
        (Role.ADMINISTRATOR, (409, 200, 200, 204)),
    ):
        await employ(role, role, partner_id)
        await anna.sign_in(role)
        assert (TVERSKAYA, 0) in await listed(anna)
        answers = (
            await anna.post("/addresses", {"text": "Арбат"}),
            await place(anna, None, 1),
            await anna.ask("PUT", f"/addresses/{address}", json={"text": "Пресня"}),
            await anna.ask("DELETE", f"/addresses/{address}"),
        )
        assert tuple(answer.status for answer in answers) == statuses, role


async def test_address_is_either_assigned_or_deleted(anna: Api, database: Database) -> None:
    async with database.read() as db:
        employee = await db.scalar(select(Employee).where(Employee.login == "anna"))
        assert employee is not None
    actor = Actor(employee.id, employee.partner_id, "anna", employee.role, frozenset(), 0)

    async def run(work: Any) -> str:
        try:
            async with database.transaction() as db:
                await work(db)
        except DomainError as error:
            return error.code
        return ""

    for number in range(8):
        address = await made(anna, f"{number}")
        placed, removed = await asyncio.gather(
            run(
                lambda db, id_=address: service.assign_address(
                    Act(db, actor, START), [serial(1)], id_
                )
            ),
            run(lambda db, id_=address: service.remove(Act(db, actor, START), id_)),
        )
        assert (placed, removed) in (("", "address_in_use"), ("address_not_found", ""))
