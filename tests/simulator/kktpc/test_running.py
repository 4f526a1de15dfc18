"""``python -m simulator device``: it says where it listens, answers, and ends when told to."""

import asyncio
import os
import signal
import socket
import sys

import pytest

from tests.pace import scaled
from tests.simulator.kktpc.host import HostV3, Wire, over_tcp


async def start(*words: str) -> asyncio.subprocess.Process:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator", "device", *words, stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    said = [await asyncio.wait_for(program.stdout.readline(), scaled(20)) for _ in range(2)]
    assert "ожидает" in said[0].decode() and b"is listening" in said[1]
    return program


def serial_number(host: HostV3) -> bytes:
    host.begin()
    return host.ask(b"\x91\x16\0\0")


async def end(program: asyncio.subprocess.Process) -> None:
    program.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(program.wait(), scaled(10)) == 0


@pytest.mark.parametrize("line", ["tcp", "pty"])
async def test_the_program_runs_until_a_signal(line: str) -> None:
    if line == "tcp":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = free.getsockname()
        program = await start("--listen", f"127.0.0.1:{address[1]}")
        wire = over_tcp(address)
    else:
        ours, theirs = os.openpty()
        program = await start("--serial", os.ttyname(theirs), "--serial-number", "00106101234567")
        wire = Wire(ours, lambda: os.close(ours))
        os.close(theirs)
    answer = await asyncio.to_thread(serial_number, HostV3(wire))
    assert answer.hex() == "550000106101234567"
    await end(program)
    wire.close()


@pytest.mark.parametrize(
    "words",
    [(), ("--listen", "nowhere"), ("--serial", "/dev/no-such-port"), ("--serial-number", "1")],
)
async def test_a_wrong_address_or_port_is_refused_without_traceback(words: tuple[str, ...]) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator", "device", *words, stderr=asyncio.subprocess.PIPE
    )
    _, said = await asyncio.wait_for(program.communicate(), scaled(20))
    assert program.returncode == 2 and b"Traceback" not in said
