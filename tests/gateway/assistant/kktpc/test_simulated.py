"""The host against the whole simulated register, over TCP and over a serial line of two ends."""

import asyncio
import os
import tty
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from gateway.assistant.kktpc import EotRelay, KktHost, Targets, connect, open_serial, open_tcp
from protocol.fields import Fields
from protocol.kktpc import settings
from protocol.kktpc.commands import BY_CODE, CommandFailed, encode_request, parse_answer
from protocol.platforms import Platform
from simulator.kktpc import CallCredentials, LineSetup, serve_serial, serve_tcp
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.assistant.kktpc.scripted_lines import wait_until
from tests.simulator.small_gateway import KEY_RING, GatewayScript, running_small_gateway

SERIAL_NUMBER = "00106101234567"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def noon() -> datetime:
    return NOON


def a_register() -> SimulatedRegister:
    return SimulatedRegister(SERIAL_NUMBER, Platform.V2_5, 61, Random(1), NOON)


@asynccontextmanager
async def null_modem() -> AsyncIterator[tuple[str, str]]:
    """Two ports with a cable between them."""
    loop = asyncio.get_running_loop()
    (one, port), (other, far_port) = os.openpty(), os.openpty()
    for end in (port, far_port):
        tty.setraw(end)

    def carry(source: int, target: int) -> None:
        os.write(target, os.read(source, 1024))

    loop.add_reader(one, carry, one, other)
    loop.add_reader(other, carry, other, one)
    try:
        yield os.ttyname(port), os.ttyname(far_port)
    finally:
        for end in (one, other):
            loop.remove_reader(end)
        for end in (one, other, port, far_port):
            os.close(end)


@asynccontextmanager
async def hosted(road: str, setup: LineSetup | None = None) -> AsyncIterator[KktHost]:
    """A host whose register stands at the end of that road."""
    setup = setup or LineSetup(now=noon)
    async with AsyncExitStack() as stack:
        if road == "tcp":
            server = await serve_tcp(a_register(), "127.0.0.1", 0, setup)
            stack.callback(server.close)
            line = await open_tcp("127.0.0.1", server.sockets[0].getsockname()[1])
        else:
            near, far = await stack.enter_async_context(null_modem())
            level = 2 if road == "serial v2" else 3
            stack.callback((await serve_serial(a_register(), far, level, setup=setup)).close)
            line = await open_serial(near)
        host = await connect(line, serial=road != "tcp", probe_s=0.3)
        stack.callback(host.close)
        yield host


async def ask(host: KktHost, name: str, **fields: Any) -> Fields:
    """The answer's fields; fails on a bad answer."""
    request = encode_request(name, **fields)
    answer = parse_answer(BY_CODE[request[0]], await host.ask(request))
    assert not isinstance(answer, CommandFailed), (name, answer)
    return answer


@pytest.mark.parametrize("road", ["tcp", "serial v3", "serial v2"])
async def test_a_register_is_identified_over_every_line(road: str) -> None:
    async with hosted(road) as host:
        assert host.lower_level == (2 if road.endswith("v2") else 3)
        assert (await ask(host, "read_type"))["model"] == 61
        assert (await ask(host, "read_state"))["model"] == 61
        found = await ask(host, "read_register", register=0x16)
        assert str(bytes(found["data"]).hex()).endswith(SERIAL_NUMBER)
        await ask(host, "enter_mode", mode=4, password="00000030")
        await ask(host, "leave_mode")
        assert (await host.ask(b"\xef\x09"))[:2] == b"\x55\x66"
        assert (await ask(host, "read_type"))["model"] == 61


async def write_setting(host: KktHost, number: int, value: int | str) -> None:
    """A cell at its full length, as the driver does it."""
    setting = settings.find(Platform.V2_5, number)
    assert setting.cell is not None
    table, row, field = setting.cell
    cell = {"table": table, "row": row, "field": field}
    raw = settings.encode_cell(setting, value, settings.cell_length(setting))
    await ask(host, "write_table", **cell, value=raw)


@pytest.mark.parametrize("road", ["tcp", "serial v3"])
async def test_a_register_without_a_network_calls_the_cash_server_through_its_host(
    road: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.kktpc.relay.RETRY_S", 1.0)
    orders = GatewayScript(next_check_in_s=3600)
    key = KEY_RING.register_key(1, a_register().serial)
    assert key is not None
    caller = CallCredentials(key, 1)
    async with (
        running_small_gateway(orders) as gateway,
        hosted(road, LineSetup(credentials=caller, now=noon)) as host,
    ):
        await ask(host, "enter_mode", mode=4, password="00000030")
        for number, value in ((276, 5), (278, "127.0.0.1"), (279, gateway.port)):
            await write_setting(host, number, value)
        await ask(host, "leave_mode")
        targets = Targets(private=frozenset({f"127.0.0.1:{gateway.port}"}))
        async with EotRelay(host, targets) as relay:
            await wait_until(lambda: SERIAL_NUMBER in orders.readings)
            assert relay.register_version == 2
            assert (await ask(host, "read_type"))["model"] == 61
            await wait_until(lambda: not gateway.open)
