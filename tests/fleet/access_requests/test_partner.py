"""The partner's side through the API: taking registers, files, requests."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import func, select, update

from fleet.access_requests.models import ConsentFile
from fleet.access_requests.recognition import MAX_FILE_BYTES
from fleet.access_requests.service import delete_expired_files
from fleet.accounts.models import Employee
from fleet.accounts.roles import Role
from fleet.audit.models import AuditEntry
from fleet.kit.act import Act
from fleet.kit.database import Database
from fleet.web.dispatch import MAX_OWN_UPLOADS
from tests.fleet.access_requests.conftest import INN, OTHER_INN, People, Place, owners, serial
from tests.fleet.access_requests.documents import DOCX, EXECUTABLE, PDF
from tests.fleet.conftest import Employ, HandClock
from tests.pace import scaled

ONE_DIALECT = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what the databases have no part in."""


def numbers(listed: Any) -> list[str]:
    return [each["serial_number"] for each in listed]


async def test_each_register_of_a_claim_gets_its_verdict(
    people: People, place: Place, database: Database
) -> None:
    anna, boris = people.anna.partner_id, people.boris.partner_id
    await place(1, None)
    await place(2, boris)
    await place(3, boris, OTHER_INN)
    await place(4, anna)
    await place(5, None, "", fiscalised=False)
    await place(6, None, "")
    typed = [serial(n) for n in range(1, 8)] + [serial(1), "123", ""]
    answer = await people.api.post(
        "/access-requests/claim", {"client_inn": INN, "serial_numbers": typed}
    )
    assert answer.status == 200
    assert numbers(answer.json["added"]) == [serial(1), serial(5), serial(7)]
    assert numbers(answer.json["by_request"]) == [serial(2), serial(6)]
    refused = {(each["serial_number"], each["reason"]) for each in answer.json["refused"]}
    assert refused == {
        (serial(3), "owner_differs"),
        (serial(4), "already_yours"),
        (serial(1), "serial_number_repeated"),
        ("123", "serial_number_unfit"),
        ("", "serial_number_unfit"),
    }
    found = await owners(database)
    assert [found[serial(n)] for n in range(1, 8)] == [anna, boris, boris, anna, anna, None, anna]


async def test_inn_with_wrong_check_digits_is_accepted_if_a_register_reports_it(
    people: People, place: Place
) -> None:
    on_trial = "1234567890"
    await place(1, None, on_trial)
    await place(2, people.boris.partner_id, on_trial)
    body = {"client_inn": on_trial, "serial_numbers": [serial(3)]}
    refused = await people.api.post("/access-requests/claim", body)
    assert (refused.status, refused.json["code"]) == (422, "wrong_inn")
    assert refused.json["field"] == "client_inn"
    sent = await people.send([serial(1), serial(2)], on_trial)
    assert sent.status == 201, sent.json
    assert (numbers(sent.json["added"]), numbers(sent.json["by_request"])) == (
        [serial(1)],
        [serial(2)],
    )
    listed = await people.api.get(f"/access-requests?client_inn={on_trial}")
    assert len(listed.json["items"]) == 1


async def test_claim_from_a_file_gives_a_verdict_per_line(people: People, place: Place) -> None:
    await place(1, None)
    await place(2, people.boris.partner_id)
    content = f"{serial(1)}\r\n\r\n{serial(2)};{serial(1)}\r\nкасса".encode("cp1251")
    headers = {"Content-Type": "application/octet-stream"}
    path = f"/access-requests/claim/file?client_inn={INN}"
    answer = await people.api.post(path, data=content, headers=headers)
    assert answer.json["added"] == [{"serial_number": serial(1), "line": 1}]
    assert answer.json["by_request"] == [{"serial_number": serial(2), "line": 3}]
    refused = [(each["line"], each["reason"]) for each in answer.json["refused"]]
    assert refused == [(3, "serial_number_repeated"), (4, "serial_number_unfit")]
    many = "\n".join(serial(number) for number in range(501)).encode()
    answer = await people.api.post(path, data=many, headers=headers)
    assert (answer.status, answer.json["code"]) == (422, "too_many_serial_numbers")


async def test_request_from_a_file_gives_a_verdict_per_line(people: People, place: Place) -> None:
    await place(1, None)
    await place(2, people.boris.partner_id)
    ids = [(await people.upload(name)).json["id"] for name in ("1.pdf", "2.pdf")]
    headers = {"Content-Type": "application/octet-stream"}
    said = f"client_inn={INN}&consent_date=2026-02-20&files="
    content = f"{serial(1)}\r\n{serial(2)}\r\nкасса".encode()
    for files, code in (("", "wrong_type"), ("1,1", "repeated_value"), ("1,2,3,4,5,6", "too_many")):
        wrong = await people.api.post(
            f"/access-requests/file?{said}{files}", data=content, headers=headers
        )
        assert (wrong.status, wrong.json["field"].partition(".")[0]) == (422, "files")
        assert wrong.json["errors"][0]["code"] == code
    answer = await people.api.post(
        f"/access-requests/file?{said}{ids[0]},{ids[1]}", data=content, headers=headers
    )
    assert answer.status == 201, answer.json
    assert answer.json["added"] == [{"serial_number": serial(1), "line": 1}]
    assert answer.json["by_request"] == [{"serial_number": serial(2), "line": 2}]
    assert [each["line"] for each in answer.json["refused"]] == [3]
    request = answer.json["request"]
    assert numbers(request["serial_numbers"]) == [serial(2)]
    assert [file["id"] for file in request["files"]] == ids


async def test_sent_request_has_its_files_and_is_processing(people: People, place: Place) -> None:
    await place(1, people.boris.partner_id)
    await place(2, None)
    first = (await people.upload("Согласие.docx", DOCX)).json
    second = (await people.upload("page 2.pdf")).json
    answer = await people.send([serial(1), serial(2)], files=[first["id"], second["id"]])
    assert answer.status == 201, answer.json
    assert numbers(answer.json["added"]) == [serial(2)]
    request = answer.json["request"]
    assert (request["status"], request["registers"], request["granted"]) == ("processing", 1, 0)
    assert request["serial_numbers"] == [{"serial_number": serial(1), "granted_at": None}]
    assert [(file["name"], file["kind"]) for file in request["files"]] == [
        ("Согласие.docx", "docx"),
        ("page 2.pdf", "pdf"),
    ]
    shown = await people.api.get(f"/access-requests/{request['id']}")
    assert shown.json == request
    listed = (await people.api.get("/access-requests?status=processing")).json
    assert [each["id"] for each in listed["items"]] == [request["id"]]
    assert (await people.api.get("/access-requests?status=full")).json["items"] == []


async def test_one_request_for_a_client_is_open_at_a_time(people: People, place: Place) -> None:
    for number, inn in ((1, INN), (2, INN), (3, OTHER_INN)):
        await place(number, people.boris.partner_id, inn)
    first = (await people.send([serial(1)])).json["request"]["id"]
    again = await people.send([serial(2)])
    assert (again.status, again.json["code"]) == (409, "access_request_open")
    assert (await people.send([serial(3)], OTHER_INN)).status == 201
    for _ in range(2):
        assert (await people.api.post(f"/access-requests/{first}/withdraw")).status == 204
    assert (await people.api.get(f"/access-requests/{first}")).json["status"] == "withdrawn"
    assert (await people.send([serial(2)])).status == 201


@ONE_DIALECT
async def test_file_name_with_a_path_is_refused_with_an_explanation(people: People) -> None:
    for name in ("../consent.pdf", "a\\b.pdf", "a\r\nb.pdf"):
        refused = await people.upload(name)
        assert (refused.status, refused.json["field"]) == (422, "name")
        assert "must be a file name without a path" in refused.json["detail"]


async def test_request_is_refused_if_no_register_needs_it(
    people: People, place: Place, database: Database
) -> None:
    await place(1, None)
    answer = await people.send([serial(1)])
    assert (answer.status, answer.json["code"]) == (409, "nothing_to_request")
    assert (await owners(database))[serial(1)] is None


BODIES: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"client_inn": "123"}, "client_inn", "wrong_pattern"),
    ({"serial_numbers": [serial(1)] * 501}, "serial_numbers", "too_many"),
    ({"serial_numbers": []}, "serial_numbers", "too_few"),
    ({"consent_date": "yesterday"}, "consent_date", "wrong_date"),
    ({"consent_date": "1026-03-01"}, "consent_date", "wrong_date"),
    ({"files": []}, "files", "too_few"),
    ({"files": [1, 2, 3, 4, 5, 6]}, "files", "too_many"),
    ({"files": [1, 1]}, "files", "repeated_value"),
)


@ONE_DIALECT
async def test_error_of_a_request_names_its_field(people: People, place: Place) -> None:
    await place(1, people.boris.partner_id)
    for wrong, field, code in BODIES:
        answer = await people.send([serial(1)], **wrong)
        assert (answer.status, answer.json["field"]) == (422, field), wrong
        assert answer.json["errors"][0]["code"] == code
    for day, code in (("2026-01-30", "consent_too_old"), ("2026-03-04", "consent_in_the_future")):
        answer = await people.send([serial(1)], consent_date=day)
        found = (answer.status, answer.json["field"], answer.json["code"])
        assert found == (422, "consent_date", code)
    assert (await people.api.get("/access-requests")).json["items"] == []


async def test_a_file_serves_one_request_of_its_partner(people: People, place: Place) -> None:
    for number, inn in ((1, INN), (2, OTHER_INN)):
        await place(number, people.boris.partner_id, inn)
    file = (await people.upload()).json["id"]
    assert (await people.send([serial(1)], files=[file])).status == 201
    again = await people.send([serial(2)], OTHER_INN, files=[file])
    assert (again.status, again.json["code"]) == (422, "consent_file_unavailable")
    gone = await people.api.ask("DELETE", f"/consent-files/{file}")
    assert (gone.status, gone.json["code"]) == (409, "consent_file_sent")
    await people.api.sign_in("boris")
    await place(3, people.anna.partner_id)
    taken = await people.send([serial(3)], files=[file])
    assert (taken.status, taken.json["code"]) == (422, "consent_file_unavailable")
    assert (await people.api.get(f"/consent-files/{file}")).status == 404
    assert (await people.api.ask("DELETE", f"/consent-files/{file}")).status == 404


async def test_file_is_returned_unchanged_as_a_download(people: People) -> None:
    sent = (await people.upload('"><script>.pdf', PDF)).json
    assert (sent["name"], sent["size"]) == ('"><script>.pdf', len(PDF))
    headers = {"Authorization": f"Bearer {people.api.token}"}
    path = f"/api/v1/consent-files/{sent['id']}"
    async with people.api.client.get(path, headers=headers) as response:
        assert await response.read() == PDF
        name = f'attachment; filename="consent-{sent["id"]}.pdf"'
        assert response.headers["Content-Disposition"] == name
        assert response.headers["Content-Type"] == "application/pdf"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
    assert (await people.api.ask("DELETE", f"/consent-files/{sent['id']}")).status == 204
    assert (await people.api.get(f"/consent-files/{sent['id']}")).status == 404


@ONE_DIALECT
async def test_file_of_another_kind_is_not_stored(people: People, database: Database) -> None:
    for name, content, status, code in (
        ("consent.pdf", EXECUTABLE, 422, "file_content_unfit"),
        ("consent.pdf", b"", 422, "file_empty"),
        ("consent.exe", PDF, 422, "file_type_unfit"),
        ("../consent.pdf", PDF, 422, "invalid_input"),
        ("consent.pdf", PDF[:9] + bytes(MAX_FILE_BYTES) + PDF[9:], 413, "file_too_large"),
    ):
        answer = await people.upload(name, content)
        assert (answer.status, answer.json["code"]) == (status, code)
    whole = PDF[:9] + bytes(MAX_FILE_BYTES - len(PDF)) + PDF[9:]
    assert (await people.upload("largest.pdf", whole)).status == 201
    json = await people.api.post("/consent-files?name=a.pdf", {"content": "x"})
    assert (json.status, json.json["code"]) == (415, "not_a_file")
    async with database.read() as db:
        assert await db.scalar(select(func.count()).select_from(ConsentFile)) == 1


@ONE_DIALECT
async def test_an_upload_of_200_megabytes_is_refused_before_it_is_read(people: People) -> None:
    server = people.api.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    head = (
        f"POST /api/v1/consent-files?name=a.pdf HTTP/1.1\r\nHost: {server.host}\r\n"
        f"Authorization: Bearer {people.api.token}\r\nAccept-Language: en\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {200 * 1024 * 1024}\r\n\r\n"
    )
    writer.write(head.encode() + PDF)
    answer = await asyncio.wait_for(reader.readuntil(b"}"), scaled(5))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"file_too_large"' in answer
    writer.close()
    await writer.wait_closed()


@ONE_DIALECT
async def test_simultaneous_uploads_are_limited(people: People) -> None:
    hold = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield PDF[:5]
        await hold.wait()
        yield PDF[5:]

    headers = {"Content-Type": "application/octet-stream"}
    path = "/consent-files?name=a.pdf"
    sent = [
        asyncio.create_task(people.api.post(path, data=slow(), headers=headers))
        for _ in range(MAX_OWN_UPLOADS + 1)
    ]
    done, kept = await asyncio.wait(sent, timeout=scaled(10), return_when=asyncio.FIRST_COMPLETED)
    assert [(each.result().status, each.result().json["code"]) for each in done] == [
        (429, "too_many_files")
    ]
    hold.set()
    assert {answer.status for answer in await asyncio.gather(*kept)} == {201}
    assert (await people.upload()).status == 201


async def test_unsent_files_are_limited_and_expire(
    people: People, place: Place, database: Database, clock: HandClock
) -> None:
    await place(1, people.boris.partner_id)
    assert (await people.send([serial(1)])).status == 201
    for _ in range(20):
        assert (await people.upload()).status == 201
    answer = await people.upload()
    assert (answer.status, answer.json["code"]) == (409, "too_many_files_waiting")
    waiting = (await people.api.get("/consent-files")).json["items"]
    assert [each["id"] for each in waiting] == list(range(2, 22))
    await people.api.sign_in("boris")
    assert (await people.api.get("/consent-files")).json["items"] == []
    clock.forward(hours=23)
    async with database.transaction() as db:
        assert await delete_expired_files(Act(db, None, clock()), 500) == 0
    clock.forward(hours=1)
    async with database.transaction() as db:
        assert await delete_expired_files(Act(db, None, clock()), 500) == 20
        assert await db.scalar(select(func.count()).select_from(ConsentFile)) == 1


@ONE_DIALECT
async def test_another_partners_request_is_not_found(people: People, place: Place) -> None:
    await place(1, people.boris.partner_id)
    id_ = (await people.send([serial(1)])).json["request"]["id"]
    await people.api.sign_in("boris")
    assert (await people.api.get(f"/access-requests/{id_}")).status == 404
    assert (await people.api.post(f"/access-requests/{id_}/withdraw")).status == 404
    assert (await people.api.get("/access-requests")).json["items"] == []


async def test_limited_employee_sees_own_requests_and_the_granted_registers(
    people: People, place: Place, employ: Employ, database: Database
) -> None:
    free, taken = await place(1, None), await place(2, people.boris.partner_id)
    await place(3, people.boris.partner_id, OTHER_INN)
    others = (await people.send([serial(3)], OTHER_INN)).json["request"]
    (file,) = others["files"]
    waiting = (await people.upload()).json["id"]
    vera = await employ("vera", Role.ENGINEER, people.anna.partner_id)
    async with database.transaction() as db:
        await db.execute(
            update(Employee).where(Employee.id == vera.employee_id).values(limited=True)
        )
    await people.api.sign_in("vera")
    assert (await people.api.get("/access-requests")).json["items"] == []
    for path in (f"/access-requests/{others['id']}", f"/consent-files/{file['id']}"):
        assert (await people.api.get(path)).status == 404
    assert (await people.api.post(f"/access-requests/{others['id']}/withdraw")).status == 404
    assert (await people.api.ask("DELETE", f"/consent-files/{waiting}")).status == 404
    stolen = await people.send([taken], files=[waiting])
    assert (stolen.status, stolen.json["code"]) == (422, "consent_file_unavailable")

    sent = await people.send([free, taken])
    assert [each["serial_number"] for each in sent.json["added"]] == [free]
    assert (await people.api.get(f"/registers/{free}")).status == 200
    theirs, unseen = await place(7, people.boris.partner_id), await place(8, people.anna.partner_id)
    both = {"serial_numbers": [theirs, unseen]}
    claimed = await people.api.post("/access-requests/claim", {"client_inn": INN, **both})
    assert numbers(claimed.json["by_request"]) == [theirs, unseen]
    enrolled = await people.api.post("/registers/enrol", both)
    assert [each["reason"] for each in enrolled.json["refused"]] == ["out_of_sight"] * 2
    vera_token = people.api.token
    await people.api.sign_in("olga")
    granted = await people.api.post(
        f"/support/access-requests/{sent.json['request']['id']}/grant", {}
    )
    assert granted.status == 200
    people.api.token = vera_token
    assert (await people.api.get(f"/registers/{taken}")).status == 200
    (row,) = (await people.api.get("/access-requests")).json["items"]
    assert row["id"] == sent.json["request"]["id"]


@ONE_DIALECT
async def test_requesting_access_needs_the_right(people: People, employ: Employ) -> None:
    for role in (Role.OBSERVER, Role.MANAGER, Role.SUPPORT_OPERATOR):
        await employ(role, role)
        await people.api.sign_in(role)
        body = {"client_inn": INN, "serial_numbers": [serial(1)]}
        assert (await people.api.post("/access-requests/claim", body)).status == 403
        assert (await people.upload()).status == 403
        assert (await people.api.get("/access-requests")).status == 403
        assert (await people.api.get("/consent-form")).status == 403


@ONE_DIALECT
async def test_the_consent_form_is_filled_in(people: People) -> None:
    headers = {"Authorization": f"Bearer {people.api.token}"}
    query = f"?client_inn={INN}&client_name=Ёлочка"
    async with people.api.client.get(f"/api/v1/consent-form{query}", headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/pdf"
        assert response.headers["Content-Disposition"] == 'attachment; filename="consent.pdf"'
        assert (await response.read()).startswith(b"%PDF-")
    assert (await people.api.get("/consent-form?client_inn=1234567890")).status == 422


async def test_every_step_is_logged(people: People, place: Place, database: Database) -> None:
    await place(1, people.boris.partner_id)
    await place(2, None)
    id_ = (await people.send([serial(1), serial(2)])).json["request"]["id"]
    await people.api.post(f"/access-requests/{id_}/withdraw")
    async with database.read() as db:
        mine = AuditEntry.what.startswith("access_requests.")
        logged = select(AuditEntry.what, AuditEntry.object).where(mine)
        rows = await db.execute(logged.order_by(AuditEntry.id))
        assert [tuple(row) for row in rows] == [
            ("access_requests.file_attached", "consent_file:1"),
            ("access_requests.claimed", f"register:{serial(2)}"),
            ("access_requests.sent", f"access_request:{id_}"),
            ("access_requests.withdrawn", f"access_request:{id_}"),
        ]
