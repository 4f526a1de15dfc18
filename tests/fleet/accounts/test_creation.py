"""Adding employees from the command line."""

import pytest
from sqlalchemy import select

from fleet.accounts import creation as founding
from fleet.accounts.models import Employee
from fleet.accounts.roles import Role
from fleet.kit.act import Act
from fleet.kit.database import Database
from fleet.kit.errors import DomainError
from tests.fleet.conftest import Employ, HandClock


async def test_invalid_employees_are_refused_with_a_reason(
    database: Database, employ: Employ, clock: HandClock
) -> None:
    anna = await employ("anna")
    asked: tuple[tuple[str, str, Role, str], ...] = (
        ("ANNA", "long enough", Role.OBSERVER, "login_taken"),
        ("a b", "long enough", Role.OBSERVER, "login_unfit"),
        ("boris", "short", Role.OBSERVER, "password_length"),
    )
    for login, password, role, code in asked:
        with pytest.raises(DomainError, match=code):
            async with database.transaction() as db:
                await founding.create_employee(
                    Act(db, None, clock()),
                    partner_id=anna.partner_id,
                    login=login,
                    full_name="Boris",
                    role=role,
                    password=password,
                )
    async with database.read() as db:
        assert list(await db.scalars(select(Employee.login))) == ["anna"]
