"""Adding employees, and the first start."""

import pytest
from sqlalchemy import func, select

from fleet.accounts import service
from fleet.accounts.models import Employee, Partner
from fleet.accounts.roles import Role
from fleet.kit.database import Database
from fleet.kit.errors import DomainError
from tests.fleet.conftest import Api, Employ, HandClock


async def bootstrap(
    database: Database, clock: HandClock, password: str, overwrite: bool = False
) -> None:
    async with database.transaction() as db:
        await service.bootstrap(db, "admin", password, clock(), overwrite=overwrite)


async def test_the_first_start_makes_one_administrator(
    api: Api, database: Database, clock: HandClock
) -> None:
    for _ in range(2):
        await bootstrap(database, clock, "first password")
    answer = await api.sign_in("admin", "first password")
    assert (answer.status, answer.json["employee"]["role"]) == (200, "administrator")
    async with database.read() as db:
        assert await db.scalar(select(func.count()).select_from(Partner)) == 1
        assert await db.scalar(select(func.count()).select_from(Employee)) == 1


async def test_a_later_start_keeps_the_password(
    api: Api, database: Database, clock: HandClock
) -> None:
    await bootstrap(database, clock, "first password")
    await bootstrap(database, clock, "other password")
    assert (await api.sign_in("admin", "first password")).status == 200


async def test_a_given_password_replaces_the_old_one_and_its_sign_ins(
    api: Api, database: Database, clock: HandClock
) -> None:
    await bootstrap(database, clock, "first password")
    await api.sign_in("admin", "first password")
    await bootstrap(database, clock, "first password", overwrite=True)
    assert (await api.get("/me")).status == 200
    await bootstrap(database, clock, "other password", overwrite=True)
    assert (await api.get("/me")).status == 401
    assert (await api.sign_in("admin", "first password")).status == 401
    assert (await api.sign_in("admin", "other password")).status == 200


async def test_employees_are_refused_with_reason(
    database: Database, employ: Employ, clock: HandClock
) -> None:
    anna = await employ("anna")
    asked: tuple[tuple[str, str, Role, str], ...] = (
        ("ANNA", "long enough", Role.OBSERVER, "login_taken"),
        ("a b", "long enough", Role.OBSERVER, "login_unfit"),
        ("boris", "short", Role.OBSERVER, "password_length"),
        ("boris", "long enough", Role.ADMINISTRATOR_PLUS, "role_not_granted"),
    )
    for login, password, role, code in asked:
        with pytest.raises(DomainError, match=code):
            async with database.transaction() as db:
                await service.create_employee(
                    db,
                    anna,
                    clock(),
                    partner_id=anna.partner_id,
                    login=login,
                    full_name="Boris",
                    role=role,
                    password=password,
                )
    async with database.read() as db:
        assert list(await db.scalars(select(Employee.login))) == ["anna"]
