"""Commands of whoever runs the server: `cash-server broker-account`, `people`, `stock`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from fleet.accounts import cli as people
from fleet.kit.act import Act
from fleet.kit.broker import ensure_gateway_account
from fleet.kit.command_line import Data, Url, run
from fleet.kit.config import FleetConfig, configured
from fleet.subscriptions.service import add_stock
from fleet.subscriptions.stock import available
from fleet.subscriptions.transfers import find_partner

app = typer.Typer()
app.add_typer(people.app, name="people", help="Partners, and roles that only support grants.")
stock = typer.Typer(no_args_is_help=True)
app.add_typer(stock, name="stock", help="Subscriptions that partners hold.")


@app.command("broker-account")
def broker_account(
    password_file: Annotated[Path, typer.Option(help="file with its password, nothing else")],
    login: Annotated[str, typer.Option(help="name of the account")] = "gateway",
) -> None:
    """Make the gateways' account in Mosquitto; once more changes nothing but the password."""
    asyncio.run(ensure_gateway_account(configured(FleetConfig), login, password_file))
    typer.echo(f"Учётная запись {login} готова / the account {login} is ready")


@stock.command("add")
def add_to_stock(
    partner: Annotated[str, typer.Option(help="UUID, or the login of an employee")],
    plan: Annotated[str, typer.Option(help="code of the subscription")],
    quantity: Annotated[int, typer.Option(help="how many")],
    data: Data = None,
    database: Url = None,
) -> None:
    """Give a partner subscriptions without money and bonuses; says how many it holds then."""

    async def work(act: Act) -> str:
        taker = await find_partner(act.db, partner)
        await add_stock(act, taker.id, plan, quantity)
        held = await available(act.db, taker.id)
        return f"{taker.uuid} {plan} {held[plan]}"

    run(work, configured(FleetConfig, data=data, database=database))
