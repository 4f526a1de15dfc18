"""The scripted register at the end of a real line: TCP on 127.0.0.1 or a pseudo-terminal."""

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol, cast

from tests.gateway.assistant.kktpc.scripted import ScriptedRegister
from tests.pace import scaled


class ScriptedEnd(Protocol):
    """A register of either lower level."""

    def feed(self, data: bytes, now: float) -> bytes: ...

    def tick(self, now: float) -> bytes: ...


class TcpConnection(asyncio.Protocol):
    """One connection of a host."""

    transport: asyncio.Transport | None = None

    def __init__(self, register: ScriptedEnd) -> None:
        self._register = register

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(self._register.feed(data, asyncio.get_running_loop().time()))

    def poke(self) -> None:
        """Send the register's unrequested messages."""
        assert self.transport is not None
        self.transport.write(self._register.tick(asyncio.get_running_loop().time()))


class Pty:
    """A pseudo-terminal with a register at its master; ``path`` is the host's port."""

    def __init__(self, register: ScriptedEnd) -> None:
        self.register = register
        self._loop = asyncio.get_running_loop()
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        # One descriptor of the slave stays open, so that the master survives a host's closing.
        self._slave = slave
        os.set_blocking(self._master, False)
        self._loop.add_reader(self._master, self._readable)
        self._plugged, self._unsent = True, b""

    def _readable(self) -> None:
        self._say(self.register.feed(os.read(self._master, 4096), self._loop.time()))

    def _say(self, reply: bytes) -> None:
        self._unsent += reply
        with contextlib.suppress(BlockingIOError):
            self._unsent = self._unsent[os.write(self._master, self._unsent) :]
        if self._unsent:
            self._loop.add_writer(self._master, self._say, b"")
        else:
            self._loop.remove_writer(self._master)

    def poke(self) -> None:
        """Send the register's unrequested messages."""
        self._say(self.register.tick(self._loop.time()))

    def unplug(self) -> None:
        """Pull out the cable."""
        if self._plugged:
            self._plugged = False
            self._loop.remove_reader(self._master)
            self._loop.remove_writer(self._master)
            os.close(self._master)
            os.close(self._slave)


@asynccontextmanager
async def on_pty(register: ScriptedEnd | None = None) -> AsyncIterator[Pty]:
    pty = Pty(register or ScriptedRegister())
    try:
        yield pty
    finally:
        pty.unplug()


class ListeningRegister:
    """A register that listens on the network."""

    def __init__(self, register: ScriptedEnd) -> None:
        self.register = register
        self.connections: list[TcpConnection] = []
        self.port = 0

    def accept(self) -> TcpConnection:
        connection = TcpConnection(self.register)
        self.connections.append(connection)
        return connection

    def poke(self) -> None:
        self.connections[-1].poke()

    def unplug(self) -> None:
        for connection in self.connections:
            if connection.transport is not None:
                connection.transport.abort()


@asynccontextmanager
async def on_tcp(
    register: ScriptedEnd | None = None, port: int = 0
) -> AsyncIterator[ListeningRegister]:
    listening = ListeningRegister(register or ScriptedRegister())
    loop = asyncio.get_running_loop()
    server = await loop.create_server(listening.accept, "127.0.0.1", port)
    listening.port = server.sockets[0].getsockname()[1]
    try:
        yield listening
    finally:
        server.close()
        listening.unplug()


async def wait_until(what: Callable[[], bool], within_s: float = scaled(10.0)) -> None:
    """Returns as soon as it is so."""
    async with asyncio.timeout(within_s):
        while not what():  # noqa: ASYNC110 - the condition is about another party's state
            await asyncio.sleep(0.005)
