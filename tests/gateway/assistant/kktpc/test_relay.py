"""EoT end to end: a scripted register at a real line, real servers on the network."""

import asyncio
import os
import socket as sockets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.assistant.kktpc.host import KktHost, connect
from gateway.assistant.kktpc.lines import open_serial, open_tcp
from gateway.assistant.kktpc.relay import Close, Connect, EotHost, EotRelay, Send, Targets
from tests.gateway.assistant.kktpc.scripted import ScriptedRegister
from tests.gateway.assistant.kktpc.scripted_lines import on_pty, on_tcp, wait_until
from tests.pace import scaled

MUCH = 100 * 1024


class Caller:
    """The register's own side of EoT: it asks for sockets and notes what comes.

    It grants each RECEIVED anew, as a register does, unless ``granting`` is off.
    """

    def __init__(self, register: ScriptedRegister, poke: Callable[[], None]) -> None:
        self._register = register
        self.waiting = register.to_say
        self.poke = poke
        self.granting = True
        self._packets: dict[int, bytes] = {}
        register.on_relayed = self._grant_again

    def _grant_again(self, tlv: bytes) -> None:
        if tlv[0] & 0xFE == 0x20 and self.granting:
            self.waiting.append(self._packets[tlv[0] & 1])

    def grant(self, socket: int, packet: int) -> None:
        """Accept one RECEIVED of at most ``packet`` bytes."""
        value = packet.to_bytes(2, "little").rstrip(b"\0")
        self._packets[socket] = bytes([0x50 + socket, len(value)]) + value
        self.say(0x50 + socket, value)

    def say(self, code: int, value: bytes = b"") -> None:
        self.waiting.append(bytes([code, len(value)]) + value)
        self.poke()

    def dial(self, socket: int, port: int, host: bytes = b"127.0.0.1", packet: int = 128) -> None:
        self.grant(socket, packet)
        self.say(0x60 + socket, port.to_bytes(2, "little"))
        self.say(0x70 + socket, host)

    def send(self, socket: int, data: bytes, size: int = 250) -> None:
        for at in range(0, len(data), size):
            self.say(0x90 + socket, data[at : at + size])

    def told(self, code: int) -> list[bytes]:
        """Values of that type, in order."""
        return [each[2:] for each in self._register.relayed if each[0] == code]

    def received(self, socket: int) -> bytes:
        return b"".join(self.told(0x20 + socket))

    def states(self, socket: int) -> list[int]:
        return [value[0] for value in self.told(0x10 + socket)]


@asynccontextmanager
async def relayed(
    targets: Targets, kind: str = "tcp", connect_s: float = 5.0
) -> AsyncIterator[tuple[Caller, KktHost]]:
    """A register whose host relays."""
    register = ScriptedRegister()
    async with on_tcp(register) as listening, on_pty(register) as pty:
        if kind == "tcp":
            line, poke = await open_tcp("127.0.0.1", listening.port), listening.poke
        else:
            line, poke = await open_serial(pty.path), pty.poke
        host = await connect(line, serial=kind == "pty", probe_s=0.2)
        caller = Caller(register, poke)
        try:
            async with EotRelay(host, targets, connect_s):
                await wait_until(lambda: len(caller.told(1)) > 0)
                yield caller, host
        finally:
            host.close()


Served = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]


@asynccontextmanager
async def serving(serve: Served) -> AsyncIterator[int]:
    """A server on the network; its port."""
    running: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await serve(reader, writer)  # type: ignore[misc]
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            running.discard(task)
            writer.close()

    # Small buffers: what is not read is felt at the other end soon.
    listener = sockets.socket()
    listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 8192)
    listener.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(one, sock=listener)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in running:
            task.cancel()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()


def allowing(*ports: int) -> Targets:
    return Targets(private=frozenset(f"127.0.0.1:{port}" for port in ports))


@pytest.mark.parametrize("kind", ["tcp", "pty"])
async def test_both_sockets_carry_data_both_ways_beside_commands(kind: str) -> None:
    async with serving(echo) as port, relayed(allowing(port), kind) as (register, host):
        sent = [os.urandom(MUCH), os.urandom(MUCH)]
        for socket in (0, 1):
            register.dial(socket, port)
        await wait_until(lambda: register.states(0) == [1] and register.states(1) == [1])
        for socket in (0, 1):
            register.send(socket, sent[socket])
        for number in range(30):
            assert await host.ask(bytes([0x46, number])) == bytes([0x55, 0, 0x46, number])
        for socket in (0, 1):
            await wait_until(lambda s=socket: len(register.received(s)) >= MUCH, 40)  # type: ignore[misc]
            assert register.received(socket) == sent[socket]
        register.say(0x80)
        await wait_until(lambda: register.states(0) == [1, 0])


async def test_received_data_waits_for_the_packet_size_and_obeys_it() -> None:
    async with serving(echo) as port, relayed(allowing(port)) as (register, _):
        register.say(0x60, port.to_bytes(2, "little"))
        register.say(0x70, b"127.0.0.1\0")
        await wait_until(lambda: register.states(0) == [1])
        register.send(0, b"hello" * 20)
        await asyncio.sleep(0.2)
        assert register.received(0) == b""
        register.grant(0, 16)
        await wait_until(lambda: register.received(0) == b"hello" * 20)
        assert max(map(len, register.told(0x20))) == 16


@pytest.mark.parametrize("times", [0, 1, 2])
async def test_a_packet_size_is_a_grant_for_one_piece_however_often_it_is_said(
    times: int,
) -> None:
    async with serving(echo) as port, relayed(allowing(port)) as (register, host):
        register.granting = False
        register.say(0x60, port.to_bytes(2, "little"))
        register.say(0x70, b"127.0.0.1\0")
        await wait_until(lambda: register.states(0) == [1])
        for _ in range(times):
            register.grant(0, 10)
        register.send(0, b"x" * 100)
        await wait_until(lambda: len(register.received(0)) >= min(times, 1) * 10)
        await asyncio.sleep(0.2)
        assert await host.ask(b"\x45") == b"\x55\x00\x45"
        assert register.received(0) == b"x" * 10 * min(times, 1)


async def test_a_late_grant_still_gets_what_a_closed_server_sent() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 300)

    async with serving(greet) as port, relayed(allowing(port)) as (register, _):
        register.granting = False
        register.dial(0, port)
        await wait_until(lambda: len(register.received(0)) == 128)
        await asyncio.sleep(0.2)
        assert register.states(0) == [1]
        for length in (256, 300):
            register.grant(0, 128)
            await wait_until(lambda n=length: len(register.received(0)) == n)  # type: ignore[misc]
        await wait_until(lambda: register.states(0) == [1, 0])


async def test_the_versions_are_exchanged() -> None:
    async with relayed(Targets()) as (register, _):
        register.say(0x42)
        await wait_until(lambda: register.told(0x02) == [b"\x02"])
        register.say(0x40, b"\x01")
        asked = len(register.told(0x01))
        await asyncio.sleep(1.4)
        assert len(register.told(0x01)) <= asked + 1
        assert register.told(0x03) == [b""]


async def test_a_servers_hang_up_is_reported_after_its_last_bytes() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 5000)

    async with serving(greet) as port, relayed(allowing(port)) as (register, _):
        for expected in ([1, 0], [1, 0, 1, 0]):
            register.dial(0, port)
            await wait_until(lambda e=expected: register.states(0) == e)  # type: ignore[misc]
        assert register.received(0) == b"x" * 10_000


async def test_a_slow_server_slows_the_register() -> None:
    go_on = asyncio.Event()
    got = bytearray()

    async def slow(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await go_on.wait()
        while data := await reader.read(65_536):
            got.extend(data)

    async with serving(slow) as port, relayed(allowing(port)) as (register, host):
        register.dial(0, port)
        await wait_until(lambda: register.states(0) == [1])
        # More than the buffers of two sockets hold: the register keeps the rest.
        waiting = register.waiting
        waiting.extend(bytes([0x90, 250]) + os.urandom(250) for _ in range(4_000))
        register.poke()
        held = -1
        while held != len(waiting):
            held = len(waiting)
            await asyncio.sleep(0.3)
        assert held > 0
        assert await host.ask(b"\x45") == b"\x55\x00\x45"
        go_on.set()
        await wait_until(lambda: len(waiting) < held)


@pytest.mark.parametrize(
    ("host", "targets"),
    [
        (b"127.0.0.1", Targets()),
        (b"localhost", Targets()),
        (b"127.0.0.1", Targets(only=frozenset({"ofd.example:7777"}))),
        (b"no such name", Targets()),
        (b"::1", Targets()),
        (b"192.168.0.1", Targets()),
        (b"::ffff:10.0.0.1", Targets()),
    ],
)
async def test_a_register_cannot_reach_the_pc(host: bytes, targets: Targets) -> None:
    dialled: list[object] = []

    async def note(*ends: object) -> None:
        dialled.append(ends)

    async with serving(note) as port, relayed(targets, connect_s=1) as (register, _):
        register.dial(0, port, host)
        await asyncio.sleep(0.1)
        if b" " not in host:
            await wait_until(lambda: register.states(0) == [0])
        assert not dialled


async def test_a_missing_server_is_reported(closed_port: int) -> None:
    async with relayed(allowing(closed_port)) as (register, _):
        register.dial(1, closed_port)
        await wait_until(lambda: register.states(1) == [0])
        register.say(0x60, b"\0\0")
        register.say(0x70, b"127.0.0.1")
        await wait_until(lambda: register.states(0) == [0])


async def test_dialling_again_uses_the_new_connection() -> None:
    async with serving(echo) as port, relayed(allowing(port)) as (register, _):
        for number in range(1, 4):
            register.dial(0, port)
            await wait_until(lambda n=number: register.states(0) == [1] * n)  # type: ignore[misc]
        register.send(0, b"last")
        await wait_until(lambda: register.received(0) == b"last")


async def test_sockets_close_with_the_line() -> None:
    ended = asyncio.Event()

    async def until_end(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()

    register = ScriptedRegister()
    async with serving(until_end) as port, on_tcp(register) as listening:
        host = await connect(await open_tcp("127.0.0.1", listening.port), serial=False)
        caller = Caller(register, listening.poke)
        async with EotRelay(host, allowing(port)):
            await wait_until(lambda: bool(caller.told(1)))
            caller.dial(0, port)
            await wait_until(lambda: caller.states(0) == [1])
            listening.unplug()
            await host.wait_lost()
        await asyncio.wait_for(ended.wait(), scaled(5))
    assert len(asyncio.all_tasks()) <= 2


def test_the_vectors_of_the_specification_are_followed() -> None:
    eot = EotHost()
    assert eot.begin() == [Close(0), Close(1)]
    assert [each.hex() for each in eot.to_register] == ["da0300", "da0100"]
    eot.to_register.clear()
    assert eot.on_packet(bytes.fromhex("da400101")) == []
    assert eot.register_version == 1
    eot.on_packet(bytes.fromhex("da60021e61"[:6] + "611e"))
    orders = eot.on_packet(bytes.fromhex("da70093132372e302e302e31"))
    assert orders == [Close(0), Connect(0, "127.0.0.1", 7777)]
    eot.on_connected(0, True)
    assert eot.to_register == [bytes.fromhex("da100101")]
    assert eot.free_bytes(0) == 0
    eot.on_packet(bytes.fromhex("da50028000"))
    assert eot.free_bytes(0) == 128
    assert eot.on_packet(bytes.fromhex("da900568656c6c6f")) == [Send(0, b"hello")]
    eot.on_network_data(0, b"ECHO:hello")
    assert eot.free_bytes(0) == 0
    assert eot.to_register[-1] == bytes.fromhex("da200a4543484f3a68656c6c6f")
    assert eot.on_packet(bytes.fromhex("da8000")) == [Close(0)]
    assert eot.to_register[-1] == bytes.fromhex("da100100")


@given(st.lists(st.binary(max_size=20) | st.binary(max_size=12).map(lambda b: b"\xda" + b)))
def test_any_packet_leaves_the_relay_working(packets: list[bytes]) -> None:
    eot = EotHost()
    for packet in packets:
        eot.on_packet(packet)
    assert len(eot.to_register) <= len(packets)
