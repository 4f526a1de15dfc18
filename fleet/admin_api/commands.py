"""Commands of whoever runs the server: `cash-server broker-account`, `people`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from fleet.accounts import cli as people
from fleet.kit.broker import ensure_gateway_account
from fleet.kit.config import FleetConfig, configured

app = typer.Typer()
app.add_typer(people.app, name="people", help="Partners, and roles that only support grants.")


@app.command("broker-account")
def broker_account(
    password_file: Annotated[Path, typer.Option(help="file with its password, nothing else")],
    login: Annotated[str, typer.Option(help="name of the account")] = "gateway",
) -> None:
    """Make the gateways' account in Mosquitto; once more changes nothing but the password."""
    asyncio.run(ensure_gateway_account(configured(FleetConfig), login, password_file))
    typer.echo(f"Учётная запись {login} готова / the account {login} is ready")
