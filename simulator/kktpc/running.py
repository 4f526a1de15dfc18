"""The command ``python -m simulator device``: one register at a TCP port or a serial line."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from protocol.conversation.seal import KeyRing
from protocol.models import model_of_serial
from protocol.platforms import Platform
from simulator.calls.socket_call import utc_now
from simulator.kktpc.relay import CallCredentials
from simulator.kktpc.serving import LineSetup, serve_serial, serve_tcp
from simulator.register.simulated_register import SimulatedRegister

USUAL_MODEL = 61


@dataclass(frozen=True, slots=True)
class ListenPlace:
    """The place where hosts find the register: ``address`` or, if that is ``None``, ``path``."""

    address: tuple[str, int] | None
    path: str = ""
    lower_level: int = 3

    def __str__(self) -> str:
        if self.address is None:
            return f"{self.path}, v{self.lower_level}"
        return "{}:{}".format(*self.address)


def make_simulated_register(serial_number: str, platform: Platform, seed: int) -> SimulatedRegister:
    """Return a register whose life depends only on its serial number and the seed."""
    model = model_of_serial(serial_number)
    return SimulatedRegister(
        serial_number,
        platform,
        model.code if model else USUAL_MODEL,
        Random(f"{serial_number}/{seed}"),
        utc_now(),
    )


def call_credentials(register: SimulatedRegister, keys: KeyRing | None) -> CallCredentials | None:
    """Return the register's credentials for the cash server; ``None`` without a key ring."""
    if keys is None:
        return None
    key = keys.register_key(keys.current, register.serial)
    return None if key is None else CallCredentials(key, keys.current)


async def run(
    register: SimulatedRegister,
    place: ListenPlace,
    credentials: CallCredentials | None,
    show: Callable[[str], None],
) -> None:
    """Serve the register until Ctrl-C or until the serial line is gone.

    Raise ``OSError`` if the port or the line cannot be opened.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def end() -> None:
        if not ended.done():
            ended.set_result(None)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    setup = LineSetup(credentials=credentials)
    if place.address is not None:
        server = await serve_tcp(register, *place.address, setup)
        _announce(register, place, show)
        try:
            await ended
        finally:
            server.close()
            await server.wait_closed()
        return
    line = await serve_serial(register, place.path, place.lower_level, setup=setup)
    _announce(register, place, show)
    line.gone.add_done_callback(lambda _: end())
    try:
        await ended
    finally:
        line.close()


def _announce(register: SimulatedRegister, place: ListenPlace, tell: Callable[[str], None]) -> None:
    tell(
        f"ККТ {register.serial_number} (платформа {register.platform}) ожидает соединения: "
        f"{place}. Остановка — Ctrl-C"
    )
    tell(
        f"Register {register.serial_number} (platform {register.platform}) is listening: {place}. "
        "Stop with Ctrl-C"
    )
