"""The service on an address, until it is stopped."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from aiohttp import web

from simulator.register.simulated_register import SimulatedRegister
from simulator.web_requests.app import build_app


def read_credentials(path: Path) -> tuple[str, str]:
    """Return name and password from ``name:password`` on the first line.

    Raise ``ValueError`` for anything else, without quoting it.
    """
    name, colon, password = path.read_text("utf-8").partition("\n")[0].strip().partition(":")
    if not (name and colon and password):
        raise ValueError("name:password expected on the first line")
    return name, password


async def serve(
    registers: Sequence[SimulatedRegister],
    host: str,
    port: int,
    stop: asyncio.Event,
    credentials: tuple[str, str] | None = None,
    started: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve until ``stop`` is set; call ``started`` with the URL.

    Raise ``OSError`` when the address is taken.
    """
    runner = web.AppRunner(
        build_app(registers, credentials=credentials), access_log=None, shutdown_timeout=1.0
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        actual = runner.addresses[0]
        started(f"http://{actual[0]}:{actual[1]}/api/v2")
        await stop.wait()
    finally:
        await runner.cleanup()
