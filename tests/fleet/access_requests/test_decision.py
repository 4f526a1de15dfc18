"""The support's side through the API: the queue, granting, refusing, and what a hand-over ends."""

from typing import Any

import pytest
from sqlalchemy import select, update

from fleet.access_requests.rules import RefusalReason
from fleet.audit.models import AuditEntry
from fleet.kit.act import Act
from fleet.kit.database import Database
from fleet.notifications.models import Letter
from fleet.operations.models import Operation
from fleet.operations.rules import OperationStatus
from fleet.telemetry.events import ProfilesChanged, ReadingsDiffer
from tests.fleet.access_requests.conftest import (
    INN,
    OTHER_INN,
    People,
    Place,
    letters,
    owners,
    serial,
)
from tests.fleet.access_requests.documents import PDF
from tests.fleet.conftest import START
from tests.fleet.registers.conftest import make_profile

ONE_DIALECT = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what the databases have no part in."""


async def decide(people: People, id_: int, how: str, **body: Any) -> Any:
    await people.api.sign_in("olga")
    return await people.api.post(f"/support/access-requests/{id_}/{how}", body)


async def asked(people: People, login: str, serials: list[str], inn: str = INN) -> int:
    await people.api.sign_in(login)
    answer = await people.send(serials, inn)
    assert answer.status == 201, answer.json
    return int(answer.json["request"]["id"])


async def seen(people: People, login: str, id_: int) -> Any:
    await people.api.sign_in(login)
    return (await people.api.get(f"/access-requests/{id_}")).json


async def test_support_sees_the_data_for_its_decision(people: People, place: Place) -> None:
    await place(1, people.boris.partner_id, owner_name="ООО Ромашка")
    id_ = await asked(people, "anna", [serial(1)])
    await people.api.sign_in("olga")
    (row,) = (await people.api.get("/support/access-requests?status=processing")).json["items"]
    partner = people.anna.partner_id
    assert row["partner"] == {"id": partner, "name": "of anna", "inn": "", "code": f"{partner:06}"}
    card = (await people.api.get(f"/support/access-requests/{id_}")).json
    assert card["serial_numbers"] == [
        {
            "serial_number": serial(1),
            "granted_at": None,
            "owner_inn": INN,
            "owner_name": "ООО Ромашка",
            "partner_id": people.boris.partner_id,
            "partner_name": "of boris",
        }
    ]
    headers = {"Authorization": f"Bearer {people.api.token}"}
    path = f"/api/v1/support/consent-files/{card['files'][0]['id']}"
    async with people.api.client.get(path, headers=headers) as response:
        assert await response.read() == PDF
    reasons = (await people.api.get("/support/refusal-reasons")).json["items"]
    assert [each["reason"] for each in reasons] == list(RefusalReason)


@ONE_DIALECT
async def test_support_does_not_see_unsent_files(people: People) -> None:
    file = (await people.upload()).json["id"]
    await people.api.sign_in("olga")
    assert (await people.api.get(f"/support/consent-files/{file}")).status == 404


async def test_granting_all_registers_is_full_access(
    people: People, place: Place, database: Database
) -> None:
    for number in (1, 2):
        await place(number, people.boris.partner_id, group_id=None, hidden=True)
    id_ = await asked(people, "anna", [serial(1), serial(2)])
    answer = await decide(people, id_, "grant", comment="Проверено")
    assert (answer.status, answer.json["status"]) == (200, "full")
    assert set((await owners(database)).values()) == {people.anna.partner_id}
    card = await seen(people, "anna", id_)
    assert (card["status"], card["granted"], card["comment"]) == ("full", 2, "Проверено")
    assert all(each["granted_at"] for each in card["serial_numbers"])
    assert await letters(database) == [
        ("boris@example.org", "registers_handed_over"),
        ("anna@example.org", "access_granted"),
    ]
    listed = (await people.api.get("/registers")).json["items"]
    assert [each["serial_number"] for each in listed] == [serial(1), serial(2)]
    await people.api.sign_in("boris")
    assert (await people.api.get(f"/registers/{serial(1)}")).status == 404


async def test_granting_some_registers_is_partial_access(
    people: People, place: Place, database: Database
) -> None:
    for number in (1, 2):
        await place(number, people.boris.partner_id)
    id_ = await asked(people, "anna", [serial(1), serial(2)])
    answer = await decide(people, id_, "grant", serial_numbers=[serial(2)])
    assert answer.json["status"] == "partial"
    boris, anna = people.boris.partner_id, people.anna.partner_id
    assert await owners(database) == {serial(1): boris, serial(2): anna}
    second = await asked(people, "anna", [serial(1)])
    assert (await decide(people, second, "grant")).json["status"] == "full"


async def test_client_register_of_another_partner_makes_access_partial(
    people: People, place: Place
) -> None:
    await place(1, people.boris.partner_id)
    await place(2, people.boris.partner_id)
    id_ = await asked(people, "anna", [serial(1)])
    assert (await decide(people, id_, "grant")).json["status"] == "partial"


async def test_full_and_partial_status_follow_the_clients_registers(
    people: People, place: Place, database: Database
) -> None:
    """Another grant, a claim, and registers that name another owner."""
    for number in (1, 2):
        await place(number, people.boris.partner_id)
    first = await asked(people, "anna", [serial(1)])
    assert (await decide(people, first, "grant")).json["status"] == "partial"
    second = await asked(people, "anna", [serial(2)])
    assert (await decide(people, second, "grant")).json["status"] == "full"
    assert (await seen(people, "anna", first))["status"] == "full"
    listed = (await people.api.get("/access-requests?status=full")).json["items"]
    assert [row["id"] for row in listed] == [second, first]

    async def call(number: int, owner_inn: str) -> str:
        async with database.transaction() as db:
            profile = make_profile(number, owner_inn=owner_inn)
            await Act(db, None, START).announce(ReadingsDiffer((serial(number),)))
            await Act(db, None, START).announce(ProfilesChanged(START, (profile,)))
        return str((await seen(people, "anna", first))["status"])

    assert await call(7, INN) == "partial"
    claim = {"client_inn": INN, "serial_numbers": [serial(7)]}
    assert (await people.api.post("/access-requests/claim", claim)).json["refused"] == []
    assert (await seen(people, "anna", first))["status"] == "full"
    assert await call(8, OTHER_INN) == "full"
    assert await call(8, INN) == "partial"
    assert await call(8, OTHER_INN) == "full"
    async with database.read() as db:
        mine = AuditEntry.what.in_(["access_requests.full", "access_requests.partial"])
        about = AuditEntry.object == f"access_request:{first}"
        asked_for = select(AuditEntry.what).where(mine, about).order_by(AuditEntry.id)
        told = [what.rpartition(".")[2] for what in await db.scalars(asked_for)]
    assert told == ["partial", "partial", "full", "partial", "full", "partial", "full"]


async def test_refusal_moves_no_register_and_gives_the_reason(
    people: People, place: Place, database: Database
) -> None:
    await place(1, people.boris.partner_id, owner_name="Ромашка")
    id_ = await asked(people, "anna", [serial(1)])
    answer = await decide(people, id_, "refuse", reason="no_stamp", comment="Где печать?")
    assert (answer.status, answer.json["status"]) == (200, "refused")
    assert await owners(database) == {serial(1): people.boris.partner_id}
    card = await seen(people, "anna", id_)
    assert (card["reason"], card["comment"]) == ("no_stamp", "Где печать?")
    assert card["reason_text"] == "There is no stamp (not needed for sole traders)"
    assert await letters(database) == [("anna@example.org", "access_refused")]
    async with database.read() as db:
        (params,) = await db.scalars(select(Letter.params))
    assert params["client"] == f"Ромашка (INN {card['client_inn']})"
    assert (await people.send([serial(1)])).status == 201


async def test_a_decision_is_final(people: People, place: Place) -> None:
    await place(1, people.boris.partner_id)
    id_ = await asked(people, "anna", [serial(1)])
    assert (await decide(people, id_, "grant")).status == 200
    for how, body in (("grant", {}), ("refuse", {"reason": "no_stamp"})):
        again = await decide(people, id_, how, **body)
        assert (again.status, again.json["code"]) == (409, "access_request_decided")
    await people.api.sign_in("anna")
    withdrawn = await people.api.post(f"/access-requests/{id_}/withdraw")
    assert (withdrawn.status, withdrawn.json["code"]) == (409, "access_request_decided")


async def test_invalid_decision_changes_nothing(
    people: People, place: Place, database: Database
) -> None:
    await place(1, people.boris.partner_id, "", fiscalised=False)
    await place(2, people.boris.partner_id)
    id_ = await asked(people, "anna", [serial(1)])
    assert (await decide(people, 999, "grant")).status == 404
    assert (await decide(people, 999, "refuse", reason="no_stamp")).status == 404
    assert (await decide(people, id_, "refuse", reason="ugly")).status == 422
    assert (await decide(people, id_, "grant", serial_numbers=[])).status == 422
    other = await decide(people, id_, "grant", serial_numbers=[serial(2)])
    assert (other.status, other.json["code"]) == (422, "not_of_request")
    # The register has called since, and says that it belongs to somebody else.
    async with database.transaction() as db:
        table = Operation.metadata.tables["registers"]
        mine = table.c.serial_number == serial(1)
        await db.execute(table.update().where(mine).values(owner_inn=OTHER_INN))
    answer = await decide(people, id_, "grant")
    assert (answer.status, answer.json["code"]) == (409, "owner_differs_now")
    assert set((await owners(database)).values()) == {people.boris.partner_id}
    assert (await seen(people, "anna", id_))["status"] == "processing"


@ONE_DIALECT
async def test_only_the_support_decides(people: People, place: Place) -> None:
    await place(1, people.boris.partner_id)
    id_ = await asked(people, "anna", [serial(1)])
    for path in ("", f"/{id_}"):
        assert (await people.api.get(f"/support/access-requests{path}")).status == 403
    for how in ("grant", "refuse"):
        answer = await people.api.post(
            f"/support/access-requests/{id_}/{how}", {"reason": "no_stamp"}
        )
        assert answer.status == 403


async def test_transfer_of_registers_updates_the_former_partners_request(
    people: People, place: Place, database: Database
) -> None:
    for number in (1, 2):
        await place(number, people.boris.partner_id)
    first = await asked(people, "anna", [serial(1), serial(2)])
    await decide(people, first, "grant")
    back = await asked(people, "boris", [serial(1)])
    await decide(people, back, "grant")
    assert (await seen(people, "anna", first))["status"] == "partial"
    again = await asked(people, "boris", [serial(2)])
    await decide(people, again, "grant")
    assert (await seen(people, "anna", first))["status"] == "closed"
    assert (await seen(people, "boris", back))["status"] == "full"
    assert (await seen(people, "boris", again))["status"] == "full"


async def test_the_former_partners_operations_are_cancelled(
    people: People, place: Place, database: Database
) -> None:
    serials = [await place(n, people.boris.partner_id, platform="5.0") for n in (1, 2, 3)]
    await people.api.sign_in("boris")
    order = {"type": "settings_download", "serial_numbers": serials}
    ordered = await people.api.post("/operations", {**order, "params": {"settings": ["8"]}})
    assert ordered.status == 202, ordered.json
    waiting, begun, kept = (each["id"] for each in ordered.json["accepted"])
    async with database.transaction() as db:
        mine = update(Operation).where(Operation.id == begun)
        await db.execute(mine.values(status=OperationStatus.RUNNING, step=1, command=b"\x01"))
    await decide(people, await asked(people, "anna", serials[:2]), "grant")
    async with database.read() as db:
        columns = select(Operation.id, Operation.status, Operation.cause)
        rows = await db.execute(columns.add_columns(Operation.cancel_requested))
        found = {id_: tuple(row) for id_, *row in rows}
    assert found[waiting] == (OperationStatus.CANCELLED, "handed_over", False)
    assert found[begun] == (OperationStatus.RUNNING, "created", True)
    assert found[kept] == (OperationStatus.QUEUED, "created", False)


async def test_decision_is_logged_for_both_partners_and_support(
    people: People, place: Place, database: Database
) -> None:
    await place(1, people.boris.partner_id)
    id_ = await asked(people, "anna", [serial(1)])
    await decide(people, id_, "grant")
    async with database.read() as db:
        rows = (await db.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()
    register, request = f"register:{serial(1)}", f"access_request:{id_}"
    told = {(each.partner_id, each.login, each.what, each.object) for each in rows}
    assert told >= {
        (people.anna.partner_id, "", "registers.received", register),
        (people.boris.partner_id, "", "registers.handed_over", register),
        (people.anna.partner_id, "", "access_requests.full", request),
        (people.olga.partner_id, "olga", "access_requests.full", request),
    }
    assert not any(each.login == "olga" for each in rows if each.partner_id == 1)
