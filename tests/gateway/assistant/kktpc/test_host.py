"""A host and a register at the two ends of a real line."""

import asyncio
import threading

import pytest
import serial

from gateway.assistant.kktpc.errors import (
    CommandNotDone,
    LineBusy,
    LineLost,
    NoKktPcAnswer,
    UnsupportedPlatform,
)
from gateway.assistant.kktpc.host import KktHost, connect
from gateway.assistant.kktpc.lines import ThreadedSerialLine, open_serial, open_tcp
from tests.gateway.assistant.kktpc.scripted import ScriptedRegister
from tests.gateway.assistant.kktpc.scripted_lines import (
    ListeningRegister,
    Pty,
    on_pty,
    on_tcp,
    wait_until,
)
from tests.gateway.assistant.kktpc.scripted_v2 import ScriptedV2
from tests.pace import scaled

QUICK = 0.15


class Platform5:
    """What is public of it: it echoes its probe."""

    def feed(self, data: bytes, now: float) -> bytes:
        at = data.find(b"$@")
        return data[at : at + 13] if at >= 0 else b""

    def tick(self, now: float) -> bytes:
        return b""


async def over_tcp(listening: ListeningRegister) -> KktHost:
    line = await open_tcp("127.0.0.1", listening.port)
    return await connect(line, serial=False, probe_s=QUICK)


async def over_pty(pty: Pty) -> KktHost:
    return await connect(await open_serial(pty.path), serial=True, probe_s=QUICK)


@pytest.mark.parametrize("kind", ["tcp", "pty"])
async def test_commands_are_answered_over_a_real_line(kind: str) -> None:
    register = ScriptedRegister()
    async with on_tcp(register) as listening, on_pty(register) as pty:
        host = await (over_tcp(listening) if kind == "tcp" else over_pty(pty))
        assert host.lower_level == 3
        commands = [b"\x46" + bytes([number]) for number in range(50)]
        answers = await asyncio.gather(*map(host.ask, commands))
        assert answers == [b"\x55\x00" + command for command in commands]
        assert await host.ask(b"\xec\x04\x00\x00" + bytes(900), need_result=False) == b""
        host.close()
        await wait_until(lambda: register.aborts == 2)


async def test_the_largest_command_goes_through_a_serial_line() -> None:
    async with on_pty() as pty:
        host = await over_pty(pty)
        command = b"\x50" + b"\xfe\xfd" * 4000
        assert await host.ask(command) == b"\x55\x00" + command
        host.close()


@pytest.mark.parametrize("kind", ["tcp", "pty"])
async def test_unplugging_during_a_command_is_reported(kind: str) -> None:
    register = ScriptedRegister(slow=60)
    async with on_tcp(register) as listening, on_pty(register) as pty:
        host = await (over_tcp(listening) if kind == "tcp" else over_pty(pty))
        asked = asyncio.create_task(host.ask(b"\x91\x16"))
        await wait_until(lambda: bool(register.executed))
        (listening if kind == "tcp" else pty).unplug()
        with pytest.raises(LineLost):
            await asyncio.wait_for(asked, scaled(5))
        assert host.lost
        with pytest.raises(LineLost):
            await host.ask(b"\x45")


async def test_a_cancelled_caller_does_not_mix_up_the_answers() -> None:
    register = ScriptedRegister(slow=0.2)
    async with on_tcp(register) as listening:
        host = await over_tcp(listening)
        asked = asyncio.create_task(host.ask(b"\x45"))
        await wait_until(lambda: bool(register.executed))
        asked.cancel()
        assert await host.ask(b"\x3f") == b"\x55\x00\x3f"
        host.close()


async def test_platform_5_0_is_reported_and_gets_no_commands() -> None:
    async with on_tcp(Platform5()) as listening:
        with pytest.raises(UnsupportedPlatform):
            await over_tcp(listening)


async def test_a_v2_register_is_supported_on_serial_lines() -> None:
    register = ScriptedV2()
    async with on_pty(register) as pty:
        host = await over_pty(pty)
        assert host.lower_level == 2
        command = b"\x50\x02\x03\x10\x10\x04"
        assert await host.ask(command) == b"\x55\x00" + command
        assert register.executed == [b"\xa5", command]
        with pytest.raises(CommandNotDone):
            await host.ask(bytes(300))
        with pytest.raises(NoKktPcAnswer):
            host.set_relay_listener(None)
        host.close()


async def test_a_command_that_no_packet_carries_is_refused_and_the_next_is_answered() -> None:
    async with on_tcp() as listening:
        host = await over_tcp(listening)
        with pytest.raises(CommandNotDone):
            await host.ask(bytes(16_384))
        assert await host.ask(b"\x45") == b"\x55\x00\x45"
        host.close()


async def test_a_silent_line_is_reported_as_silent() -> None:
    async with on_tcp(ScriptedRegister(mute=True)) as listening:
        with pytest.raises(NoKktPcAnswer):
            await over_tcp(listening)
        await wait_until(lambda: bool(listening.connections))


async def test_a_port_is_held_by_one_host() -> None:
    async with on_pty() as pty:
        host = await over_pty(pty)
        with pytest.raises(LineBusy):
            await open_serial(pty.path)
        host.close()
        (await open_serial(pty.path)).close()


async def test_a_missing_port_cannot_be_opened() -> None:
    with pytest.raises(LineLost):
        await open_serial("/dev/no-such-port")
    async with on_tcp() as listening:
        port = listening.port
    with pytest.raises(LineLost):
        await open_tcp("127.0.0.1", port)


async def test_the_threaded_line_behaves_like_the_other() -> None:
    register = ScriptedRegister(slow=0.1)
    async with on_pty(register) as pty:
        line = ThreadedSerialLine(serial.Serial(pty.path, exclusive=True))
        host = await connect(line, serial=True, probe_s=QUICK)
        assert await host.ask(b"\x45") == b"\x55\x00\x45"
        register.slow = 60
        asked = asyncio.create_task(host.ask(b"\x91\x16"))
        await wait_until(lambda: len(register.executed) == 2)
        pty.unplug()
        with pytest.raises(LineLost):
            await asyncio.wait_for(asked, scaled(5))
    await wait_until(
        lambda: not any(each.name.startswith("line ") for each in threading.enumerate())
    )
