"""Commands of the operator: `cash-server key-ring create | add-generation | list`."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.edge import key_ring
from gateway.edge.config import GatewayConfig

app = typer.Typer(no_args_is_help=True, help="The fleet's keys: make them, renew them, list them.")

Data = Annotated[Path, typer.Option(help="the server's data directory", envvar="CASH_SERVER_DATA")]
DEFAULT_DATA = Path("data")
WHY_SECRET = "whoever has it can speak as any register"


def _path(data: Path) -> Path:
    return GatewayConfig().key_ring or data / key_ring.FILE_NAME


@app.command()
def create(data: Data = DEFAULT_DATA) -> None:
    """Create the key ring of a new fleet, with one generation."""
    path = _path(data)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        key_ring.create(path)
    except FileExistsError:
        raise ValueError(f"there is a key ring {path} already; it was not changed") from None
    typer.echo(f"{path}: generation 1. Copy it to every gateway and keep it secret: {WHY_SECRET}.")


@app.command("add-generation")
def add_generation(data: Data = DEFAULT_DATA) -> None:
    """Add a generation of keys, for a key rotation."""
    path = _path(data)
    generation = key_ring.add_generation(path)
    typer.echo(
        f"{path}: generation {generation} added. Copy the file to every gateway and restart them; "
        "then order the key rotation."
    )


@app.command("list")
def list_generations(data: Data = DEFAULT_DATA) -> None:
    """List the generations of the key ring, never the keys."""
    path = _path(data)
    ring = key_ring.load(path)
    generations = ", ".join(map(str, ring.generations))
    typer.echo(f"{path}: generations {generations}; current {ring.current}")
