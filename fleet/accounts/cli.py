"""Support's commands: ``cash-server people …``.

A password is read from a file or from standard input and is never an argument, because everybody
on the machine can see the arguments of a process.
"""

import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer

from fleet.accounts.creation import (
    FIRST_EMPLOYEE_NAME,
    create_partner_with_administrator,
    set_password,
)
from fleet.accounts.employees import grant_role
from fleet.accounts.forms import NewPartner
from fleet.accounts.roles import Role
from fleet.kit.act import Act
from fleet.kit.command_line import Data, Url, run
from fleet.kit.config import FleetConfig, configured
from fleet.kit.validation import read_input

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

PasswordFile = Annotated[
    Path | None,
    typer.Option(help="file whose first line is the password; without it standard input is read"),
]


@app.command("create-partner")
def create_partner(
    name: Annotated[str, typer.Argument(help="name of the organisation")],
    login: Annotated[str, typer.Option(help="login of its Administrator")],
    full_name: Annotated[
        str, typer.Option(help="full name of the Administrator")
    ] = FIRST_EMPLOYEE_NAME,
    email: Annotated[
        str | None, typer.Option(help="e-mail address used to reset the password")
    ] = None,
    password_file: PasswordFile = None,
    data: Data = None,
    database: Url = None,
) -> None:
    """Create a partner and its Administrator."""
    password = _password(password_file)

    async def work(act: Act) -> str:
        body = read_input(NewPartner, name=name, login=login, full_name=full_name, email=email)
        partner = await create_partner_with_administrator(act, body, password)
        return f"{partner.id} {partner.uuid}"

    run(work, configured(FleetConfig, data=data, database=database))


@app.command("grant-role")
def grant(
    login: Annotated[str, typer.Argument(help="login of the employee")],
    role: Annotated[
        Role, typer.Argument(help="any role, including those that only support assigns")
    ],
    data: Data = None,
    database: Url = None,
) -> None:
    """Give an employee another role, which takes effect with the next request."""

    async def work(act: Act) -> str:
        employee = await grant_role(act, login, role)
        return f"{employee.login} {employee.role}"

    run(work, configured(FleetConfig, data=data, database=database))


@app.command("set-password")
def change_password(
    login: Annotated[str, typer.Argument(help="login of the employee")],
    password_file: PasswordFile = None,
    data: Data = None,
    database: Url = None,
) -> None:
    """Set an employee's password; all sign-ins and API tokens of the employee end."""
    password = _password(password_file)
    config = configured(FleetConfig, data=data, database=database)

    async def work(act: Act) -> str:
        return (await set_password(act, login, password)).login

    run(work, config)


def _password(path: Path | None) -> str:
    if path is not None:
        text = path.read_text(encoding="utf-8")
    elif sys.stdin.isatty():
        text = getpass()
    else:
        text = sys.stdin.readline()
    return text.partition("\n")[0].removesuffix("\r")
