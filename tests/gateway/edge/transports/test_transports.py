"""One register, one gateway, four roads: the same conversation whatever carries it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fleet.kit.database import Database
from fleet.operations.models import Operation
from gateway.edge.metrics import Outcome
from simulator.calls.bad_links import BadLinkProxy, Direction, Fault
from simulator.calls.talk import Ending
from simulator.calls.talk import Outcome as TalkOutcome
from simulator.calls.transports import RoadName, road_named
from simulator.demo import DemoRegisters
from tests.gateway.edge.certificates import Authority
from tests.gateway.edge.ordering import order, owner_of
from tests.gateway.edge.running import HOST, Running, noticed, outcomes, running

AT_ONCE = 40
"""Calls that are cut at the same time."""


@asynccontextmanager
async def on_two_ports(folder: Path) -> AsyncIterator[tuple[Running, Authority]]:
    authority = Authority(folder)
    authority.issue()
    async with running(folder, certificate=authority.certificate()) as gateway:
        yield gateway, authority


@pytest.mark.parametrize("name", RoadName)
async def test_a_check_in(tmp_path: Path, name: RoadName) -> None:
    async with on_two_ports(tmp_path) as (gateway, authority):
        with noticed(Outcome.SERVED, road=name):
            talk = await gateway.call(DemoRegisters(1)[0], road=road_named(name, authority.file))
            assert talk.accepted and talk.outcome == TalkOutcome(Ending.DONE)
            await gateway.until_quiet()


@pytest.mark.parametrize("name", RoadName)
async def test_an_operation_in_several_steps(tmp_path: Path, name: RoadName) -> None:
    async with on_two_ports(tmp_path) as (gateway, authority):
        register, road = DemoRegisters(1)[0], road_named(name, authority.file)
        serial = register.serial_number
        actor = await owner_of(gateway.database, [serial])
        await gateway.call(register, road=road)
        ordered = await order(gateway.database, actor, [serial], register.platform)
        await gateway.until(lambda: len(gateway.port._due) == 1)
        talk = await gateway.call(register, road=road)
        assert talk.outcome == TalkOutcome(Ending.DONE) and talk.steps_done > 1
        assert await status(gateway.database, ordered[serial]) == "succeeded"
        assert set(register.journal.effects.values()) == {1}


async def status(database: Database, operation_id: int) -> str:
    async with database.read() as db:
        operation = await db.get(Operation, operation_id)
    assert operation is not None
    return operation.status


@pytest.mark.parametrize("name", RoadName)
async def test_drop_by_drop(tmp_path: Path, name: RoadName) -> None:
    """Every byte by itself, both ways."""
    async with on_two_ports(tmp_path) as (gateway, authority):
        number = gateway.tls_number if road_named(name).tls else gateway.number
        assert number is not None
        async with BadLinkProxy(HOST, number, Fault(drip=True)) as proxy:
            road = road_named(name, authority.file)
            assert (await gateway.call(DemoRegisters(1)[0], number=proxy.port, road=road)).accepted


@pytest.mark.parametrize("direction", [Direction.UP, Direction.DOWN])
@pytest.mark.parametrize("name", RoadName)
async def test_half_a_call_costs_nothing_but_time(
    tmp_path: Path, name: RoadName, direction: Direction
) -> None:
    """Cut after every byte, and the next call goes well."""
    async with on_two_ports(tmp_path) as (gateway, authority):
        road = road_named(name, authority.file)
        number = gateway.tls_number if road.tls else gateway.number
        assert number is not None
        registers = DemoRegisters(AT_ONCE)

        async def cut(after: int, index: int) -> bool:
            fault = Fault(direction, cut_after=after)
            async with BadLinkProxy(HOST, number, fault) as proxy:
                talk = await gateway.call(registers[index], number=proxy.port, road=road)
            return talk.outcome == TalkOutcome(Ending.DONE)

        after, went_well = 0, False
        while not went_well:
            cuts = range(after, after + AT_ONCE)
            went_well = all(await asyncio.gather(*(map(cut, cuts, range(AT_ONCE)))))
            after = cuts.stop
        await gateway.until_quiet()
        assert after > 100
        assert (await gateway.call(registers[0], road=road)).outcome == TalkOutcome(Ending.DONE)


async def test_a_register_believes_no_other_authority(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    async with on_two_ports(tmp_path) as (gateway, _):
        before = outcomes("tls")
        road = road_named(RoadName.TLS, Authority(other).file)
        talk = await gateway.call(DemoRegisters(1)[0], road=road)
        assert talk.outcome == TalkOutcome(Ending.BROKEN, "certificate")
        await gateway.until_quiet()
        after = outcomes("tls")
        assert after[Outcome.REFUSED_MALFORMED] + after[Outcome.CUT] == 1 + (
            before[Outcome.REFUSED_MALFORMED] + before[Outcome.CUT]
        )


async def test_http_elsewhere_is_a_clear_end(gateway: Running) -> None:
    road = road_named(RoadName.HTTP, path="/elsewhere")
    with noticed(Outcome.REFUSED_MALFORMED, "http_404", road="http"):
        talk = await gateway.call(DemoRegisters(1)[0], road=road)
        await gateway.until_quiet()
    assert talk.outcome == TalkOutcome(Ending.BROKEN, "http_404")
