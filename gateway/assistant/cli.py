"""The console of the Assistant: ``cash-server assistant …``.

An error is one sentence on stderr and exit code 1.
"""

import asyncio
import contextlib
import logging
import signal
import sqlite3
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gateway.assistant import config as configuration
from gateway.assistant import local
from gateway.assistant.program import Program
from gateway.assistant.screen import Screen
from gateway.assistant.texts import CommandEnded, text_of
from protocol.models import BY_CODE as MODELS

Config = Annotated[Path, typer.Option(help=text_of("help_config"))]
Place = Annotated[str, typer.Option(help=text_of("help_place"))]

DEFAULT: Final = Path("assistant.toml")

app = typer.Typer(
    help=text_of("help"), no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)


@app.command(help=text_of("help_run"))
def run(config: Config = DEFAULT) -> None:
    """Work until Ctrl-C: find registers, sign in, and serve them."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")

    async def work(screen: Screen) -> None:
        program = Program(configuration.load(config), screen.show_event, screen.show_progress)
        await _until_stopped(program.run())
        screen.show_event("stopped")

    _guarded(work)


@app.command("list", help=text_of("help_list"))
def list_them(
    config: Config = DEFAULT,
    wait_s: Annotated[float, typer.Option(help=text_of("help_wait"))] = 5.0,
) -> None:
    """Show the registers that answer."""

    async def work(screen: Screen) -> None:
        found = await local.list_registers(configuration.load(config), wait_s)
        if not found:
            raise CommandEnded("nothing_found")
        rows = [
            (
                each.place,
                each.serial_number,
                each.platform,
                MODELS[each.model].name if each.model in MODELS else str(each.model),
                each.firmware_version,
            )
            for each in found
        ]
        screen.table(("place", "serial_number", "platform", "model", "firmware"), rows)

    _guarded(work)


@app.command(help=text_of("help_update"))
def update(
    image: Annotated[Path, typer.Option(help=text_of("help_image"))],
    place: Place,
    config: Config = DEFAULT,
) -> None:
    """Update the firmware of a register at this PC."""

    async def work(screen: Screen) -> None:
        await local.update(configuration.load(config), place, image, screen)

    _guarded(work)


@app.command(help=text_of("help_send"))
def send(
    place: Place,
    commands: Annotated[list[str] | None, typer.Argument(help=text_of("help_commands"))] = None,
    file: Annotated[Path | None, typer.Option(help=text_of("help_file"))] = None,
    config: Config = DEFAULT,
) -> None:
    """Send KKT-PC commands and explain the answers."""

    async def work(screen: Screen) -> None:
        texts = [*(commands or ()), *(_lines(file) if file else ())]
        chosen = local.parse_commands(texts)
        await local.send(configuration.load(config), place, chosen, screen)

    _guarded(work)


@app.command("check-config", help=text_of("help_check_config"))
def check_config(config: Config = DEFAULT) -> None:
    """Check the configuration and the files that it names."""

    async def work(screen: Screen) -> None:
        found = configuration.load(config)
        configuration.read_secret(found.server.password_file)
        for service in found.web_service:
            configuration.read_credentials(service)
        screen.line(text_of("config_good", path=config))

    _guarded(work)


@app.command("config-example", help=text_of("help_config_example"))
def config_example() -> None:
    """Print every key with its meaning and default."""
    typer.echo(configuration.example(), nl=False)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        raise CommandEnded("no_file", path=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CommandEnded("unreadable", path=path, why=error) from None


def _guarded(work: Callable[[Screen], Coroutine[Any, Any, None]]) -> None:
    # paho waits for sockets with add_reader, which the default loop of Windows does not have.
    loop_of = asyncio.SelectorEventLoop if sys.platform == "win32" else None
    try:
        with Screen() as screen, asyncio.Runner(loop_factory=loop_of) as runner:
            runner.run(work(screen))
    except CommandEnded as sentence:
        _stop(str(sentence))
    except sqlite3.Error as error:
        _stop(text_of("journal_broken", why=error))
    except OSError as error:
        _stop(text_of("unreadable", path=error.filename or "", why=error.strerror or error))
    except KeyboardInterrupt:
        _stop(text_of("stopped"))


def _stop(sentence: str) -> None:
    typer.echo(f"cash-server: {sentence}", err=True)
    raise typer.Exit(1)


async def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run the work until it ends, or until SIGTERM or Ctrl-C cancels it."""
    running = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C cancels by itself
            loop.add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    app()
