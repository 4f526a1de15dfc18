"""Assistants through real HTTP: made, given registers, changed, deleted, refused, kept apart."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import func, select

from fleet.accounts.models import Employee, ScopeEntry, ScopeKind
from fleet.accounts.roles import RIGHTS, Right, Role
from fleet.assistants.broker_rights import BrokerRights
from fleet.assistants.models import AccountRegister, BrokerAccount
from fleet.assistants.queries import served_by_assistant
from fleet.assistants.rules import MAX_REGISTERS_EACH
from fleet.audit.models import AuditEntry
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.registers import service as registers
from fleet.registers.models import CashRegister
from fleet.wiring import REACTIONS
from protocol.conversation.assistant import AssistantReport, FoundRegister, OperationProgress
from protocol.platforms import Platform
from tests.fleet.conftest import START, Api, Employ, HandClock

PASSWORD = "secret of the shop"
SHOP: dict[str, Any] = {"login": "shop-1", "password": PASSWORD, "title": "Магазин"}


def serial(number: int) -> str:
    return f"001069{number:08d}"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """With the reactions of the whole fleet."""
    database = Database(database_url, REACTIONS)
    yield database
    await database.close()


@pytest.fixture
async def anna(employ: Employ) -> Actor:
    return await employ("anna", Role.SOFTWARE_SPECIALIST)


@pytest.fixture
async def signed_in(api: Api, anna: Actor) -> Api:
    assert (await api.sign_in("anna")).status == 200
    return api


@pytest.fixture
def rights(database: Database, clock: HandClock) -> BrokerRights:
    return BrokerRights(database, clock)


async def enrol(database: Database, partner_id: int, *numbers: int) -> None:
    async with database.transaction() as db:
        for number in numbers:
            db.add(CashRegister(serial_number=serial(number), partner_id=partner_id, model=69))


async def hand_over(database: Database, number: int, to: Actor) -> None:
    async with database.transaction() as db:
        await registers.hand_over(Act(db, None, START), [serial(number)], to.partner_id)


async def made(api: Api, **changes: Any) -> int:
    answer = await api.post("/assistants", {**SHOP, **changes})
    assert answer.status == 201, answer.json
    return int(answer.json["id"])


async def given(api: Api, id_: int, number: int) -> Any:
    return await api.post(f"/assistants/{id_}/registers", {"serial_number": serial(number)})


def report(*numbers: int, doing: OperationProgress | None = None) -> AssistantReport:
    found = [
        FoundRegister(
            serial_number=serial(number),
            platform=Platform.V2_5,
            model=69,
            firmware_version="3.0.3689",
            way="serial",
            place="COM3",
            doing=doing,
        )
        for number in numbers
    ]
    return AssistantReport(version="1.0", computer="KASSA-1", public_key="ab" * 32, registers=found)


async def test_a_whole_life(
    signed_in: Api, anna: Actor, database: Database, rights: BrokerRights, clock: HandClock
) -> None:
    await enrol(database, anna.partner_id, 1, 2)
    id_ = await made(signed_in)
    card = (await given(signed_in, id_, 1)).json
    assert (card["status"], card["registers"]) == ("never", 1)
    assert await rights.is_valid_password("shop-1", PASSWORD)
    assert not await rights.is_valid_password("shop-1", PASSWORD + " ")
    assert await rights.registers("shop-1") == frozenset({serial(1)})

    doing = OperationProgress(operation_id=7, stage="Загрузка", percent=40)
    assert await rights.record_report("shop-1", report(1, 3, doing=doing)) == (serial(1),)
    card = (await signed_in.get(f"/assistants/{id_}")).json
    assert (card["status"], card["computer"], card["version"]) == ("online", "KASSA-1", "1.0")
    (added,) = card["added"]
    assert added["doing"] == {"operation_id": 7, "stage": "Загрузка", "percent": 40}
    assert [each["serial_number"] for each in card["not_added"]] == [serial(3)]

    clock.forward(minutes=16)
    card = (await signed_in.get(f"/assistants/{id_}")).json
    assert (card["status"], card["added"][0]["doing"], card["not_added"]) == ("offline", None, [])

    renamed = await signed_in.ask("PATCH", f"/assistants/{id_}", json={"title": "Склад"})
    assert renamed.json["title"] == "Склад"
    changed = {"password": "another secret"}
    assert (await signed_in.ask("PUT", f"/assistants/{id_}/password", json=changed)).status == 204
    assert await rights.is_valid_password("shop-1", "another secret")
    assert not await rights.is_valid_password("shop-1", PASSWORD)

    gone = await signed_in.ask("DELETE", f"/assistants/{id_}/registers/{serial(1)}")
    assert gone.status == 204 and await rights.registers("shop-1") == frozenset()
    assert (await signed_in.ask("DELETE", f"/assistants/{id_}")).status == 204
    assert await rights.registers("shop-1") is None
    assert await rights.record_report("shop-1", report(1)) is None
    assert not await rights.is_valid_password("shop-1", "another secret")
    assert (await signed_in.get("/assistants")).json == {"items": [], "next": None}


async def test_audit_log_has_every_change_and_no_password(
    signed_in: Api, anna: Actor, database: Database
) -> None:
    await enrol(database, anna.partner_id, 1, 2)
    id_ = await made(signed_in)
    await given(signed_in, id_, 1)
    await signed_in.ask("PATCH", f"/assistants/{id_}", json={"title": "Склад"})
    await signed_in.ask("PUT", f"/assistants/{id_}/password", json={"password": "12345678"})
    await signed_in.ask("DELETE", f"/assistants/{id_}/registers/{serial(1)}")
    await signed_in.ask("DELETE", f"/assistants/{id_}")
    terminal = (await signed_in.post(f"/registers/{serial(2)}/mqtt-account")).json
    await signed_in.ask("DELETE", f"/registers/{serial(2)}/mqtt-account")
    async with database.read() as db:
        mine = AuditEntry.what.startswith("assistants.")
        entries = list(await db.scalars(select(AuditEntry).where(mine).order_by(AuditEntry.id)))
    verbs = "created register_added renamed password_changed register_removed removed"
    terminals = "terminal_created terminal_removed"
    assert [each.what.removeprefix("assistants.") for each in entries] == [
        *verbs.split(),
        *terminals.split(),
    ]
    assert {each.object for each in entries[:6]} == {f"assistant:{id_}"}
    told = str([(each.before, each.after) for each in entries])
    for secret in (PASSWORD, "12345678", terminal["password"]):
        assert secret not in told


async def test_list_of_assistants_is_paged(signed_in: Api) -> None:
    ids = [await made(signed_in, login=f"shop-{number}") for number in range(3)]
    first = (await signed_in.get("/assistants?limit=2")).json
    second = (await signed_in.get(f"/assistants?limit=2&after={first['next']}")).json
    assert [each["id"] for each in first["items"] + second["items"]] == ids
    assert second["next"] is None


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"login": "Shop"}, "login", "wrong_pattern"),
        ({"login": "sh"}, "login", "wrong_pattern"),
        ({"login": "shop/#"}, "login", "wrong_pattern"),
        ({"login": "gateway"}, "login", "assistant_login_reserved"),
        ({"login": f"terminal-{serial(1)}"}, "login", "assistant_login_reserved"),
        ({"login": "shop-0"}, "login", "assistant_login_taken"),
        ({"password": "1234567"}, "password", "too_short"),
        ({"password": "x" * 129}, "password", "too_long"),
        ({"title": "x" * 129}, "title", "too_long"),
    ],
)
async def test_invalid_account_is_refused(
    signed_in: Api, database: Database, changes: dict[str, Any], field: str, code: str
) -> None:
    await made(signed_in, login="shop-0")
    answer = await signed_in.post("/assistants", {**SHOP, **changes})
    problem = answer.json
    codes = {problem["code"], *(each["code"] for each in problem.get("errors", ()))}
    assert answer.status in (409, 422, 400) and code in codes, problem
    fields = {problem.get("field"), *(each["field"] for each in problem.get("errors", ()))}
    assert field in fields
    async with database.read() as db:
        assert await db.scalar(select(func.count()).select_from(BrokerAccount)) == 1


async def test_register_of_another_partner_cannot_be_added(
    signed_in: Api, anna: Actor, employ: Employ, database: Database
) -> None:
    stranger = await employ("boris", Role.ADMINISTRATOR)
    await enrol(database, stranger.partner_id, 1)
    id_ = await made(signed_in)
    for number in (1, 2):
        answer = await given(signed_in, id_, number)
        assert (answer.status, answer.json["code"]) == (404, "register_not_found")
    missing = await signed_in.ask("DELETE", f"/assistants/{id_}/registers/{serial(1)}")
    assert missing.json["code"] == "register_not_added"


async def test_register_has_one_account_only(
    signed_in: Api, anna: Actor, database: Database, rights: BrokerRights
) -> None:
    await enrol(database, anna.partner_id, 1, 2)
    first, second = await made(signed_in), await made(signed_in, login="shop-2")
    assert (await given(signed_in, first, 1)).status == 200
    assert (await given(signed_in, first, 1)).status == 200
    taken = await given(signed_in, second, 1)
    assert (taken.status, taken.json["code"]) == (409, "register_has_account")
    assert "shop-1" in taken.json["detail"]
    busy = await signed_in.post(f"/registers/{serial(1)}/mqtt-account")
    assert busy.json["code"] == "register_has_account"
    assert await rights.registers(f"terminal-{serial(1)}") is None

    terminal = (await signed_in.post(f"/registers/{serial(2)}/mqtt-account")).json
    assert await rights.is_valid_password(terminal["login"], terminal["password"])
    assert await rights.registers(terminal["login"]) == frozenset({serial(2)})
    assert await rights.record_report(terminal["login"], report(2)) is None
    assert (await given(signed_in, first, 2)).json["code"] == "register_has_account"
    again = await signed_in.post(f"/registers/{serial(2)}/mqtt-account")
    assert (again.status, again.json["code"]) == (409, "terminal_account_exists")
    path = f"/registers/{serial(2)}/mqtt-account"
    assert (await signed_in.ask("DELETE", path)).status == 204
    assert (await signed_in.ask("DELETE", path)).json["code"] == "no_terminal_account"
    assert (await given(signed_in, first, 2)).status == 200


async def test_register_added_twice_at_once_gets_one_assistant(
    signed_in: Api, anna: Actor, database: Database
) -> None:
    await enrol(database, anna.partner_id, 1)
    ids = [await made(signed_in, login=f"shop-{number}") for number in range(4)]
    answers = await asyncio.gather(*(given(signed_in, id_, 1) for id_ in ids))
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    async with database.read() as db:
        assert await db.scalar(select(func.count()).select_from(AccountRegister)) == 1


async def test_login_taken_twice_at_once_gives_one_account(signed_in: Api) -> None:
    answers = await asyncio.gather(*(signed_in.post("/assistants", SHOP) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]


async def test_register_of_a_new_partner_can_be_added_again(
    signed_in: Api, anna: Actor, employ: Employ, database: Database, rights: BrokerRights
) -> None:
    await enrol(database, anna.partner_id, 1)
    id_ = await made(signed_in)
    await given(signed_in, id_, 1)
    stranger = await employ("boris", Role.ADMINISTRATOR)
    await hand_over(database, 1, stranger)
    assert await rights.registers("shop-1") == frozenset()
    async with database.read() as db:
        assert await served_by_assistant(db, [serial(1)]) == frozenset(), "nobody would do its work"
    await signed_in.sign_in("boris")
    theirs = await made(signed_in, login="their-shop")
    assert (await given(signed_in, theirs, 1)).status == 200
    assert await rights.registers("their-shop") == frozenset({serial(1)})


async def test_former_partner_no_longer_serves_the_register(
    signed_in: Api, anna: Actor, employ: Employ, database: Database, rights: BrokerRights
) -> None:
    await enrol(database, anna.partner_id, 1, 2)
    id_ = await made(signed_in)
    await given(signed_in, id_, 1)
    stranger = await employ("boris", Role.ADMINISTRATOR)
    await hand_over(database, 1, stranger)
    (row,) = (await signed_in.get("/assistants")).json["items"]
    card = (await signed_in.get(f"/assistants/{id_}")).json
    assert (row["registers"], card["registers"], card["added"]) == (0, 0, [])
    gone = await signed_in.ask("DELETE", f"/assistants/{id_}/registers/{serial(1)}")
    assert (gone.status, gone.json["code"]) == (404, "register_not_added")
    card = (await given(signed_in, id_, 2)).json
    assert [each["serial_number"] for each in card["added"]] == [serial(2)]


async def test_returned_register_does_not_get_its_old_account_back(
    signed_in: Api, anna: Actor, employ: Employ, database: Database, rights: BrokerRights
) -> None:
    await enrol(database, anna.partner_id, 1, 2)
    await given(signed_in, await made(signed_in), 1)
    terminal = (await signed_in.post(f"/registers/{serial(2)}/mqtt-account")).json
    boris = await employ("boris")
    for to in (boris, anna):
        for number in (1, 2):
            await hand_over(database, number, to)
    assert await rights.registers("shop-1") == frozenset()
    assert not await rights.is_valid_password(terminal["login"], terminal["password"])
    assert (await signed_in.post(f"/registers/{serial(2)}/mqtt-account")).status == 201


async def test_terminal_accounts_are_not_listed_as_assistants(
    signed_in: Api, anna: Actor, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.assistants.service.MAX_ASSISTANTS", 1)
    await enrol(database, anna.partner_id, 1)
    assert (await signed_in.post(f"/registers/{serial(1)}/mqtt-account")).status == 201
    await made(signed_in)
    second = await signed_in.post("/assistants", {**SHOP, "login": "shop-2"})
    assert (second.status, second.json["code"]) == (409, "too_many_assistants")


async def limit(database: Database, actor: Actor, *numbers: int) -> None:
    """From now on the employee sees only these registers."""
    async with database.transaction() as db:
        (await db.get_one(Employee, actor.employee_id)).limited = True
        for number in numbers:
            kind = ScopeKind.REGISTER
            db.add(ScopeEntry(employee_id=actor.employee_id, kind=kind, value=serial(number)))


async def test_limited_employee_sees_and_adds_only_registers_of_the_scope(
    signed_in: Api, anna: Actor, database: Database, rights: BrokerRights
) -> None:
    await enrol(database, anna.partner_id, 1, 2, 3, 4)
    id_ = await made(signed_in)
    await given(signed_in, id_, 1)
    await given(signed_in, id_, 2)
    await rights.record_report("shop-1", report(1, 2, 3, 4))
    await limit(database, anna, 1, 3)
    (row,) = (await signed_in.get("/assistants")).json["items"]
    card = (await signed_in.get(f"/assistants/{id_}")).json
    assert (row["registers"], card["registers"]) == (1, 1)
    assert [each["serial_number"] for each in card["added"]] == [serial(1)]
    assert [each["serial_number"] for each in card["not_added"]] == [serial(3)]
    gone = await signed_in.ask("DELETE", f"/assistants/{id_}/registers/{serial(2)}")
    assert (gone.status, gone.json["code"]) == (404, "register_not_added")
    terminal = await signed_in.ask("DELETE", f"/registers/{serial(2)}/mqtt-account")
    assert terminal.status == 404
    assert await rights.registers("shop-1") == frozenset({serial(1), serial(2)})


async def test_limited_employee_cannot_take_over_or_delete_an_assistant_with_other_registers(
    signed_in: Api, anna: Actor, database: Database, rights: BrokerRights
) -> None:
    await enrol(database, anna.partner_id, 1, 2)
    id_ = await made(signed_in)
    await given(signed_in, id_, 1)
    await given(signed_in, id_, 2)
    await limit(database, anna, 1)
    password = {"password": "another secret"}
    for answer in (
        await signed_in.ask("PUT", f"/assistants/{id_}/password", json=password),
        await signed_in.ask("DELETE", f"/assistants/{id_}"),
    ):
        assert (answer.status, answer.json["code"]) == (409, "assistant_serves_others")
        assert answer.json["field"] == "id"
    assert await rights.is_valid_password("shop-1", PASSWORD)
    await limit(database, anna, 2)
    changed = await signed_in.ask("PUT", f"/assistants/{id_}/password", json=password)
    assert changed.status == 204
    assert (await signed_in.ask("DELETE", f"/assistants/{id_}")).status == 204


async def test_assistant_with_too_many_registers_is_refused(
    signed_in: Api, anna: Actor, database: Database, clock: HandClock
) -> None:
    id_ = await made(signed_in)
    numbers = range(1, MAX_REGISTERS_EACH + 2)
    await enrol(database, anna.partner_id, *numbers)
    async with database.transaction() as db:
        for number in numbers[:-1]:
            row = {"serial_number": serial(number), "account_id": id_, "added_at": clock()}
            db.add(AccountRegister(**row))
    answer = await given(signed_in, id_, numbers[-1])
    assert (answer.status, answer.json["code"]) == (409, "too_many_assistant_registers")


async def test_other_partner_sees_and_changes_nothing(
    signed_in: Api, anna: Actor, employ: Employ, database: Database, rights: BrokerRights
) -> None:
    await enrol(database, anna.partner_id, 1)
    id_ = await made(signed_in)
    await given(signed_in, id_, 1)
    terminal = f"/registers/{serial(1)}/mqtt-account"
    await employ("boris", Role.ADMINISTRATOR)
    await signed_in.sign_in("boris")
    assert (await signed_in.get("/assistants")).json["items"] == []
    for method, path, body in (
        ("GET", f"/assistants/{id_}", None),
        ("PATCH", f"/assistants/{id_}", {"title": ""}),
        ("PUT", f"/assistants/{id_}/password", {"password": "12345678"}),
        ("POST", f"/assistants/{id_}/registers", {"serial_number": serial(1)}),
        ("DELETE", f"/assistants/{id_}/registers/{serial(1)}", None),
        ("DELETE", f"/assistants/{id_}", None),
        ("POST", terminal, None),
        ("DELETE", terminal, None),
    ):
        answer = await signed_in.ask(method, path, **({"json": body} if body else {}))
        assert answer.status == 404, (method, path, answer.json)
    assert await rights.is_valid_password("shop-1", PASSWORD)
    assert await rights.registers("shop-1") == frozenset({serial(1)})


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR_PLUS])
async def test_endpoints_need_the_right_of_the_role_matrix(
    api: Api, employ: Employ, role: Role
) -> None:
    await employ("carl", role)
    await api.sign_in("carl")
    may = Right.ASSISTANTS in RIGHTS[role]
    assert (await api.get("/assistants")).status == (200 if may else 403)
    assert (await api.post("/assistants", SHOP)).status == (201 if may else 403)
    terminal = await api.post(f"/registers/{serial(1)}/mqtt-account")
    assert terminal.status == (404 if may else 403)
