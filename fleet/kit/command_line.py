"""Shared parts of the operator's commands: the database options and one transaction."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError

from fleet.kit.act import Act
from fleet.kit.acts import Acts
from fleet.kit.clock import utc_now
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.errors import DomainError, ErrorKind, Refusal
from fleet.kit.facts import Reactions
from fleet.kit.language import BilingualText, Language

Data = Annotated[Path | None, typer.Option(help="the server's data directory")]
Url = Annotated[str | None, typer.Option(help="database URL; without it SQLite in the directory")]
Http = Annotated[str | None, typer.Option(help="HOST:PORT of the admin API")]
Devices = Annotated[str | None, typer.Option(help="HOST:PORT that registers connect to")]
Demo = Annotated[int, typer.Option(min=0, max=10_000, help="simulated registers to start")]
Work = Callable[[Act], Awaitable[str]]

NO_REACTIONS: Reactions = MappingProxyType({})

NO_DATABASE = Refusal(
    ErrorKind.UNAVAILABLE,
    "no_database",
    ru="База данных недоступна или не подготовлена ({said}). Проверьте --data или --database; "
    "новую базу создаёт команда cash-server migrate.",
    en="The database is unavailable or not prepared ({said}). Check --data or --database; "
    "cash-server migrate creates a new one.",
)


def run(work: Work, config: FleetConfig) -> None:
    """Run ``work`` in one transaction and print the text that it returns.

    A refusal is printed to standard error, and the command ends with exit code 1.
    """
    finish(_transact(work, config), config)


def finish(program: Coroutine[Any, Any, str], config: FleetConfig) -> None:
    """Run ``program`` and print the text that it returns, or its refusal as ``run`` does."""
    try:
        typer.echo(asyncio.run(program))
    except DomainError as error:
        typer.echo(error.message(config.language), err=True)
        raise typer.Exit(1) from None


def run_without_traceback(program: Callable[[], object]) -> None:
    """Run a server process.

    Raise ``ValueError`` with a sentence instead of a traceback when the database cannot be used,
    for example because it has not been migrated.
    """
    try:
        program()
    except DBAPIError as error:
        raise ValueError(NO_DATABASE.message(Language.EN, said=error.orig)) from None


async def _transact(work: Work, config: FleetConfig) -> str:
    async with opened(config) as acts, acts.transaction() as act:
        return await work(act)


@asynccontextmanager
async def opened(config: FleetConfig, reactions: Reactions = NO_REACTIONS) -> AsyncIterator[Acts]:
    """Yield acts of nobody on the configured database.

    Refuse ``no_database`` for a file that is not there, or a database that cannot be used.
    """
    _check_file(make_url(config.database_url))
    database = Database(config.database_url, reactions)
    try:
        yield Acts(database, utc_now, None, config.language, config)
    except DBAPIError as error:
        raise NO_DATABASE(said=BilingualText("запрос не выполнен", str(error.orig))) from None
    finally:
        await database.close()


def _check_file(place: URL) -> None:
    """Refuse ``no_database`` for a missing SQLite file, which opening would create empty."""
    path = place.database or ""
    if place.get_backend_name() == "sqlite" and not Path(path).exists():
        raise NO_DATABASE(said=BilingualText(f"нет файла {path}", f"there is no file {path}"))
