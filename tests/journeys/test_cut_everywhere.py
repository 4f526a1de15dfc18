"""A link that does its worst in the middle of an operation: nothing but time is lost.

Whatever happened to the first call, the next one goes on at once, and in the end each step was
done once in the register and the operation succeeded once in the fleet.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select

from fleet.kit.clock import utc_now
from fleet.operations.models import Operation, OperationChange
from fleet.operations.rules import OperationStatus
from protocol.platforms import Platform
from simulator.calls.bad_links import FAULTS, BadLinkProxy, Direction, Fault
from simulator.calls.conversation import ConversationEnding
from simulator.register.settings_memory import CABINET_HOST, CABINET_PORT
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.edge.ordering import order, owner_of
from tests.gateway.edge.running_gateway import HOST, RunningGateway, metric_value, running_gateway

AT_ONCE = 24
STEPS = {Platform.V5_0: 2, Platform.V2_5: 6}
"""Two settings by number; or enter the mode, read and write two cells, leave the mode."""

SPARE_BYTES = 40
"""Random bytes are escaped, so no two conversations are of quite the same length."""

BOTH = pytest.mark.parametrize("platform", [Platform.V5_0, Platform.V2_5])


@dataclass(frozen=True)
class Fleet:
    """Registers with an operation each, and the gateway that they call."""

    gateway: RunningGateway
    registers: Sequence[SimulatedRegister]
    operations: dict[str, int]


def born(number: int, platform: Platform) -> SimulatedRegister:
    serial = f"001061{number:08}"
    return SimulatedRegister(serial, platform, 61, Random(number), utc_now())


async def all_at_once(calls: Iterator[Coroutine[Any, Any, object]]) -> None:
    """Runs what ``calls`` yields, ``AT_ONCE`` at a time."""

    async def worker() -> None:
        for call in calls:
            await call

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())


@asynccontextmanager
async def fleet_of(folder: Path, platform: Platform, size: int) -> AsyncIterator[Fleet]:
    """Registers that have called once, so that their platform is known, and were ordered."""
    async with running_gateway(folder, handshakes_per_address_per_min=0) as gateway:
        registers = [born(number, platform) for number in range(1, size + 1)]
        serials = [register.serial_number for register in registers]
        actor = await owner_of(gateway.database, serials)
        await all_at_once(gateway.call(register) for register in registers)
        operations = await order(gateway.database, actor, serials, platform)
        await gateway.until(lambda: len(gateway.port._due) == size)
        yield Fleet(gateway, registers, operations)


async def call_through(fleet: Fleet, register: SimulatedRegister, fault: Fault) -> int:
    """A call over the bad link and at once another over a good one; how many calls it took."""
    gateway = fleet.gateway
    async with BadLinkProxy(HOST, gateway.number, fault) as proxy:
        first = await gateway.call(register, number=proxy.port)
    if first.result is not None and first.result.ending is ConversationEnding.DONE:
        return 1
    second = await gateway.call(register)
    assert second.result is not None
    assert second.result.ending is ConversationEnding.DONE
    return 2


async def assert_done_once(fleet: Fleet, platform: Platform) -> None:
    for register in fleet.registers:
        id_ = fleet.operations[register.serial_number]
        expected = {(id_, step): 1 for step in range(1, STEPS[platform] + 1)}
        assert register.journal.effects == expected
        values = register.memory.value(CABINET_HOST), register.memory.value(CABINET_PORT)
        assert values == ("cabinet.example", 8080)
    async with fleet.gateway.database.read() as db:
        statuses = await db.execute(select(Operation.status, func.count()).group_by("status"))
        found = {status: count for status, count in statuses}
        assert found == {OperationStatus.SUCCEEDED: len(fleet.registers)}
        successes = await db.execute(
            select(OperationChange.operation_id).where(
                OperationChange.to_status == OperationStatus.SUCCEEDED
            )
        )
        assert sorted(successes.scalars()) == sorted(fleet.operations.values())


def bytes_both_ways() -> float:
    return metric_value("received_bytes_total") + metric_value("sent_bytes_total")


async def length_of_a_conversation(folder: Path, platform: Platform) -> int:
    """Bytes in both directions from HELLO to FAREWELL."""
    async with fleet_of(folder, platform, 1) as fleet:
        before = bytes_both_ways()
        await fleet.gateway.call(fleet.registers[0])
        return int(bytes_both_ways() - before)


@BOTH
@pytest.mark.timeout(120)
async def test_operation_succeeds_despite_a_cut_after_any_byte(
    tmp_path: Path, platform: Platform
) -> None:
    for folder in (tmp_path / "one", tmp_path / "all"):
        folder.mkdir()
    length = await length_of_a_conversation(tmp_path / "one", platform) + SPARE_BYTES
    calls = [0] * length

    async def cut_after(fleet: Fleet, place: int) -> None:
        fault = Fault(cut_after=place)
        calls[place] = await call_through(fleet, fleet.registers[place], fault)

    async with fleet_of(tmp_path / "all", platform, length) as fleet:
        await all_at_once(cut_after(fleet, place) for place in range(length))
        await assert_done_once(fleet, platform)
    assert calls[: length - 2 * SPARE_BYTES] == [2] * (length - 2 * SPARE_BYTES)
    assert calls[-1] == 1


PLACES = {
    f"{kind} at {place} {direction.name}": fault
    for direction in (Direction.UP, Direction.DOWN)
    for place in (0, 30, 60, 470, 520, 560)
    for kind, fault in (
        ("garbage", Fault(direction, garbage_at=place, garbage=b"\xfe\x05\x00garbage")),
        ("a flipped bit", Fault(direction, flip_at=place)),
    )
}
REPEATS = {
    f"chunk {chunk} twice {direction.name}": Fault(direction, repeat_chunk=chunk)
    for direction in (Direction.UP, Direction.DOWN)
    for chunk in range(5)
}
WORST = {
    **{name: fault for name, fault in FAULTS.items() if not name.startswith("dead")},
    **PLACES,
    **REPEATS,
}
"""A dead link ends with somebody's patience, which the tests of dialling are about."""


@BOTH
async def test_operation_succeeds_over_a_faulty_link(tmp_path: Path, platform: Platform) -> None:
    async with fleet_of(tmp_path, platform, len(WORST)) as fleet:
        pairs = zip(fleet.registers, WORST.values(), strict=True)
        await all_at_once(call_through(fleet, register, fault) for register, fault in pairs)
        await assert_done_once(fleet, platform)


@BOTH
async def test_conversation_succeeds_one_byte_at_a_time(tmp_path: Path, platform: Platform) -> None:
    async with fleet_of(tmp_path, platform, 4) as fleet:
        calls = [call_through(fleet, one, Fault(drip=True)) for one in fleet.registers]
        assert await asyncio.gather(*calls) == [1] * 4
        await assert_done_once(fleet, platform)
