"""Commands of the server's operator: `cash-server broker-account`, `people`, `stock`."""

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
app.add_typer(people.app, name="people", help="Partners, and roles that only support assigns.")
stock = typer.Typer(no_args_is_help=True)
app.add_typer(stock, name="stock", help="Subscriptions in partners' stock.")


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
