"""One register, one gateway, four roads: the same conversation whatever carries it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fleet.kit.database import Database
from fleet.operations.models import Operation
from gateway.edge.metrics import ConversationOutcome
from protocol.transport import Transport
from simulator.calls.bad_links import BadLinkProxy, Direction, Fault
from simulator.calls.conversation import ConversationEnding
from simulator.calls.conversation import ConversationResult as TalkOutcome
from simulator.calls.transports import SOCKET_TRANSPORTS, transport_setup
from simulator.demo import DemoRegisters
from tests.gateway.edge.certificates import Authority
from tests.gateway.edge.ordering import order, owner_of
from tests.gateway.edge.running_gateway import (
    HOST,
    RunningGateway,
    one_ending_recorded,
    outcomes,
    running_gateway,
)

AT_ONCE = 40
"""Calls that are cut at the same time."""


@asynccontextmanager
async def on_two_ports(folder: Path) -> AsyncIterator[tuple[RunningGateway, Authority]]:
    authority = Authority(folder)
    authority.issue()
    async with running_gateway(folder, certificate=authority.certificate()) as gateway:
        yield gateway, authority


@pytest.mark.parametrize("name", SOCKET_TRANSPORTS)
async def test_a_check_in_is_served_over_each_transport(tmp_path: Path, name: Transport) -> None:
    async with on_two_ports(tmp_path) as (gateway, authority):
        with one_ending_recorded(ConversationOutcome.SERVED, transport=name):
            talk = await gateway.call(
                DemoRegisters(1)[0], transport=transport_setup(name, authority.file)
            )
            assert talk.accepted and talk.result == TalkOutcome(ConversationEnding.DONE)
            await gateway.until_quiet()


@pytest.mark.parametrize("name", SOCKET_TRANSPORTS)
async def test_an_operation_in_several_steps_is_done_once(tmp_path: Path, name: Transport) -> None:
    async with on_two_ports(tmp_path) as (gateway, authority):
        register, road = DemoRegisters(1)[0], transport_setup(name, authority.file)
        serial = register.serial_number
        actor = await owner_of(gateway.database, [serial])
        await gateway.call(register, transport=road)
        ordered = await order(gateway.database, actor, [serial], register.platform)
        await gateway.until(lambda: len(gateway.port._due) == 1)
        talk = await gateway.call(register, transport=road)
        assert talk.result == TalkOutcome(ConversationEnding.DONE) and talk.steps_done > 1
        assert await status(gateway.database, ordered[serial]) == "succeeded"
        assert set(register.journal.effects.values()) == {1}


async def status(database: Database, operation_id: int) -> str:
    async with database.read() as db:
        operation = await db.get(Operation, operation_id)
    assert operation is not None
    return operation.status


@pytest.mark.parametrize("name", SOCKET_TRANSPORTS)
async def test_a_call_of_single_bytes_is_accepted(tmp_path: Path, name: Transport) -> None:
    """Every byte by itself, both ways."""
    async with on_two_ports(tmp_path) as (gateway, authority):
        number = gateway.tls_number if transport_setup(name).tls else gateway.number
        assert number is not None
        async with BadLinkProxy(HOST, number, Fault(drip=True)) as proxy:
            road = transport_setup(name, authority.file)
            assert (
                await gateway.call(DemoRegisters(1)[0], number=proxy.port, transport=road)
            ).accepted


@pytest.mark.parametrize("direction", [Direction.UP, Direction.DOWN])
@pytest.mark.parametrize("name", SOCKET_TRANSPORTS)
async def test_a_call_cut_anywhere_is_repaired_by_the_next(
    tmp_path: Path, name: Transport, direction: Direction
) -> None:
    """Cut after every byte, and the next call goes well."""
    async with on_two_ports(tmp_path) as (gateway, authority):
        road = transport_setup(name, authority.file)
        number = gateway.tls_number if road.tls else gateway.number
        assert number is not None
        registers = DemoRegisters(AT_ONCE)

        async def cut(after: int, index: int) -> bool:
            fault = Fault(direction, cut_after=after)
            async with BadLinkProxy(HOST, number, fault) as proxy:
                talk = await gateway.call(registers[index], number=proxy.port, transport=road)
            return talk.result == TalkOutcome(ConversationEnding.DONE)

        after, went_well = 0, False
        while not went_well:
            cuts = range(after, after + AT_ONCE)
            went_well = all(await asyncio.gather(*(map(cut, cuts, range(AT_ONCE)))))
            after = cuts.stop
        await gateway.until_quiet()
        assert after > 100
        assert (await gateway.call(registers[0], transport=road)).result == TalkOutcome(
            ConversationEnding.DONE
        )


async def test_a_register_trusts_no_other_authority(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    async with on_two_ports(tmp_path) as (gateway, _):
        before = outcomes("tls")
        road = transport_setup(Transport.TLS, Authority(other).file)
        talk = await gateway.call(DemoRegisters(1)[0], transport=road)
        assert talk.result == TalkOutcome(ConversationEnding.BROKEN, "certificate")
        await gateway.until_quiet()
        after = outcomes("tls")
        assert after[ConversationOutcome.REFUSED_MALFORMED] + after[
            ConversationOutcome.CUT
        ] == 1 + (before[ConversationOutcome.REFUSED_MALFORMED] + before[ConversationOutcome.CUT])


async def test_another_http_path_ends_with_404(gateway: RunningGateway) -> None:
    road = transport_setup(Transport.HTTP, path="/elsewhere")
    with one_ending_recorded(ConversationOutcome.REFUSED_MALFORMED, "http_404", transport="http"):
        talk = await gateway.call(DemoRegisters(1)[0], transport=road)
        await gateway.until_quiet()
    assert talk.result == TalkOutcome(ConversationEnding.BROKEN, "http_404")
