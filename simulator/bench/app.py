"""The command ``cash-server bench``, with one subcommand for each benchmark."""

import typer

from simulator.bench.check_ins import check_ins
from simulator.bench.firmware import firmware
from simulator.bench.fleet import fleet
from simulator.bench.operations import operations

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.command("check-ins")(check_ins)
app.command("operations")(operations)
app.command("firmware")(firmware)
app.command("fleet")(fleet)
