"""A simulated register on real lines, with a host at the other end."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any, TypeVar

import pytest

from protocol.platforms import Platform
from simulator.kktpc import LineSetup, serve_serial, serve_tcp
from simulator.register.simulated_register import SimulatedRegister
from tests.simulator.conftest import NOON
from tests.simulator.kktpc.host import HostV2, HostV3, Wire, over_tcp

AT_NOON = LineSetup(now=lambda: NOON, restart_s=0.1)
T = TypeVar("T")
LINES = ("tcp", "pty")


@pytest.fixture
def register() -> SimulatedRegister:
    """Return a register of platform 2.5 with a closed shift and nothing unsent."""
    return new_register()


def new_register(platform: Platform = Platform.V2_5) -> SimulatedRegister:
    made = SimulatedRegister("00106101234567", platform, 61, Random(1), NOON)
    made.by_host = True
    return made


@asynccontextmanager
async def at_line(
    line: str, register: SimulatedRegister, setup: LineSetup = AT_NOON, lower_level: int = 3
) -> AsyncIterator[Wire]:
    """Serve the register on a line of that kind and yield the host's end."""
    if line == "tcp":
        server = await serve_tcp(register, "127.0.0.1", 0, setup)
        wire = over_tcp(server.sockets[0].getsockname())
        try:
            yield wire
        finally:
            wire.close()
            server.close()
            await server.wait_closed()
    else:
        ours, theirs = os.openpty()
        serial_line = await serve_serial(register, os.ttyname(theirs), lower_level, setup=setup)
        try:
            yield Wire(ours, lambda: None)
        finally:
            serial_line.close()
            os.close(theirs)
            os.close(ours)


async def with_host(
    line: str,
    register: SimulatedRegister,
    talk: Callable[[HostV3], T],
    setup: LineSetup = AT_NOON,
) -> T:
    """Run a host in its own thread, after the probes; return its result."""

    def run(wire: Wire) -> T:
        host = HostV3(wire)
        host.begin()
        return talk(host)

    async with at_line(line, register, setup) as wire:
        return await asyncio.to_thread(run, wire)


async def with_old_host(register: SimulatedRegister, talk: Callable[[HostV2], Any]) -> Any:
    """Run a host of lower level v2 in its own thread; return its result."""
    async with at_line("pty", register, lower_level=2) as wire:
        return await asyncio.to_thread(talk, HostV2(wire))
