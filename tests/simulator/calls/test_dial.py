"""A call over real TCP: every wait ends, and no socket is left."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import cast

import pytest

from protocol.conversation.messages import Keepalive, RefusalReason
from simulator.calls.bad_links import FAULTS, BadLinkProxy, Fault
from simulator.calls.conversation import (
    ConversationEnding,
    ConversationResult,
    RegisterConversation,
)
from simulator.calls.socket_call import CallTimeouts, SocketCall
from simulator.register.simulated_register import SimulatedRegister
from tests.pace import scaled
from tests.simulator.calls.test_conversation import settings_orders
from tests.simulator.conftest import NOON, MakeRegister, until
from tests.simulator.small_gateway import KEY_RING, GatewayScript, Listener, running_small_gateway

SHORT = CallTimeouts(connect_s=0.2, answer_s=0.2, held_s=0.3)


@pytest.fixture
async def orders() -> GatewayScript:
    return GatewayScript(settings_orders())


@pytest.fixture
async def gateway(orders: GatewayScript) -> AsyncIterator[Listener]:
    async with running_small_gateway(orders) as listener:
        yield listener


def new_call(
    register: SimulatedRegister, ended: list[SocketCall], patience: CallTimeouts = SHORT
) -> SocketCall:
    key = KEY_RING.register_key(1, register.serial)
    assert key is not None
    return SocketCall(RegisterConversation(register, key, 1), patience, ended.append, lambda: NOON)


async def until_closed(gateway: Listener, ended: list[SocketCall]) -> None:
    await until(lambda: ended and not gateway.open)


async def test_a_call_does_all_steps_and_closes(
    make_register: MakeRegister, gateway: Listener, orders: GatewayScript
) -> None:
    register, ended = make_register(), list[SocketCall]()
    call = new_call(register, ended)
    await call.dial(gateway.host, gateway.port)
    await until_closed(gateway, ended)
    assert ended == [call]
    assert call.conversation.result == ConversationResult(ConversationEnding.DONE)
    assert len(orders.answers) == 4
    assert call.accepted_s is not None and call.accepted_s >= call.started_s


async def test_a_refused_call_keeps_reason_and_retry_time(
    make_register: MakeRegister, gateway: Listener, orders: GatewayScript
) -> None:
    orders.refuse = (RefusalReason.BUSY, 9)
    ended = list[SocketCall]()
    call = new_call(make_register(), ended)
    await call.dial(gateway.host, gateway.port)
    await until_closed(gateway, ended)
    assert call.conversation.result == ConversationResult(ConversationEnding.REFUSED, "busy", 9)


async def test_a_refused_connection_breaks_the_call(make_register: MakeRegister) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused at once
        ended = list[SocketCall]()
        call = new_call(make_register(), ended)
        await call.dial(*taken.getsockname())
    assert ended == [call]
    assert call.conversation.result == ConversationResult(ConversationEnding.BROKEN, "connect")


async def test_a_full_backlog_times_out(make_register: MakeRegister) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        ended = list[SocketCall]()
        call = new_call(make_register(), ended)
        await call.dial(*full.getsockname())
        for filler in fillers:
            filler.close()
    assert ended == [call]
    assert call.conversation.result == ConversationResult(
        ConversationEnding.BROKEN, "connect_timeout"
    )


async def test_silence_ends_the_call(
    make_register: MakeRegister, gateway: Listener, orders: GatewayScript
) -> None:
    orders.silent = True
    ended = list[SocketCall]()
    call = new_call(make_register(), ended)
    await call.dial(gateway.host, gateway.port)
    await until_closed(gateway, ended)
    assert call.conversation.result == ConversationResult(ConversationEnding.BROKEN, "silence")


class Dripper(asyncio.Protocol):
    """Begins a frame and then sends a byte of it now and then, for ever."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(bytes.fromhex("fe7f01f0"))
        self.drip()

    def drip(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"\x00")
            asyncio.get_running_loop().call_later(0.03, self.drip)


async def test_bytes_without_a_message_count_as_silence(make_register: MakeRegister) -> None:
    drippers = list[Dripper]()

    def answer() -> Dripper:
        drippers.append(Dripper())
        return drippers[-1]

    server = await asyncio.get_running_loop().create_server(answer, "127.0.0.1", 0)
    async with server:
        ended = list[SocketCall]()
        call = new_call(make_register(), ended)
        async with asyncio.timeout(scaled(2)):
            await call.dial(*server.sockets[0].getsockname())
    assert call.conversation.result == ConversationResult(ConversationEnding.BROKEN, "silence")
    (dripper,) = drippers
    await until(dripper.transport.is_closing)


async def test_a_held_call_settles_answers_keepalives_and_reports_again(
    make_register: MakeRegister, gateway: Listener, orders: GatewayScript
) -> None:
    orders.hold, orders.steps = True, []
    register, ended = make_register(), list[SocketCall]()
    call = new_call(register, ended, CallTimeouts(held_s=5, report_s=0.05))
    await call.dial(gateway.host, gateway.port)
    assert not ended and call.conversation.is_held
    (far,) = gateway.open
    far.transport.write(far.gateway.send_unprompted(Keepalive()))
    await until(lambda: len(orders.readings[register.serial_number]) >= 3 and orders.keepalives)
    call.hang_up("stopped")
    await until_closed(gateway, ended)
    assert ended == [call]
    assert call.conversation.result == ConversationResult(ConversationEnding.BROKEN, "stopped")


async def test_a_held_call_ends_when_the_gateway_is_dead(
    make_register: MakeRegister, gateway: Listener, orders: GatewayScript
) -> None:
    orders.hold, orders.steps, orders.next_check_in_s = True, [], 300
    ended = list[SocketCall]()
    call = new_call(make_register(), ended)
    await call.dial(gateway.host, gateway.port)
    await until_closed(gateway, ended)
    assert call.conversation.result == ConversationResult(ConversationEnding.BROKEN, "silence")


@pytest.mark.parametrize("name", sorted(FAULTS))
async def test_every_bad_link_ends_and_nothing_is_done_twice(
    make_register: MakeRegister, gateway: Listener, orders: GatewayScript, name: str
) -> None:
    register, ended = make_register(), list[SocketCall]()
    async with BadLinkProxy(gateway.host, gateway.port, FAULTS[name]) as proxy:
        await new_call(register, ended, CallTimeouts(answer_s=0.5)).dial(proxy.host, proxy.port)
        proxy.fault = FAULTS["none"]
        register.power_cycle()
        await new_call(register, ended).dial(proxy.host, proxy.port)
        await until(lambda: len(ended) == 2)
        assert proxy.connections == 2
    await until_closed(gateway, ended)
    assert ended[1].conversation.result == ConversationResult(ConversationEnding.DONE)
    assert set(register.journal.effects.values()) == {1}
    assert len(orders.answers) == 4


async def test_a_dead_link_stays_open_at_the_far_end(
    make_register: MakeRegister, gateway: Listener
) -> None:
    ended = list[SocketCall]()
    async with BadLinkProxy(gateway.host, gateway.port, FAULTS["dead_before_challenge"]) as proxy:
        call = new_call(make_register(), ended)
        await call.dial(proxy.host, proxy.port)
        assert call.conversation.result == ConversationResult(ConversationEnding.BROKEN, "silence")
        await asyncio.sleep(0.05)
        assert len(gateway.open) == 1
    await until_closed(gateway, ended)


async def test_a_proxy_to_nowhere_hangs_up(make_register: MakeRegister) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host, port = taken.getsockname()
        async with BadLinkProxy(host, port, Fault()) as proxy:
            ended = list[SocketCall]()
            call = new_call(make_register(), ended)
            await call.dial(proxy.host, proxy.port)
            assert call.conversation.result == ConversationResult(ConversationEnding.BROKEN, "cut")
            await until(lambda: not proxy.open_ends)
