"""Signing in over HTTP: tokens, refusals that tell nothing, and the limit of attempts."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from fleet.accounts import passwords, service
from fleet.accounts.models import Employee, SignIn, SignInAttempts
from fleet.accounts.roles import Role
from fleet.accounts.rules import (
    MAX_ADDRESS_ATTEMPTS,
    MAX_LOGIN_ATTEMPTS,
    MAX_LOGIN_ATTEMPTS_ANYWHERE,
)
from fleet.kit.act import Act
from fleet.kit.acts import Acts
from fleet.kit.database import Database
from fleet.kit.errors import DomainError
from tests.fleet.conftest import PASSWORD, Api, Employ, HandClock
from tests.pace import scaled

ADMIN = "admin"


async def test_signing_in_returns_the_employee_and_their_rights(api: Api, employ: Employ) -> None:
    await employ("chief", Role.CHIEF_ENGINEER)
    answer = await api.sign_in(" CHIEF ")
    assert answer.status == 200 and set(answer.json) == {"token", "expires_at", "employee"}
    assert answer.json["expires_at"] == "2026-03-02T21:00:00Z"
    me = (await api.get("/me")).json
    assert me == answer.json["employee"]
    assert (me["login"], me["role"], me["partner"]["name"]) == (
        "chief",
        "chief_engineer",
        "of chief",
    )
    assert "settings" in me["rights"] and "organisation" not in me["rights"]


async def test_neither_token_nor_password_is_stored(
    api: Api, employ: Employ, database: Database
) -> None:
    await employ(ADMIN)
    await api.sign_in(ADMIN)
    async with database.read() as db:
        for table in ("sign_ins", "employees", "audit_entries"):
            rows = str((await db.execute(text(f"SELECT * FROM {table}"))).all())
            assert rows != "[]" and api.token not in rows and PASSWORD not in rows


async def test_every_failed_sign_in_gets_the_same_refusal(
    api: Api, employ: Employ, database: Database
) -> None:
    await employ(ADMIN)
    await employ("gone")
    async with database.transaction() as db:
        await db.execute(update(Employee).where(Employee.login == "gone").values(active=False))
    wrong = await api.sign_in(ADMIN, "wrong password")
    unknown = await api.sign_in("nobody")
    inactive = await api.sign_in("gone")
    for answer in (wrong, unknown, inactive):
        assert (answer.status, answer.json["code"]) == (401, "wrong_credentials")
        del answer.json["request_id"]
    assert wrong.json == unknown.json == inactive.json


@pytest.mark.parametrize("change", [{"password_hash": "another"}, {"active": False}])
async def test_a_change_during_the_password_check_prevents_the_sign_in(
    api: Api,
    employ: Employ,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
) -> None:
    await employ(ADMIN)
    verify = passwords.verify_password

    async def fits(password: str, password_hash: str) -> bool:
        found = await verify(password, password_hash)
        async with database.transaction() as db:
            await db.execute(update(Employee).values(change))
        return found

    monkeypatch.setattr(service, "verify_password", fits)
    answer = await api.sign_in(ADMIN)
    assert (answer.status, answer.json["code"]) == (401, "wrong_credentials")
    async with database.read() as db:
        assert await db.scalar(select(func.count()).select_from(SignIn)) == 0


async def test_a_token_of_a_deactivated_employee_is_refused(
    api: Api, employ: Employ, database: Database
) -> None:
    await employ(ADMIN)
    await api.sign_in(ADMIN)
    async with database.transaction() as db:
        await db.execute(update(Employee).values(active=False))
    assert (await api.get("/me")).status == 401


async def test_signing_out_revokes_this_sign_in_only(api: Api, employ: Employ) -> None:
    await employ(ADMIN)
    await api.sign_in(ADMIN)
    first = api.token
    await api.sign_in(ADMIN)
    await api.post("/sign-out")
    assert (await api.get("/me")).status == 401
    api.token = first
    assert (await api.get("/me")).status == 200


async def test_attempts_at_a_login_are_limited_per_window(
    api: Api, employ: Employ, clock: HandClock
) -> None:
    await employ(ADMIN)
    for _ in range(MAX_LOGIN_ATTEMPTS):
        assert (await api.sign_in(ADMIN, "wrong password")).status == 401
    clock.forward(minutes=5)
    refused = await api.sign_in(ADMIN)
    assert (refused.status, refused.json["code"]) == (429, "too_many_attempts")
    assert refused.headers["Retry-After"] == "600"
    clock.forward(minutes=10)
    assert (await api.sign_in(ADMIN)).status == 200


async def test_a_stranger_cannot_lock_the_login_of_another(
    api: Api, employ: Employ, database: Database, clock: HandClock
) -> None:
    await employ(ADMIN)
    for _ in range(MAX_LOGIN_ATTEMPTS + 1):
        with pytest.raises(DomainError):
            await service.sign_in(Acts(database, clock), ADMIN, "wrong password", "192.0.2.66")
    with pytest.raises(DomainError, match="too_many_attempts"):
        await service.sign_in(Acts(database, clock), ADMIN, PASSWORD, "192.0.2.66")
    assert (await api.sign_in(ADMIN)).status == 200


async def test_attempts_at_a_login_from_all_networks_are_limited(
    api: Api, employ: Employ, database: Database, clock: HandClock
) -> None:
    await employ(ADMIN)
    most, began = MAX_LOGIN_ATTEMPTS_ANYWHERE, clock()
    async with database.transaction() as db:
        db.add(SignInAttempts(counter="login:admin", window_began_at=began, attempts=most - 1))
    assert (await api.sign_in(ADMIN, "wrong password")).status == 401
    assert (await api.sign_in(ADMIN)).status == 429


@pytest.mark.parametrize("login", ["İ" * 64, "a b", "админ", "x"])
async def test_an_impossible_login_is_refused_as_unknown(api: Api, login: str) -> None:
    answer = await api.sign_in(login)
    assert (answer.status, answer.json["code"]) == (401, "wrong_credentials")


async def test_simultaneous_attempts_cannot_exceed_the_limit(api: Api, employ: Employ) -> None:
    await employ(ADMIN)
    body = {"login": ADMIN, "password": "wrong password"}
    tries = [api.post("/sign-in", body) for _ in range(2 * MAX_LOGIN_ATTEMPTS)]
    answers = await asyncio.wait_for(asyncio.gather(*tries), scaled(50))
    statuses = [answer.status for answer in answers]
    assert statuses.count(401) == MAX_LOGIN_ATTEMPTS == statuses.count(429)


async def test_attempts_at_many_logins_from_one_address_are_limited(
    api: Api, employ: Employ, database: Database
) -> None:
    await employ(ADMIN)
    async with database.transaction() as db:
        db.add(
            SignInAttempts(
                counter="address:127.0.0.1",
                window_began_at=(await db.scalars(select(Employee.created_at))).one(),
                attempts=MAX_ADDRESS_ATTEMPTS - 1,
            )
        )
    assert (await api.sign_in("login-1")).status == 401
    assert (await api.sign_in("login-2")).status == 429


async def test_a_successful_sign_in_resets_the_counter(
    api: Api, employ: Employ, database: Database
) -> None:
    await employ(ADMIN)
    for _ in range(3):
        for _ in range(MAX_LOGIN_ATTEMPTS - 1):
            await api.sign_in(ADMIN, "wrong password")
        assert (await api.sign_in(ADMIN)).status == 200
    async with database.read() as db:
        rows = (await db.execute(select(SignInAttempts.counter, SignInAttempts.attempts))).all()
    failures = 3 * (MAX_LOGIN_ATTEMPTS - 1)
    assert {tuple(row) for row in rows} == {
        ("address:127.0.0.1", failures),
        ("login:admin", failures),
    }


async def test_expired_sign_ins_and_counters_are_deleted(
    api: Api, employ: Employ, database: Database, clock: HandClock
) -> None:
    await employ(ADMIN)
    await api.sign_in(ADMIN)
    await api.sign_in(ADMIN, "wrong password")
    async with database.transaction() as db:
        assert await service.delete_expired_sign_ins(Act(db, None, clock())) == 0
    clock.forward(hours=12)
    async with database.transaction() as db:
        assert await service.delete_expired_sign_ins(Act(db, None, clock())) == 4
        assert await db.scalar(select(func.count()).select_from(SignIn)) == 0
