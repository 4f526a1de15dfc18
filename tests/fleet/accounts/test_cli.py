"""What support does from the command line, on both dialects."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fleet.accounts.cli import app
from fleet.accounts.models import Employee, Partner, SignIn
from fleet.accounts.passwords import verify_password
from fleet.accounts.service import sign_in
from fleet.audit.models import AuditEntry
from fleet.kit.acts import Acts
from fleet.kit.clock import utc_now
from fleet.kit.database import Database
from fleet.migrations.run import upgrade
from fleet.notifications.models import Letter
from tests.fleet.stored import found


@pytest.fixture
def url(empty_url: str) -> str:
    """The address of a database with the whole schema."""
    asyncio.run(upgrade(empty_url))
    return empty_url


def people(url: str, *words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, [*words, "--database", url], input=stdin)


def test_a_partner_is_created_with_a_password_from_standard_input(url: str) -> None:
    words = ("create-partner", "Ромашка", "--login", "Anna", "--full-name", "Анна")
    made = people(url, *words, stdin="long enough\nrest")
    assert made.exit_code == 0, made.output
    assert [made.output.split()] == [
        [str(key), uuid] for key, uuid in found(url, Partner.id, Partner.uuid)
    ]
    ((login, role, kept),) = found(url, Employee.login, Employee.role, Employee.password_hash)
    assert (login, role) == ("anna", "administrator")
    assert asyncio.run(verify_password("long enough", str(kept)))
    assert "long enough" not in made.output
    logged = [what for (what,) in found(url, AuditEntry.what)]
    assert logged == ["accounts.partner_created", "accounts.employee_added"]


def test_a_partner_is_created_with_a_password_from_a_file(url: str, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("from a file\r\n")
    words = ("create-partner", "Ромашка", "--login", "anna", "--password-file", str(secret))
    assert people(url, *words).exit_code == 0
    ((kept,),) = found(url, Employee.password_hash)
    assert asyncio.run(verify_password("from a file", str(kept)))


def test_a_refused_command_prints_the_reason_and_changes_nothing(url: str) -> None:
    words = ("create-partner", "Ромашка", "--login", "anna")
    short = people(url, *words, stdin="short\n")
    assert (short.exit_code, short.stdout) == (1, "") and "8" in short.stderr
    nameless = people(url, "create-partner", " ", "--login", "anna", stdin="long enough\n")
    assert nameless.exit_code == 1
    assert found(url, Partner.id) == []
    unknown = people(url, "grant-role", "nobody", "support_operator")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert people(url, "grant-role", "nobody", "owner").exit_code == 2


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--full-name", "x" * 257, "256"),
        ("--full-name", "a\nb", "full_name"),
        ("--email", "anna", "email"),
    ],
)
def test_the_command_line_refuses_what_the_api_refuses(
    url: str, option: str, value: str, word: str
) -> None:
    words = ("create-partner", "Ромашка", "--login", "anna", option, value)
    refused = people(url, *words, stdin="long enough\n")
    assert (refused.exit_code, refused.stdout) == (1, "") and word in refused.stderr
    assert found(url, Partner.id) == []


def test_an_administrator_is_created_with_an_email_address(url: str) -> None:
    words = ("create-partner", "Ромашка", "--login", "anna", "--email", "Anna@Example.org")
    assert people(url, *words, stdin="long enough\n").exit_code == 0
    assert found(url, Employee.email) == [("anna@example.org",)]


def test_a_lost_password_is_replaced_from_the_command_line(url: str) -> None:
    words = ("create-partner", "Р", "--login", "anna", "--email", "anna@example.org")
    people(url, *words, stdin="long enough\n")

    async def sign_in_now() -> None:
        database = Database(url)
        await sign_in(Acts(database, utc_now), "anna", "long enough", "192.0.2.1")
        await database.close()

    asyncio.run(sign_in_now())
    short = people(url, "set-password", "anna", stdin="short\n")
    assert short.exit_code == 1 and found(url, SignIn.revoked_at) == [(None,)]
    assert people(url, "set-password", "nobody", stdin="another one\n").exit_code == 1
    done = people(url, "set-password", "Anna", stdin="another one\n")
    assert (done.exit_code, done.output) == (0, "anna\n")
    ((kept,),) = found(url, Employee.password_hash)
    assert asyncio.run(verify_password("another one", str(kept)))
    assert found(url, SignIn.revoked_at) != [(None,)]
    assert found(url, AuditEntry.what)[-1] == ("accounts.password_changed",)
    assert found(url, Letter.template) == [("password_changed",)]


def test_the_command_line_assigns_roles_that_employees_cannot(url: str) -> None:
    people(url, "create-partner", "Р", "--login", "anna", stdin="long enough\n")
    granted = people(url, "grant-role", "anna", "administrator_plus")
    assert (granted.exit_code, granted.output) == (0, "anna administrator_plus\n")
    assert found(url, Employee.role) == [("administrator_plus",)]
    last = people(url, "grant-role", "anna", "support_operator")
    assert last.exit_code == 1 and found(url, Employee.role) == [("administrator_plus",)]
    entries = found(url, AuditEntry.what, AuditEntry.before, AuditEntry.after)
    assert entries[-1] == (
        "accounts.role_granted",
        {"role": "administrator"},
        {"role": "administrator_plus"},
    )


def test_a_database_without_tables_is_reported_without_a_traceback(empty_url: str) -> None:
    async def touch() -> None:
        database = Database(empty_url)
        await database.probe()
        await database.close()

    asyncio.run(touch())
    told = people(empty_url, "grant-role", "anna", "observer")
    assert (told.exit_code, told.stdout) == (1, "") and "cash-server migrate" in told.stderr


def test_a_mistyped_data_folder_gets_no_database(tmp_path: Path) -> None:
    told = people(f"sqlite:///{tmp_path}/fleet.db", "grant-role", "anna", "observer")
    assert (told.exit_code, told.stdout) == (1, "") and "нет файла" in told.stderr
    assert list(tmp_path.iterdir()) == []
