"""Registers that come and go."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.assistant.kktpc.discovery import (
    Discovery,
    Found,
    LineKind,
    Lost,
    Port,
    Sources,
    listed_ports,
    split_address,
)
from gateway.assistant.kktpc.errors import LineBusy, LineLost
from gateway.assistant.kktpc.lines import open_serial
from protocol.platforms import Platform
from tests.gateway.assistant.kktpc.scripted import ScriptedRegister
from tests.gateway.assistant.kktpc.scripted_lines import on_pty, on_tcp, wait_until
from tests.gateway.assistant.kktpc.test_host import Platform5
from tests.pace import scaled


def quick(ports: tuple[str, ...] = (), addresses: tuple[str, ...] = ()) -> Sources:
    return Sources(
        ports=ports, addresses=addresses, poll_s=0.03, probe_s=0.1, rest_s=0.05, most_rest_s=0.1
    )


class Events:
    """One by one, within a time."""

    def __init__(self, discovery: Discovery) -> None:
        self._events = discovery.events()

    async def next(self) -> Found | Lost:
        return await asyncio.wait_for(anext(self._events), scaled(10))

    async def found(self) -> Found:
        event = await self.next()
        assert isinstance(event, Found)
        return event


@asynccontextmanager
async def looking(sources: Sources, ports: list[Port] | None = None) -> AsyncIterator[Events]:
    plugged = ports if ports is not None else []
    async with Discovery(sources, ports=lambda: list(plugged)) as discovery:
        yield Events(discovery)


async def test_a_register_at_an_address_is_found_lost_and_found_again() -> None:
    async with on_tcp() as listening:
        address = f"127.0.0.1:{listening.port}"
        async with looking(quick(addresses=(address,))) as events:
            for _ in range(2):
                found = await events.found()
                assert found[:3] == (address, LineKind.TCP, Platform.V2_5)
                assert found.host is not None
                assert await found.host.ask(b"\x45") == b"\x55\x00\x45"
                listening.unplug()
                assert (await events.next())[0] == address
                with pytest.raises(LineLost):
                    await found.host.ask(b"\x45")


async def test_a_port_unplugged_during_a_command_is_lost() -> None:
    register = ScriptedRegister(slow=60)
    async with on_pty(register) as pty, looking(quick(ports=(pty.path,))) as events:
        found = await events.found()
        assert found.kind is LineKind.SERIAL and found.host is not None
        asked = asyncio.create_task(found.host.ask(b"\x45"))
        await asyncio.sleep(0.05)
        pty.unplug()
        lost = await events.next()
        assert isinstance(lost, Lost) and lost.place == pty.path
        with pytest.raises(LineLost):
            await asked


async def test_usb_ports_are_followed_and_foreign_ones_left_alone() -> None:
    plugged: list[Port] = []
    stranger = ScriptedRegister()
    async with on_pty() as pty, on_pty(stranger) as other, looking(quick(), plugged) as events:
        plugged.append(Port(other.path, 0x0403))
        plugged.append(Port(pty.path, 0x2912))
        found = await events.found()
        assert found[:2] == (pty.path, LineKind.USB)
        del plugged[1]
        lost = await events.next()
        assert lost[0] == pty.path
        plugged.append(Port(pty.path, 0x2912))
        assert (await events.found()).place == pty.path
        assert stranger.heard == []


async def test_a_silent_register_is_found_when_it_is_switched_on() -> None:
    register = ScriptedRegister(mute=True)
    async with on_tcp(register) as listening:
        sources = quick(addresses=(f"127.0.0.1:{listening.port}",))
        async with looking(sources) as events:
            loop = asyncio.get_running_loop()
            began = loop.time()
            await wait_until(lambda: len(listening.connections) > 3)
            assert loop.time() - began > 2 * sources.probe_s
            register.mute = False
            await events.found()


async def test_a_port_that_another_program_holds_is_found_when_it_is_free() -> None:
    async with on_pty() as pty:
        holder = await open_serial(pty.path)
        async with looking(quick(ports=(pty.path,))) as events:
            await asyncio.sleep(0.2)
            holder.close()
            assert (await events.found()).place == pty.path


async def opened_between_looks(path: str) -> None:
    """As the driver's service would take the port, which is looked at every tenth of a second."""
    async with asyncio.timeout(scaled(5)):
        while True:
            with contextlib.suppress(LineBusy):
                (await open_serial(path)).close()
                return
            await asyncio.sleep(0.005)


async def test_platform_5_0_is_reported_once_and_its_port_released() -> None:
    async with on_pty(Platform5()) as pty, looking(quick(ports=(pty.path,))) as events:
        found = await events.found()
        assert (found.platform, found.host) == (Platform.V5_0, None)
        await asyncio.sleep(0.4)
        await opened_between_looks(pty.path)
        pty.unplug()
        assert isinstance(await events.next(), Lost)


async def test_a_port_with_two_names_is_used_once(tmp_path: Path) -> None:
    async with on_pty() as pty:
        name = tmp_path / "by-id"
        name.symlink_to(pty.path)
        async with looking(quick(ports=(str(name),)), [Port(pty.path, 0x2912)]) as events:
            assert (await events.found())[:2] == (str(name), LineKind.USB)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(events.next(), 0.3)


async def test_a_failing_port_list_does_not_stop_discovery() -> None:
    troubles = [OSError("busy"), OSError("busy")]

    def ports() -> list[Port]:
        if troubles:
            raise troubles.pop()
        return [Port(pty.path, 0x2912)]

    async with on_pty() as pty, Discovery(quick(), ports=ports) as discovery:
        assert (await Events(discovery).found()).place == pty.path


async def test_stopping_discovery_leaves_nothing_open() -> None:
    async with on_tcp() as listening:
        async with looking(quick(addresses=(f"127.0.0.1:{listening.port}",))) as events:
            found = await events.found()
        assert found.host is not None and found.host.lost == "closed"
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.7", ("10.0.0.7", 5555)),
        ("kkt.shop:5556", ("kkt.shop", 5556)),
        ("[fe80::1]", ("fe80::1", 5555)),
        ("[fe80::1]:1", ("fe80::1", 1)),
    ],
)
def test_an_address_is_parsed(text: str, address: tuple[str, int]) -> None:
    assert split_address(text) == address


@pytest.mark.parametrize("text", ["", ":1", "host:", "host:x", "host:0", "host:65536"])
def test_an_invalid_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        split_address(text)


def test_the_ports_of_this_computer_can_be_listed() -> None:
    assert all(port.name for port in listed_ports())
