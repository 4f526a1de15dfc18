"""A step on a real line that breaks at any byte: done once, and answered in the end."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.assistant.image_store import ImageStore
from gateway.assistant.journal import Journal
from gateway.assistant.kktpc import connect, open_tcp
from gateway.assistant.kktpc.connection import KktPcConnection
from gateway.assistant.kktpc.errors import HostError
from gateway.assistant.register_connection import (
    ConnectionKind,
    RegisterIdentity,
    RegisterUnreachable,
)
from gateway.assistant.steps import StepExecutor
from protocol.conversation.messages import Step, StepDone, StepRefusal, StepRefused
from protocol.kktpc.commands import encode_request
from protocol.platforms import Platform
from simulator.calls.bad_links import BadLinkProxy, Fault
from simulator.kktpc import LineSetup, serve_tcp
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.assistant.connections import DONE, NOON, SERIAL, a_register

CLOSE = Step(7, 1, encode_request("close_shift"))
TRIES = 4
SOUND = Fault()
FIRST_BYTE, LAST_BYTE = 40, 130
"""From the end of the probes: the look at the drive, the command and its answer."""


def at_work() -> SimulatedRegister:
    """In the mode of Z-reports, with a shift to close."""
    register = a_register()
    if register.shift_opened_at is None:
        register.open_shift(NOON)
    register.execute(encode_request("enter_mode", mode=3, password="00000030"), NOON)
    return register


@asynccontextmanager
async def way_over(fault: Fault, number: int, folder: Path) -> AsyncIterator[KktPcConnection]:
    async with BadLinkProxy("127.0.0.1", number, fault) as proxy:
        line = await open_tcp("127.0.0.1", proxy.port)
        host = await connect(line, serial=False, probe_s=0.3)
        about = RegisterIdentity(SERIAL, Platform.V2_5, 61, "3.0.1", ConnectionKind.TCP, "there")
        try:
            yield KktPcConnection(about, host, ImageStore(folder, SERIAL, ()), lambda: NOON)
        finally:
            host.close()


async def brought(faults: Sequence[Fault], number: int, folder: Path) -> StepDone | StepRefused:
    """The step as a gateway brings it: again and again, until there is a word on it."""
    told: StepDone | StepRefused = StepRefused(CLOSE.operation_id, StepRefusal.BUSY)
    for fault in faults:
        journal = Journal(folder / "journal.sqlite")
        try:
            async with way_over(fault, number, folder) as way:
                told = await StepExecutor(SERIAL, journal).execute(way, CLOSE)
        except (RegisterUnreachable, HostError):
            continue
        finally:
            journal.close()
        if told != StepRefused(CLOSE.operation_id, StepRefusal.BUSY):
            break
    return told


async def once(faults: Sequence[Fault], folder: Path) -> None:
    register = at_work()
    documents = register.drive.documents
    setup = LineSetup(now=lambda: NOON)
    server = await serve_tcp(register, "127.0.0.1", 0, setup)
    try:
        number = server.sockets[0].getsockname()[1]
        assert await brought(faults, number, folder) == StepDone(7, 1, DONE)
    finally:
        server.close()
    assert register.drive.documents == documents + 1


@pytest.mark.parametrize("first", range(5))
async def test_a_step_is_done_once_when_unplugged_after_any_byte(
    tmp_path: Path, first: int
) -> None:
    for place in range(FIRST_BYTE + first, LAST_BYTE, 5):
        folder = tmp_path / str(place)
        folder.mkdir()
        await once([Fault(cut_after=place), *[SOUND] * TRIES], folder)


async def test_a_step_is_done_once_when_unplugged_repeatedly(tmp_path: Path) -> None:
    places = range(80, LAST_BYTE, 4)
    await once([*(Fault(cut_after=place) for place in places), *[SOUND] * TRIES], tmp_path)


@pytest.mark.parametrize("place", range(FIRST_BYTE, LAST_BYTE, 14))
async def test_a_step_is_done_once_despite_a_flipped_byte(tmp_path: Path, place: int) -> None:
    await once([Fault(flip_at=place), *[SOUND] * TRIES], tmp_path)


@pytest.mark.parametrize("place", [60, 95, 115])
async def test_a_step_is_done_once_despite_foreign_bytes(tmp_path: Path, place: int) -> None:
    await once(
        [Fault(garbage_at=place, garbage=b"\xfe\x7f\x7f\x05\x06"), *[SOUND] * TRIES], tmp_path
    )
