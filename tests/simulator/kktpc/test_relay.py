"""Ethernet over transport from the register's side: the vectors of KKT-PC 5, and whole calls to a
cash server through a host that has the network, raw and over HTTP."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from simulator.kktpc import CallCredentials, LineSetup
from simulator.kktpc.line_v3 import LineV3
from simulator.kktpc.relay import MOST_PIECES
from simulator.register.settings_memory import OFD_CHANNEL
from simulator.register.simulated_register import SimulatedRegister
from tests.pace import scaled
from tests.simulator.calls.test_conversation import settings_orders
from tests.simulator.conftest import NOON
from tests.simulator.kktpc.conftest import with_host
from tests.simulator.kktpc.host import HostV3, frame, take_frame
from tests.simulator.small_gateway import (
    KEY_RING,
    GatewayScript,
    SmallGateway,
    running_small_gateway,
)

ARM = {slot: bytes((0xC1, 0x07, slot, 0, 0)) for slot in (0xDE, 0xDF)}
OTHER = {0xDE: 0xDF, 0xDF: 0xDE}


def caller(register: SimulatedRegister) -> CallCredentials:
    key = KEY_RING.register_key(1, register.serial)
    assert key is not None
    return CallCredentials(key, 1)


def cells(place: str, port: int, ofd_port: int) -> Iterator[bytes]:
    """Mode 4 and the cells of table 19: cabinet, OFD, and the channel EoT."""
    yield bytes.fromhex("560400000030")
    for field, value in (
        (9, place.replace("/", "\0/", 1).encode().ljust(64, b"\0")),
        (10, port.to_bytes(2, "big")),
        (1, b"127.0.0.1".ljust(64, b"\0")),
        (2, ofd_port.to_bytes(2, "big")),
        (4, b"\x05"),
    ):
        yield bytes((0x50, 19, 0, 1, field)) + value
    yield b"\x48"


def set_up(register: SimulatedRegister, place: str, port: int, ofd_port: int) -> None:
    for command in cells(place, port, ofd_port):
        assert register.execute(command, NOON) == b"\x55\0\0"
    assert register.memory.value(OFD_CHANNEL) == 5


# ---- packets ------------------------------------------------------------------------------------


def test_the_vectors_of_the_specification_are_followed(register: SimulatedRegister) -> None:
    set_up(register, "127.0.0.1", 7777, 7778)
    line = LineV3(register, caller(register))
    said: list[tuple[int, bytes]] = []

    def take(data: bytes) -> None:
        while (found := take_frame(data)) is not None:
            said.append(found[:2])
            data = found[2]

    slot = 0xDE
    for packet in ("fe080012c10009 0000da0300a3", "fe050016c107de00006b"):
        take(line.receive(bytes.fromhex(packet.replace(" ", "")), 0))
        take(line.work(NOON, 0))
    assert said == [(0x12, b"\xa2"), (0x16, b"\xa8")]
    take(line.receive(frame(0x17, bytes.fromhex("c1000b0000da0100")), 0))
    take(line.work(NOON, 0) + line.tick(NOON, 0))
    assert said[2:] == [(0x17, b"\xa2"), (0xF0, bytes.fromhex("a6deda400102"))]
    for wanted in ("da50028000", "da6002611e", "da7009" + b"127.0.0.1".hex()):
        take(line.receive(frame(0x18, bytes((0xC2, slot))), 0))
        slot = OTHER[slot]
        take(line.receive(frame(0x19, ARM[slot]), 0) + line.tick(NOON, 0))
        assert said[-1] == (0xF0, bytes((0xA6, slot)) + bytes.fromhex(wanted))


def test_a_register_with_another_channel_makes_no_calls(register: SimulatedRegister) -> None:
    line = LineV3(register, caller(register))
    line.receive(frame(1, bytes.fromhex("c100000000da0300")), 0)
    line.work(NOON, 0)
    line.tick(NOON, 100)
    assert line.relay.quiet and line.relay.opened


def test_pieces_for_an_idle_host_are_limited(register: SimulatedRegister) -> None:
    set_up(register, "127.0.0.1", 7777, 7778)
    line = LineV3(register, caller(register))
    for count in range(3 * MOST_PIECES):
        line.relay.receive(bytes.fromhex("da0100"), NOON, float(count))
        line.tick(NOON, float(count))
    waiting = 0
    while line.relay.next_piece() is not None:
        line.relay.on_piece_taken()
        waiting += 1
    assert waiting <= MOST_PIECES


@pytest.mark.parametrize("nonsense", ["da", "da99", "da9900", "da100105", "da0201", "da4001ff"])
def test_malformed_tlvs_are_ignored(register: SimulatedRegister, nonsense: str) -> None:
    line = LineV3(register, caller(register))
    line.relay.receive(bytes.fromhex(nonsense), NOON, 0)
    assert line.relay.quiet


# ---- whole calls --------------------------------------------------------------------------------


class RelayingHost:
    """The PC: it arms the slots by turns and carries bytes between them and real sockets.

    As the manufacturer's driver does, it sends one RECEIVED for each packet size that it is told.
    """

    def __init__(self, host: HostV3) -> None:
        self.host, self.slot = host, 0xDE
        self.sockets: dict[int, socket.socket] = {}
        self.ports: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        self.heard: list[int] = []

    def run(self, until: Callable[[], bool], within_s: float = scaled(10.0)) -> None:
        self.host.send(bytes.fromhex("da0300"))
        self.host.send(bytes.fromhex("da0100"))
        self.host.say(ARM[self.slot])
        deadline = time.monotonic() + within_s
        while not until():
            assert time.monotonic() < deadline, self.heard
            self._take_piece()
            for number in list(self.sockets):
                self._read(number)
        for link in self.sockets.values():
            link.close()

    def _take_piece(self) -> None:
        slot = self.slot
        try:
            data = self.host.wait_for(lambda said: said[:2] == bytes((0xA6, slot)), 0.02)
        except AssertionError:
            return
        assert data[2] == 0xDA and data[4] == len(data) - 5
        self.host.say(bytes((0xC2, slot)))
        self.slot = OTHER[slot]
        self.host.say(ARM[self.slot])
        self._obey(data[3], data[5:])

    def _obey(self, kind: int, value: bytes) -> None:
        self.heard.append(kind)
        number = kind & 1
        if kind & 0xFE == 0x50:
            self.sizes[number] = int.from_bytes(value, "little")
        elif kind & 0xFE == 0x60:
            self.ports[number] = int.from_bytes(value, "little")
        elif kind & 0xFE == 0x70:
            self._connect(number, value.rstrip(b"\0").decode("ascii"))
        elif kind & 0xFE == 0x80 and number in self.sockets:
            self.sockets.pop(number).close()
            self._state(number, 0)
        elif kind & 0xFE == 0x90 and number in self.sockets:
            self.sockets[number].sendall(value)

    def _connect(self, number: int, name: str) -> None:
        try:
            link = socket.create_connection((name, self.ports[number]), timeout=scaled(2.0))
        except OSError:
            self._state(number, 0)
            return
        link.setblocking(False)
        self.sockets[number] = link
        self._state(number, 1)

    def _read(self, number: int) -> None:
        granted = self.sizes.get(number, 0)
        if not granted:
            return
        try:
            data = self.sockets[number].recv(granted)
        except BlockingIOError:
            return
        if data:
            self.sizes[number] = 0
            self.host.send(bytes((0xDA, 0x20 | number, len(data))) + data)
        else:
            self.sockets.pop(number).close()
            self._state(number, 0)

    def _state(self, number: int, state: int) -> None:
        self.host.send(bytes((0xDA, 0x10 | number, 1, state)))


@asynccontextmanager
async def over_http(orders: GatewayScript) -> AsyncIterator[int]:
    """The port of a cash server that takes frames in the bodies of POST /kkt."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gateway = SmallGateway(orders)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"POST /kkt HTTP/1.1\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                said = gateway.receive(await reader.readexactly(length))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def call_through_host(
    register: SimulatedRegister, orders: GatewayScript, until: Callable[[], bool]
) -> list[int]:
    def relay(host: HostV3) -> list[int]:
        pc = RelayingHost(host)
        pc.run(until)
        return pc.heard

    setup = LineSetup(now=lambda: NOON, tick_s=0.01, credentials=caller(register), restart_s=0.1)
    return await with_host("pty", register, relay, setup)


async def test_a_call_through_the_host_does_all_steps(register: SimulatedRegister) -> None:
    orders = GatewayScript(settings_orders())
    async with running_small_gateway(orders) as gateway:
        set_up(register, "127.0.0.1", gateway.port, gateway.port)
        heard = await call_through_host(
            register, orders, lambda: len(orders.answers) == 3 and register.ofd_relayed
        )
    assert orders.readings == {register.serial_number: [1]}
    assert {0x40, 0x50, 0x60, 0x70, 0x90, 0x51, 0x61, 0x71, 0x81} <= set(heard)
    assert register.internet_reached and register.cabinet_reached


async def test_an_http_call_through_the_host_does_all_steps(register: SimulatedRegister) -> None:
    orders = GatewayScript(settings_orders())
    async with over_http(orders) as port:
        set_up(register, "127.0.0.1/kkt", port, port)
        await call_through_host(register, orders, lambda: len(orders.answers) == 3)
    assert orders.readings == {register.serial_number: [1]}


async def test_a_failed_call_shows_the_internet_as_unreached(register: SimulatedRegister) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        set_up(register, "127.0.0.1", port, port)
        register.internet_reached = True
        heard = await call_through_host(
            register, GatewayScript(), lambda: not register.internet_reached
        )
    assert 0x70 in heard and 0x90 not in heard


async def test_the_next_call_comes_when_it_is_due(register: SimulatedRegister) -> None:
    orders = GatewayScript()
    async with running_small_gateway(orders) as gateway:
        set_up(register, "127.0.0.1", gateway.port, gateway.port)

        def twice() -> bool:
            return orders.readings.get(register.serial_number) == [1, 2]

        await call_through_host(register, orders, twice)
