"""Commands of the operator of the server: `broker-account`, `people`, `stock`, `telemetry`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from fleet.accounts import cli as people
from fleet.kit.act import Act
from fleet.kit.broker import ensure_gateway_account
from fleet.kit.command_line import Data, Url, finish, opened, run
from fleet.kit.config import FleetConfig, configured
from fleet.registers.rebuild import rebuild_profiles
from fleet.registers.rules import is_serial_number
from fleet.subscriptions.service import add_stock
from fleet.subscriptions.stock import available
from fleet.subscriptions.transfers import find_partner
from fleet.wiring import REACTIONS

app = typer.Typer()
app.add_typer(people.app, name="people", help="Partners, and roles that only support assigns.")
stock = typer.Typer(no_args_is_help=True)
app.add_typer(stock, name="stock", help="Subscriptions in partners' stock.")
telemetry = typer.Typer(no_args_is_help=True)
app.add_typer(telemetry, name="telemetry", help="What registers say of themselves.")


@app.command("broker-account")
def broker_account(
    password_file: Annotated[Path, typer.Option(help="file with the password of the account only")],
    login: Annotated[str, typer.Option(help="login of the account")] = "gateway",
) -> None:
    """Create the gateways' account in Mosquitto, or change its password."""
    asyncio.run(ensure_gateway_account(configured(FleetConfig), login, password_file))
    typer.echo(f"Учётная запись {login} готова / the account {login} is ready")


@stock.command("add")
def add_to_stock(
    partner: Annotated[
        str, typer.Option(help="UUID of the partner, or the login of one of its employees")
    ],
    plan: Annotated[str, typer.Option(help="code of the subscription")],
    quantity: Annotated[int, typer.Option(help="number of subscriptions")],
    data: Data = None,
    database: Url = None,
) -> None:
    """Add subscriptions to a partner's stock free of charge and print the new number of them."""

    async def work(act: Act) -> str:
        taker = await find_partner(act.db, partner)
        await add_stock(act, taker.id, plan, quantity)
        held = await available(act.db, taker.id)
        return f"{taker.uuid} {plan} {held[plan]}"

    run(work, configured(FleetConfig, data=data, database=database))


@telemetry.command("rebuild-profiles")
def rebuild(
    portion: Annotated[
        int, typer.Option(min=1, max=10_000, help="registers in one transaction")
    ] = 1000,
    after: Annotated[
        str, typer.Option(help="go on after this serial number, the last that was printed")
    ] = "",
    data: Data = None,
    database: Url = None,
) -> None:
    """Write the columns of the list anew from stored readings; the server may go on working.

    Prints a line for each portion; cut off, it may begin anew or go on with --after.
    """
    if after and not is_serial_number(after):
        raise typer.BadParameter("14 digits", param_hint="--after")
    config = configured(FleetConfig, data=data, database=database)
    finish(_rebuild(config, after, portion), config)


async def _rebuild(config: FleetConfig, last: str, limit: int) -> str:
    looked = rebuilt = 0
    async with opened(config, REACTIONS) as acts:
        while True:
            async with acts.transaction() as act:
                done = await rebuild_profiles(act, last, limit)
            if not done.looked:
                return (
                    f"Просмотрено {looked}, обновлено {rebuilt} / seen {looked}, rebuilt {rebuilt}"
                )
            last, looked, rebuilt = done.last, looked + done.looked, rebuilt + done.rebuilt
            typer.echo(f"{last}  {looked}  {rebuilt}")
