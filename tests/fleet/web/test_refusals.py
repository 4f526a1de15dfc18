"""Bad input through real HTTP: a problem document that names the field, and nothing done."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from fleet.accounts.roles import Role
from fleet.admin_api.app import start_api
from fleet.admin_api.endpoints import ENDPOINTS
from fleet.audit.models import AuditEntry
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.validation import PATTERN_REFUSALS
from fleet.operations.types import TYPES
from fleet.registers.models import CashRegister
from tests.fleet.conftest import Answer, Api, Employ, HandClock

SERIAL = "00106900000001"


def is_problem(answer: Answer, status: int, code: str, field: str) -> bool:
    """Whether the answer is a whole problem document about this."""
    assert answer.headers["Content-Type"].startswith("application/problem+json"), answer
    problem = answer.json
    assert set(problem) == {
        "type",
        "title",
        "status",
        "detail",
        "code",
        "field",
        "errors",
        "request_id",
    }
    assert problem["type"] == f"urn:cash-server:problem:{problem['code']}"
    assert problem["status"] == answer.status
    assert problem["title"] and problem["detail"]
    found = (answer.status, problem["code"], problem["field"])
    assert found == (status, code, field), problem
    return True


@pytest.fixture
async def admin(api: Api, employ: Employ) -> Api:
    """An Administrator who has signed in."""
    await employ("admin")
    assert (await api.sign_in("admin")).status == 200
    return api


BODIES: tuple[tuple[Any, str, str], ...] = (
    ({}, "serial_numbers", "missing"),
    ({"serial_numbers": []}, "serial_numbers", "too_few"),
    ({"serial_numbers": SERIAL}, "serial_numbers", "wrong_type"),
    ({"serial_numbers": [1]}, "serial_numbers.0", "wrong_type"),
    ({"serial_numbers": [SERIAL, None]}, "serial_numbers.1", "wrong_type"),
    ({"serial_numbers": [SERIAL] * 501}, "serial_numbers", "too_many"),
    ({"serial_numbers": ["1" * 65]}, "serial_numbers.0", "too_long"),
    ({"serial_numbers": [SERIAL], "extra": 1}, "extra", "unknown_field"),
    ({"serial_numbers": ["\0"]}, "serial_numbers", "not_storable"),
    ({"serial_numbers": [["\0"]]}, "serial_numbers.0", "wrong_type"),
    ([SERIAL], "body", "wrong_type"),
    ("text", "body", "wrong_type"),
)


async def test_a_wrong_body_names_its_field(admin: Api, database: Database) -> None:
    for body, field, code in BODIES:
        answer = await admin.post("/registers/enrol", body)
        assert is_problem(answer, 422, "invalid_input", field)
        assert [(e["field"], e["code"]) for e in answer.json["errors"]][0] == (field, code)
    async with database.read() as db:
        assert await db.scalar(select(func.count()).select_from(CashRegister)) == 0


BROKEN = (
    b"",
    b"{",
    b"null}",
    b'{"serial_numbers": ["\\ud800"]}',
    b'{"serial_numbers": ["\xff"]}',
    b'{"serial_numbers": ' + b"[" * 10_000,
    b'{"serial_numbers": ' + b"9" * 10_000 + b"}",
    '{"serial_numbers": []}'.encode("utf-16"),
)


async def test_broken_json_is_refused(admin: Api) -> None:
    headers = {"Content-Type": "application/json"}
    for data in BROKEN:
        answer = await admin.post("/registers/enrol", data=data, headers=headers)
        assert is_problem(answer, 400, "broken_json", "body")


async def test_a_body_with_a_wrong_content_encoding_is_refused(api: Api) -> None:
    for encoding in ("deflate", "gzip"):
        headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
        with capture_logs() as lines:
            answer = await api.post("/sign-in", data=b"garbage!", headers=headers)
        assert is_problem(answer, 400, "broken_body", "body")
        assert [line["event"] for line in lines] == ["http_request"]


UNREADABLE = (
    b"GET / HTTP/9.x\r\n\r\n",
    b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
    b"POST /api/v1/sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
)


async def test_a_malformed_http_request_gets_a_400_without_a_traceback(
    database: Database, clock: HandClock, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = FleetConfig(data=tmp_path, http="127.0.0.1:0")
    async with AsyncExitStack() as stack:
        port = await start_api(stack, database, clock, config)
        with capture_logs() as lines:
            for request in UNREADABLE:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(request)
                assert (await reader.read()).split()[1] == b"400"
                writer.close()
    assert [line["event"] for line in lines] == ["request_unreadable"] * len(UNREADABLE)
    assert not any("exc_info" in line for line in lines)
    assert "Traceback" not in capfd.readouterr().err


async def test_a_body_that_is_not_json_is_refused(admin: Api) -> None:
    data = json.dumps({"serial_numbers": [SERIAL]}).encode()
    for content_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        headers = {"Content-Type": content_type}
        answer = await admin.post("/registers/enrol", data=data, headers=headers)
        assert is_problem(answer, 415, "not_json", "Content-Type")


async def test_an_oversize_body_is_refused(admin: Api) -> None:
    headers = {"Content-Type": "application/json"}
    for size in (1024 * 1024 + 1, 3 * 1024 * 1024):
        answer = await admin.post("/registers/enrol", data=BytesIO(b" " * size), headers=headers)
        assert is_problem(answer, 413, "too_large", "body")


async def test_a_body_of_one_mebibyte_is_read(admin: Api) -> None:
    whole = json.dumps({"serial_numbers": [SERIAL]}).encode().ljust(1024 * 1024)
    headers = {"Content-Type": "application/json"}
    answer = await admin.post("/registers/enrol", data=BytesIO(whole), headers=headers)
    assert answer.status == 200


QUERIES = (
    ("limit=0", "limit", "too_small"),
    ("limit=501", "limit", "too_great"),
    ("limit=99999999999999999999999999", "limit", "too_great"),
    ("limit=5.5", "limit", "wrong_type"),
    ("limit=", "limit", "wrong_type"),
    ("limit=1&limit=2", "limit", "repeated"),
    ("model=2147483648", "model.0", "too_great"),
    ("model=57,-1", "model.1", "too_small"),
    ("status=dead", "status.0", "wrong_choice"),
    ("platform=3.0", "platform.0", "wrong_choice"),
    ("condition=none", "condition.0", "wrong_choice"),
    ("sort=colour", "sort", "wrong_choice"),
    ("hidden=perhaps", "hidden", "wrong_type"),
    ("q=%00%00%00", "q", "not_storable"),
    ("q=ab", "q", "too_short"),
    ("firmware_version=" + "1" * 33, "firmware_version.0", "too_long"),
    ("colour=red", "colour", "unknown_field"),
)


async def test_an_invalid_filter_is_refused_by_its_name(admin: Api) -> None:
    for query, field, code in QUERIES:
        answer = await admin.get(f"/registers?{query}")
        assert is_problem(answer, 422, "invalid_input", field)
        assert answer.json["errors"][0]["code"] == code


async def test_unusual_search_texts_find_nothing(admin: Api) -> None:
    await admin.post("/registers/enrol", {"serial_numbers": [SERIAL]})
    for q in ("%ed%a0%80", "%ff%ff%ff", "%25%25%25", "___", "'%3B--", "%F0%9F%98%80" * 3):
        answer = await admin.get(f"/registers?q={q}")
        assert (answer.status, answer.json["items"]) == (200, []), q


CURSORS = (
    "x",
    "%FF",
    "eyJ9",
    "bnVsbA",  # null
    "e30",  # {}
    # sort by serial number, but of another value than the number
    "eyJzb3J0Ijoic2VyaWFsX251bWJlciIsInZhbHVlIjoiXHUwMDAwIiwic2VyaWFsX251bWJlciI6IjEifQ",
    "A" * 1000,
)


async def test_an_invalid_cursor_is_refused(admin: Api) -> None:
    await admin.post("/registers/enrol", {"serial_numbers": [SERIAL]})
    for path in ("/registers", "/audit", f"/registers/{SERIAL}/telemetry"):
        for after in CURSORS:
            answer = await admin.get(f"{path}?after={after}")
            assert is_problem(answer, 422, "bad_cursor", "after")


MOMENTS = ("yesterday", "2026-03-02T09:00:00", "2026-03-02", "0001-01-01T00:00:00%2B14:00", "1e300")


async def test_a_wrong_moment_is_refused(admin: Api) -> None:
    for moment in MOMENTS:
        answer = await admin.get(f"/audit?from={moment}")
        assert is_problem(answer, 422, "invalid_input", "from")
        assert answer.json["errors"][0]["code"] == "wrong_moment"


async def test_an_invalid_serial_number_in_the_path_is_refused(admin: Api) -> None:
    for serial in ("1", "0010690000000x", "%D9%A1" * 14, "00106900000001%00"):
        answer = await admin.get(f"/registers/{serial}")
        assert is_problem(answer, 422, "invalid_input", "serial_number")


async def test_a_path_parameter_in_the_query_is_refused(admin: Api) -> None:
    answer = await admin.get(f"/registers/{SERIAL}?serial_number={SERIAL}")
    assert is_problem(answer, 422, "invalid_input", "serial_number")


async def test_unknown_paths_and_methods_get_problem_documents(admin: Api) -> None:
    assert is_problem(await admin.get("/nothing"), 404, "no_such_path", "path")
    answer = await admin.ask("DELETE", "/registers")
    assert is_problem(answer, 405, "method_not_allowed", "method")
    assert answer.headers["Allow"] == "GET"


@pytest.mark.parametrize("path", ["/registers/enrol", "/access-requests/claim"])
async def test_a_fixed_path_is_not_matched_as_a_parameter(admin: Api, path: str) -> None:
    answer = await admin.get(path)
    assert is_problem(answer, 405, "method_not_allowed", "method")
    assert answer.headers["Allow"] == "POST"


async def test_a_request_without_a_valid_token_is_refused(admin: Api) -> None:
    for header in ("", "Bearer", "Bearer ", "Bearer x", "Basic YTpi", "Bearer " + "x" * 4000):
        for path in ("/me", "/registers", f"/registers/{SERIAL}", "/audit"):
            answer = await admin.get(path, headers={"Authorization": header})
            assert is_problem(answer, 401, "not_signed_in", "Authorization")
            assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_an_expired_token_is_refused(admin: Api, clock: HandClock) -> None:
    clock.forward(hours=11, minutes=59)
    assert (await admin.get("/me")).status == 200
    clock.forward(minutes=1)
    assert is_problem(await admin.get("/me"), 401, "not_signed_in", "Authorization")


async def test_a_revoked_token_is_refused(admin: Api) -> None:
    assert (await admin.post("/sign-out")).status == 204
    assert is_problem(await admin.get("/me"), 401, "not_signed_in", "Authorization")


async def test_a_role_without_the_right_is_refused(
    api: Api, employ: Employ, database: Database
) -> None:
    await employ("watcher", Role.OBSERVER)
    await api.sign_in("watcher")
    async with database.read() as db:
        before = await db.scalar(select(func.count()).select_from(AuditEntry))
    for path in ("enrol", "hide", "show", "block", "unblock"):
        answer = await api.post(f"/registers/{path}", {"serial_numbers": [SERIAL]})
        assert is_problem(answer, 403, "no_right", "Authorization")
    answer = await api.get("/audit", headers={"Accept-Language": "ru"})
    assert is_problem(answer, 403, "no_right", "Authorization")
    said = answer.json["detail"]
    assert "У роли «Наблюдатель» нет права «Управление организацией»" in said
    async with database.read() as db:
        assert await db.scalar(select(func.count()).select_from(AuditEntry)) == before
        assert await db.scalar(select(func.count()).select_from(CashRegister)) == 0


async def test_another_partners_register_is_not_found(api: Api, employ: Employ) -> None:
    await employ("anna")
    await employ("boris")
    await api.sign_in("anna")
    await api.post("/registers/enrol", {"serial_numbers": [SERIAL]})
    await api.sign_in("boris")
    for path in (f"/registers/{SERIAL}", f"/registers/{SERIAL}/telemetry"):
        answer = await api.get(path)
        assert is_problem(answer, 404, "register_not_found", "serial_number")
    assert (await api.get("/registers")).json["items"] == []
    answer = await api.post("/registers/block", {"serial_numbers": [SERIAL]})
    assert answer.json["accepted"] == []
    assert answer.json["refused"][0]["reason"] == "register_not_found"
    await api.sign_in("anna")
    assert (await api.get(f"/registers/{SERIAL}")).json["blocked"] is False


async def test_problems_are_in_the_requested_language(api: Api) -> None:
    russian = await api.get("/me", headers={"Accept-Language": "de, ru;q=0.9, en;q=0.8"})
    english = await api.get("/me", headers={"Accept-Language": "ru;q=0.1, en-GB"})
    assert (russian.headers["Content-Language"], russian.json["title"]) == ("ru", "Требуется вход")
    assert (english.headers["Content-Language"], english.json["title"]) == (
        "en",
        "Sign-in required",
    )


def patterns_of(schema: Any) -> Iterator[str]:
    """What texts must match, anywhere inside pydantic's own schema of a model."""
    if isinstance(schema, dict):
        if schema.get("type") == "str" and "pattern" in schema:
            yield schema["pattern"]
        schema = list(schema.values())
    if isinstance(schema, list | tuple):
        for part in schema:
            yield from patterns_of(part)


def test_every_pattern_has_a_sentence_for_people() -> None:
    asked = [model for each in ENDPOINTS for model in (each.query, each.body) if model]
    models = [*asked, *(each.Params for each in TYPES)]
    patterns = {text for model in models for text in patterns_of(model.__pydantic_core_schema__)}
    assert len(patterns) > 10 and patterns - set(PATTERN_REFUSALS) == set()
