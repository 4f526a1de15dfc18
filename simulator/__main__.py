"""The command ``python -m simulator``: simulated registers for a server that is already running."""

import asyncio
import resource
import signal
import sys
from collections.abc import Coroutine
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from protocol.conversation.seal import KeyRing
from protocol.platforms import Platform
from protocol.telemetry import BLOCK_VERSION
from protocol.transport import Transport
from simulator.calls.conversation import no_ledger
from simulator.calls.fleet import FleetConfig, FleetRunner
from simulator.calls.ledger import FileLedger
from simulator.calls.statistics import Statistics
from simulator.calls.transports import (
    SOCKET_TRANSPORTS,
    USUAL_PATH,
    TransportSetup,
    transport_setup,
)
from simulator.demo import DemoRegisters
from simulator.kktpc.running import ListenPlace, call_credentials, make_simulated_register
from simulator.kktpc.running import run as run_register
from simulator.web_requests.serving import read_credentials, serve

app = typer.Typer(add_completion=False, no_args_is_help=True)

LedgerFile = Annotated[Path | None, typer.Option(help="file for accepted readings, JSON lines")]
TelemetryVersion = Annotated[
    int, typer.Option(min=1, max=BLOCK_VERSION, help="layout of their readings")
]

LINE_EVERY_S: Final = 1.0
PLAIN_LINE_EVERY_S: Final = 10.0
"""Period of progress lines in a file; a terminal gets one every second."""


@app.callback()
def about() -> None:
    """Run simulated cash registers."""


@app.command()
def run(
    server: Annotated[str, typer.Option(help="HOST:PORT of the gateway")] = "127.0.0.1:7080",
    registers: Annotated[int, typer.Option(min=1, max=1_000_000, help="how many registers")] = 50,
    interval: Annotated[
        float | None, typer.Option(min=0.01, help="seconds between calls; default: as told")
    ] = None,
    spread: Annotated[
        float | None, typer.Option(min=0, help="seconds for all first calls; default: one interval")
    ] = None,
    key_ring: Annotated[Path, typer.Option(help="the fleet's key ring")] = Path(
        "data/key-ring.json"
    ),
    seed: Annotated[int, typer.Option(help="seed of random data")] = 0,
    seconds: Annotated[float | None, typer.Option(min=0, help="stop after so many seconds")] = None,
    calls: Annotated[int | None, typer.Option(min=1, help="stop after this many calls")] = None,
    max_open: Annotated[int, typer.Option(min=1, help="calls open at once")] = 256,
    transport: Annotated[
        Transport, typer.Option("--transport", "--road", help="transport of the calls")
    ] = Transport.TCP,
    ca: Annotated[
        Path | None, typer.Option(help="trusted certificates, PEM; default: the system's")
    ] = None,
    path: Annotated[str, typer.Option(help="HTTP path, as in setting T19R1F9")] = USUAL_PATH,
    ledger: LedgerFile = None,
    telemetry_version: TelemetryVersion = BLOCK_VERSION,
) -> None:
    """Let registers call a server until Ctrl-C."""
    _allow_files(max_open + registers)
    config = FleetConfig(
        *_address(server),
        _key_ring(key_ring),
        interval_s=interval,
        spread_s=spread,
        max_open=max_open,
        seconds=seconds,
        calls=calls,
        seed=seed,
        transport=_transport_setup(transport, ca, path),
        telemetry_version=telemetry_version,
    )
    _call(DemoRegisters(registers, seed), config, ledger)


@app.command("web-requests")
def web_requests(
    listen: Annotated[str, typer.Option(help="HOST:PORT of the service")] = "127.0.0.1:16732",
    registers: Annotated[int, typer.Option(min=1, max=64, help="number of registers")] = 2,
    seed: Annotated[int, typer.Option(help="seed of the random data")] = 0,
    password_file: Annotated[
        Path | None, typer.Option(help="file with LOGIN:PASSWORD that the service requires")
    ] = None,
) -> None:
    """Serve the driver's local web service over registers of alternating platforms."""
    host, port = _address(listen, "--listen")
    try:
        credentials = read_credentials(password_file) if password_file else None
        _run_loop(_serve_web(DemoRegisters(registers, seed), host, port, credentials))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None


async def _serve_web(
    registers: DemoRegisters, host: str, port: int, credentials: tuple[str, str] | None
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(registers, host, port, stop, credentials, typer.echo)


@app.command("device")
def one_register(
    listen: Annotated[str | None, typer.Option(help="HOST:PORT that hosts connect to")] = None,
    serial: Annotated[str | None, typer.Option(help="path of a serial port or pty")] = None,
    platform: Annotated[Platform, typer.Option(help="platform of the register")] = Platform.V2_5,
    serial_number: Annotated[str, typer.Option(help="serial number, 14 digits")] = "00106101234567",
    lower_level: Annotated[
        int, typer.Option(min=2, max=3, help="lower-level protocol of the serial line: 2 or 3")
    ] = 3,
    key_ring: Annotated[
        Path | None, typer.Option(help="the fleet's key ring, to call the cash server over EoT")
    ] = None,
    seed: Annotated[int, typer.Option(help="seed of the random data")] = 0,
) -> None:
    """Serve one register to KKT-PC hosts, on TCP or on a serial line, until Ctrl-C."""
    if (listen is None) == (serial is None):
        raise typer.BadParameter("give exactly one of the two", param_hint="--listen, --serial")
    if not (serial_number.isascii() and serial_number.isdecimal() and len(serial_number) == 14):
        raise typer.BadParameter("must be 14 digits", param_hint="--serial-number")
    register = make_simulated_register(serial_number, platform, seed)
    caller = call_credentials(register, _key_ring(key_ring) if key_ring else None)
    address = _address(listen, "--listen") if listen else None
    place = ListenPlace(address, serial or "", lower_level)
    try:
        _run_loop(run_register(register, place, caller, typer.echo))
    except OSError as error:
        raise typer.BadParameter(f"{place}: {error.strerror or error}") from None


def _call(registers: DemoRegisters, config: FleetConfig, ledger: Path | None) -> None:
    try:
        with FileLedger(ledger) if ledger else nullcontext(no_ledger) as book:
            _run_loop(_watch(FleetRunner(registers, replace(config, ledger=book))))
    except OSError as error:
        where = error.filename or f"{config.host}:{config.port}"
        raise typer.BadParameter(f"{where}: {error.strerror}") from None


def _address(server: str, option: str = "--server") -> tuple[str, int]:
    host, _, port = server.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 0x10000:
        raise typer.BadParameter("must be HOST:PORT", param_hint=option)
    return host.strip("[]"), int(port)


def _transport_setup(transport: Transport, ca: Path | None, path: str) -> TransportSetup:
    if transport not in SOCKET_TRANSPORTS:
        raise typer.BadParameter(
            f"one of {', '.join(SOCKET_TRANSPORTS)} expected", param_hint="--transport"
        )
    try:
        return transport_setup(transport, ca, path)
    except OSError as error:
        raise typer.BadParameter(f"{ca}: {error.strerror or error}", param_hint="--ca") from None


def _key_ring(path: Path) -> KeyRing:
    try:
        return KeyRing.load(path)
    except FileNotFoundError:
        raise typer.BadParameter(
            f"there is no {path}. `cash-server up` makes one in its data directory; "
            "give that file here, so that both sides have the same keys",
            param_hint="--key-ring",
        ) from None
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}", param_hint="--key-ring") from None
    except ValueError:
        # Do not quote the file: it may hold a part of a key.
        raise typer.BadParameter(f"{path} is not a key ring", param_hint="--key-ring") from None


def _allow_files(wanted: int) -> None:
    """Raise the limit of open files for the sockets, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _run_loop(work: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


async def _watch(runner: FleetRunner) -> None:
    """Run the fleet, show its progress, and report in the end."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    started_s = loop.time()
    telling = asyncio.ensure_future(_show_progress(runner))
    try:
        statistics = await runner.run(stop)
    finally:
        telling.cancel()
    _finish_line()
    typer.echo(statistics.report(loop.time() - started_s))


async def _show_progress(runner: FleetRunner) -> None:
    live = sys.stderr.isatty()
    every_s = LINE_EVERY_S if live else PLAIN_LINE_EVERY_S
    statistics: Statistics = runner.statistics
    before = statistics.calls
    while True:
        await asyncio.sleep(every_s)
        line = statistics.progress((statistics.calls - before) / every_s, runner.open_calls)
        before = statistics.calls
        typer.echo(f"\r\x1b[K{line}" if live else line, err=True, nl=not live)


def _finish_line() -> None:
    if sys.stderr.isatty():
        typer.echo("", err=True)


if __name__ == "__main__":
    app()
