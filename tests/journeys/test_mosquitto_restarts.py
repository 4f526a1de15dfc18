"""Mosquitto is killed under load and comes back: every register recovers, nothing that was
accepted is lost, and no step is done twice."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from fleet.kit.clock import utc_now
from fleet.kit.database import Database
from protocol.platforms import Platform
from protocol.telemetry import BLOCK, check
from simulator.calls.conversation import RegisterConversation
from simulator.calls.mqtt import MqttCaller, keep_calling
from simulator.calls.socket_call import CallTimeouts
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.edge.ordering import order, owner_of
from tests.gateway.edge.running_brokers import RunningBroker, login, on_mosquitto
from tests.gateway.edge.running_gateway import POLL_S, key_of, running_gateway
from tests.pace import scaled
from tests.servers.mosquitto import Mosquitto

REGISTERS = 30
INTERVAL_S = 0.1
RECOVERY_S = scaled(40.0)
PATIENCE = CallTimeouts(connect_s=5, answer_s=3)
"""An answer that the dead broker had is waited for so long, before the next call."""
READING_NUMBER = BLOCK.index("reading_number")

Accepted = set[tuple[int, int]]
"""(serial number, reading number), as the registers themselves wrote down."""


@pytest.fixture
def broker(mosquitto: Mosquitto) -> Iterator[Mosquitto]:
    """One to be killed; ``mosquitto`` decides whether there can be any."""
    with Mosquitto() as broker:
        yield broker


@pytest.fixture
def registers() -> list[SimulatedRegister]:
    return [
        SimulatedRegister(f"001061{number:08}", Platform.V5_0, 61, Random(number), utc_now())
        for number in range(REGISTERS)
    ]


@asynccontextmanager
async def calling(
    place: RunningBroker, registers: list[SimulatedRegister], accepted: Accepted
) -> AsyncIterator[None]:
    """Each calls in a loop over a connection of its own, with its ledger."""
    account, tasks = login(), []
    await place.permit(account, [register.serial_number for register in registers])
    for register in registers:
        serial = register.serial_number

        def line(serial: str = serial) -> MqttCaller:
            return MqttCaller(place.server(account), serial, PATIENCE)

        def talk(register: SimulatedRegister = register) -> RegisterConversation:
            key = key_of(register.serial_number)
            return RegisterConversation(
                register, key, 1, lambda who, which, _: accepted.add((int(who), which))
            )

        coroutine = keep_calling(line, talk, Random(int(serial)), lambda _: INTERVAL_S)
        tasks.append(asyncio.create_task(coroutine))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [one for one in ended if not isinstance(one, asyncio.CancelledError)] == []


async def until_all_are_accepted(accepted: Accepted, times: int) -> None:
    """Every register has that many more readings accepted than now."""
    before = count(accepted)
    async with asyncio.timeout(RECOVERY_S):
        while True:
            now = count(accepted)
            more = [now[one] - before.get(one, 0) for one in now]
            if len(more) == REGISTERS and min(more) >= times:
                return
            await asyncio.sleep(POLL_S)


def count(accepted: Accepted) -> dict[int, int]:
    found: dict[int, int] = {}
    for serial, _ in accepted:
        found[serial] = found.get(serial, 0) + 1
    return found


async def kept(database: Database) -> Accepted:
    async with database.transaction() as db:
        rows = await db.execute(text("SELECT serial_number, block_version, block FROM readings"))
        return {(int(one[0]), check(one[1], bytes(one[2]))[0][READING_NUMBER]) for one in rows}


@pytest.mark.timeout(180)
async def test_registers_are_served_while_mosquitto_restarts_under_load(
    broker: Mosquitto, registers: list[SimulatedRegister], tmp_path: Path
) -> None:
    accepted: Accepted = set()
    serials = [register.serial_number for register in registers]
    async with (
        on_mosquitto(broker) as place,
        running_gateway(tmp_path, broker=place.address) as gateway,
    ):
        actor = await owner_of(gateway.database, serials)
        async with calling(place, registers, accepted):
            await until_all_are_accepted(accepted, 1)
            for _ in range(2):
                done = steps_done(registers)
                await order(gateway.database, actor, serials, Platform.V5_0)
                await gateway.port._resync()
                await until_steps_are_under_way(registers, done)
                await asyncio.to_thread(broker.kill)
                await gateway.until(lambda: not gateway.open)
                await asyncio.to_thread(broker.restart)
                await until_all_are_accepted(accepted, 2)
            await until_nothing_is_due(gateway.database)
        await gateway.until_quiet()
        assert accepted - await kept(gateway.database) == set()
        await prove(gateway.database, registers)


def steps_done(registers: list[SimulatedRegister]) -> int:
    return sum(len(register.journal.effects) for register in registers)


async def until_steps_are_under_way(registers: list[SimulatedRegister], before: int) -> None:
    """Some registers have begun to work."""
    async with asyncio.timeout(RECOVERY_S):
        while steps_done(registers) < before + 3:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)


async def until_nothing_is_due(database: Database) -> None:
    async with asyncio.timeout(RECOVERY_S):
        while True:
            async with database.transaction() as db:
                waiting = await db.scalar(
                    text("SELECT count(*) FROM operations WHERE status IN ('queued', 'running')")
                )
            if not waiting:
                return
            await asyncio.sleep(10 * POLL_S)


async def prove(database: Database, registers: list[SimulatedRegister]) -> None:
    """Both operations of every register succeeded, and each step was done once."""
    async with database.transaction() as db:
        found = await db.execute(text("SELECT status, count(*) FROM operations GROUP BY status"))
        assert [tuple(row) for row in found] == [("succeeded", 2 * REGISTERS)]
    for register in registers:
        assert len(register.journal.effects) >= 2
        assert set(register.journal.effects.values()) == {1}
