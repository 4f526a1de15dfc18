"""What tests of the fleet stand on: a database of each dialect, a clock, people."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from yarl import URL

from fleet.accounts import creation as founding
from fleet.accounts import passwords
from fleet.accounts import service as accounts
from fleet.accounts.roles import Role
from fleet.admin_api.app import build_app
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.service import grant
from tests.servers import load

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PASSWORD = "correct horse"


def pytest_configure(config: pytest.Config) -> None:
    load(config, "postgresql", "schema", "mosquitto")


class HandClock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **step: float) -> None:
        self.now += timedelta(**step)


Employ = Callable[..., Awaitable[Actor]]


@pytest.fixture(autouse=True, scope="session")
def cheap_hashes() -> Iterator[None]:
    """Argon2 as ever, only with the least work: most tests sign in, few are about hashing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(1, 8, 1))
        yield


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with the whole schema and no reactions."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def employ(database: Database, clock: HandClock) -> Employ:
    """Makes a partner (or joins one) and an employee: ``await employ("anna", Role.ENGINEER)``."""

    async def employ(
        login: str, role: Role = Role.ADMINISTRATOR, partner_id: int | None = None
    ) -> Actor:
        async with database.transaction() as db:
            if partner_id is None:
                partner_id = (
                    await founding.create_partner(Act(db, None, clock()), f"of {login}")
                ).id
                await grant(Act(db, None, clock()), partner_id, Entitlement)
            employee = await founding.create_employee(
                Act(db, None, clock()),
                partner_id=partner_id,
                login=login,
                full_name=login.title(),
                role=role,
                password=PASSWORD,
            )
            return accounts.to_actor(employee, sign_in_id=0, address="192.0.2.1")

    return employ


@dataclass(frozen=True)
class Answer:
    """An HTTP answer with its JSON read."""

    status: int
    headers: Mapping[str, str]
    json: Any


class Api:
    """A person at the admin API: real HTTP over the loopback."""

    def __init__(self, client: TestClient[web.Request, web.Application]) -> None:
        self.client = client
        self.token = ""

    async def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Answer:
        """``path`` begins after ``/api/v1``; ``more`` is for aiohttp (``json``, ``data``…)."""
        sent = {"Accept-Language": "en", **(headers or {})}
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        url = URL(f"/api/v1{path}", encoded=True)
        async with self.client.request(method, url, headers=sent, **more) as response:
            text = await response.text()
            found = json.loads(text) if text else None
            return Answer(response.status, response.headers, found)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, body: object = None, **more: Any) -> Answer:
        if body is not None:
            more["json"] = body
        return await self.ask("POST", path, **more)

    async def sign_in(self, login: str, password: str = PASSWORD) -> Answer:
        """Signs in and keeps the token for what follows."""
        self.token = ""
        answer = await self.post("/sign-in", {"login": login, "password": password})
        if answer.status == 200:
            self.token = answer.json["token"]
        return answer


@pytest.fixture
async def api(database: Database, clock: HandClock, tmp_path: Path) -> AsyncIterator[Api]:
    """The admin API over ``database``, nobody signed in yet."""
    app = build_app(database, clock, config=FleetConfig(data=tmp_path / "data"))
    async with TestClient(TestServer(app)) as client:
        yield Api(client)
