"""The application around the endpoints: documents, probes, headers, trouble of our own."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import BaseModel
from sqlalchemy import select, text
from structlog.testing import capture_logs

from fleet.accounts.models import Partner, SignInAttempts
from fleet.accounts.roles import Right
from fleet.admin_api.app import build_app
from fleet.admin_api.endpoints import ENDPOINTS
from fleet.admin_api.openapi import build_document
from fleet.audit.models import AuditEntry
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.http import FILES, Call, endpoint
from fleet.kit.input import Nothing
from fleet.web import dispatch as edge
from tests.fleet.conftest import PASSWORD, START, Api, Employ, HandClock


class Done(BaseModel):
    done: bool = True


@endpoint("POST", "/fail", public=True)
async def fail(call: Call[Nothing, None]) -> Done:
    """Write, then break."""
    call.db.add(Partner(name="half done", created_at=START))
    await call.db.flush()
    raise LookupError("secret detail")


@endpoint("GET", "/hang", public=True)
async def hang(call: Call[Nothing, None]) -> Done:
    """Never answer."""
    await asyncio.Event().wait()
    return Done()


@endpoint("GET", "/lose-database", public=True)
async def lose_database(call: Call[Nothing, None]) -> Done:
    """Ask what the database cannot answer now."""
    raise ConnectionRefusedError


@pytest.fixture
async def odd(database: Database, clock: HandClock) -> AsyncIterator[Api]:
    app = build_app(database, clock, endpoints=(fail, hang, lose_database))
    async with TestClient(TestServer(app)) as client:
        yield Api(client)


async def test_clients_behind_a_trusted_proxy_keep_their_addresses(
    database: Database, clock: HandClock, employ: Employ
) -> None:
    """In the audit log, in the line of the log, and for the limits of attempts."""
    await employ("anna")
    spoofed = {"X-Forwarded-For": "8.8.8.8, 198.51.100.1"}
    for trusted, seen in (("127.0.0.0/8", "198.51.100.1"), ("10.0.0.0/8", "127.0.0.1")):
        app = build_app(database, clock, config=FleetConfig(trusted_proxies=trusted))
        async with TestClient(TestServer(app)) as client:
            with capture_logs() as lines:
                body = {"login": "anna", "password": PASSWORD}
                await Api(client).post("/sign-in", body, headers=spoofed)
        assert lines[-1]["address"] == seen
        async with database.read() as db:
            entries = await db.scalars(select(AuditEntry.address).order_by(AuditEntry.id))
            assert list(entries)[-1] == seen
            counters = await db.scalars(select(SignInAttempts.counter))
            assert f"address:{seen}" in list(counters)


async def test_an_internal_error_rolls_back_and_reveals_nothing(
    odd: Api, database: Database
) -> None:
    with capture_logs() as lines:
        answer = await odd.post("/fail", headers={"X-Request-Id": "call-7"})
    assert (answer.status, answer.json["code"]) == (500, "our_mistake")
    assert "call-7" in answer.json["detail"] and "secret detail" not in json.dumps(answer.json)
    assert [line["event"] for line in lines] == ["request_failed", "http_request"]
    async with database.read() as db:
        assert await db.scalar(text("SELECT count(*) FROM partners")) == 0


async def test_a_hanging_handler_is_cancelled(odd: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "REQUEST_TIMEOUT_S", 0.05)
    answer = await odd.get("/hang")
    assert (answer.status, answer.json["code"]) == (503, "busy")
    assert answer.headers["Retry-After"] == "5"


async def test_a_lost_database_is_a_temporary_error(odd: Api) -> None:
    assert (await odd.get("/lose-database")).status == 503


@endpoint("POST", "/told", right=Right.ORGANISATION)
async def tell(call: Call[Nothing, None]) -> None:
    """Do what takes more than one line of the source to be told in the words of people, and
    more of them.

    Not by an API
    token.
    """


def test_the_document_contains_the_whole_docstring_of_an_endpoint() -> None:
    (told,) = build_document((tell,))["paths"]["/api/v1/told"].values()
    assert told["summary"] == (
        "Do what takes more than one line of the source to be told in the words of people, and "
        "more of them"
    )
    assert told["description"] == "Not by an API token. Needs the right `organisation`."
    (plain,) = build_document((fail,))["paths"]["/api/v1/fail"].values()
    assert plain["summary"] == "Write, then break" and "description" not in plain


async def test_the_document_describes_every_endpoint(api: Api) -> None:
    document = (await api.get("/openapi.json")).json
    assert document["openapi"] == "3.1.0"
    described = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert described == {(each.method, f"/api/v1{each.path}") for each in ENDPOINTS}


def test_the_document_is_consistent() -> None:
    """References lead somewhere, path parameters are declared, names are told apart."""
    document = build_document(ENDPOINTS)
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references <= set(document["components"]["schemas"])
    names = []
    for path, operations in document["paths"].items():
        for operation in operations.values():
            names.append(operation["operationId"])
            declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))
            assert operation["summary"]
    assert len(names) == len(set(names))


def test_the_document_lists_the_media_types_of_files() -> None:
    named = {each.name: each.files for each in ENDPOINTS if each.reply in FILES}
    assert named["download_registers"] == ("text/csv",) and all(named.values())
    paths = build_document(ENDPOINTS)["paths"]
    answer = paths["/api/v1/consent-form"]["get"]["responses"]["200"]
    assert list(answer["content"]) == ["application/pdf"]


@pytest.mark.parametrize(
    ("model", "field", "said"),
    [
        ("NewStartTime", "scheduled_local", {"format": "date-time-local"}),
        ("NewStartTime", "scheduled_for", {"format": "date-time", "pattern": "^20[0-9]{2}-"}),
        ("RequestBody", "consent_date", {"format": "date", "pattern": "^20[0-9]{2}-"}),
        ("RequestBody", "files", {"uniqueItems": True}),
        ("ClientBody", "emails", {"uniqueItems": True}),
        ("RegisterListViewBody", "columns", {"uniqueItems": True}),
        ("PasswordByLink", "password", {"minLength": 8, "maxLength": 128}),
        ("PasswordChange", "new_password", {"minLength": 8, "maxLength": 128}),
        ("PasswordChange", "password", {"minLength": 1, "maxLength": 128}),
    ],
)
def test_the_document_describes_the_formats_that_validators_check(
    model: str, field: str, said: dict[str, object]
) -> None:
    schema = build_document(ENDPOINTS)["components"]["schemas"][model]["properties"][field]
    one = schema.get("anyOf", [schema])[0]
    assert {name: one.get(name) for name in said} == said


def test_a_parameter_with_several_values_is_a_comma_separated_array_without_null() -> None:
    shown = build_document(ENDPOINTS)["paths"]["/api/v1/registers"]["get"]["parameters"]
    model = next(each for each in shown if each["name"] == "model")
    assert (model["style"], model["explode"]) == ("form", False)
    assert {"type": "array", "minItems": 1, "maxItems": 50}.items() <= model["schema"].items()
    assert "null" not in json.dumps(shown)


async def test_the_documentation_page_loads_nothing_from_other_servers(api: Api) -> None:
    async with api.client.get("/api/docs") as page:
        html = await page.text()
        assert page.status == 200 and "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "//" not in re.sub(r"<!DOCTYPE[^>]*>", "", html)
    for asset in re.findall(r'(?:src|href)="([^"]+)"', html):
        async with api.client.get(f"/api/{asset}") as found:
            assert found.status == 200 and await found.read()


async def test_the_probes_answer(api: Api) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        async with api.client.get(path) as response:
            assert response.status == 200, path
    async with api.client.get("/metrics") as response:
        assert response.content_type == "text/plain"
        assert "python_info" in await response.text()


async def test_the_server_is_not_ready_without_a_database(
    clock: HandClock, closed_port: int
) -> None:
    database = Database(f"postgresql+asyncpg://postgres@127.0.0.1:{closed_port}/fleet")
    async with TestClient(TestServer(build_app(database, clock))) as client:
        async with client.get("/readyz") as response:
            assert response.status == 503
        async with client.get("/healthz") as response:
            assert response.status == 200
        async with client.get("/api/v1/me", headers={"Authorization": "Bearer x"}) as response:
            assert (response.status, (await response.json())["code"]) == (503, "busy")
    await database.close()


async def test_every_response_has_a_request_number_and_security_headers(api: Api) -> None:
    for path in ("/me", "/openapi.json", "/nothing"):
        headers = (await api.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Server"] == "cash-server"
        assert re.fullmatch(r"[0-9a-f]{16}", headers["X-Request-Id"])
    kept = await api.get("/me", headers={"X-Request-Id": "from-proxy_1"})
    assert kept.headers["X-Request-Id"] == kept.json["request_id"] == "from-proxy_1"
    forged = await api.get("/me", headers={"X-Request-Id": "a b"})
    assert forged.headers["X-Request-Id"] != "a b"


async def test_a_log_line_names_the_route_and_contains_no_secret(api: Api, employ: Employ) -> None:
    await employ("admin")
    with capture_logs() as lines:
        await api.sign_in("admin")
        await api.get("/registers?q=secret-text")
        await api.sign_in("admin", "wrong password")
    paths = [(line["path"], line["status"]) for line in lines if line["event"] == "http_request"]
    assert paths == [("/api/v1/sign-in", 200), ("/api/v1/registers", 200), ("/api/v1/sign-in", 401)]
    written = json.dumps(lines)
    assert not any(text in written for text in (PASSWORD, "wrong password", "secret-text"))
