"""What commands of whoever runs the server share: where the database is, and one transaction."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.errors import DomainError

Data = Annotated[Path | None, typer.Option(help="directory of what the server keeps")]
Url = Annotated[str | None, typer.Option(help="database URL; without it SQLite in the directory")]
Work = Callable[[AsyncSession], Awaitable[str]]


def run(work: Work, config: FleetConfig) -> None:
    """Prints what ``work`` returns; a refusal goes to standard error, with exit code 1."""
    try:
        typer.echo(asyncio.run(_transact(work, config)))
    except DomainError as error:
        typer.echo(error.message(config.language), err=True)
        raise typer.Exit(1) from None


async def _transact(work: Work, config: FleetConfig) -> str:
    database = Database(config.database_url)
    try:
        async with database.transaction() as db:
            return await work(db)
    finally:
        await database.close()
