"""Lines that hosts can reach: a TCP port and a serial line or pty, for one register each.

One host is connected at a time. On TCP a new host replaces the previous one, because a half-dead
connection must not lock the register away. A restarting register answers nobody.
"""

import asyncio
import os
import socket
import tty
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, cast

import serial

from protocol.platforms import Platform
from simulator.calls.socket_call import utc_now
from simulator.kktpc.line_v2 import LineV2
from simulator.kktpc.line_v3 import LineV3
from simulator.kktpc.probe import ProbeLine
from simulator.kktpc.relay import CallCredentials
from simulator.register.simulated_register import SimulatedRegister

READ_AT_ONCE: Final = 4096
LAST_WORD_S: Final = 1.0
"""Seconds that a restart waits for the host to acknowledge the last answer."""

MOST_UNSENT: Final = 1 << 20
"""Bytes that a host may leave unread; beyond them TCP hangs up and serial drops the bytes."""


@dataclass(frozen=True, slots=True)
class LineSetup:
    """Options of a served line.

    ``work_s`` is how long each command takes, ``restart_s`` how long a restart takes, ``tick_s``
    the period of the register's own work. ``credentials`` are for calls to the cash server through
    the host; without them it makes none.
    """

    work_s: float = 0.0
    restart_s: float = 3.5
    tick_s: float = 0.05
    credentials: CallCredentials | None = None
    now: Callable[[], datetime] = utc_now


Write = Callable[[bytes], None]


class RegisterLine(Protocol):
    """The register's end of a line of any level, as the runner uses it."""

    @property
    def busy(self) -> bool: ...
    @property
    def quiet(self) -> bool: ...
    def receive(self, data: bytes, now_s: float) -> bytes: ...
    def work(self, now: datetime, now_s: float) -> bytes: ...
    def tick(self, now: datetime, now_s: float) -> bytes: ...
    def hang_up(self) -> None: ...
    def restart(self) -> None: ...


def _line(
    register: SimulatedRegister, lower_level: int, caller: CallCredentials | None
) -> RegisterLine:
    if register.platform is Platform.V5_0:
        return ProbeLine()
    return LineV2(register) if lower_level == 2 else LineV3(register, caller)


class LineRunner:
    """One register on one line: the runner passes bytes and time to the line.

    ``attach`` connects a host, ``detach`` disconnects it; ``on_restart`` is called when the power
    is lost.
    """

    def __init__(
        self,
        register: SimulatedRegister,
        setup: LineSetup,
        on_restart: Callable[[], None],
        lower_level: int = 3,
    ) -> None:
        self.register = register
        register.by_host = True
        self._setup, self._lower_level, self._on_restart = setup, lower_level, on_restart
        self._line = _line(register, lower_level, setup.credentials)
        self._loop = asyncio.get_running_loop()
        self._restarts = register.restarts
        self._leaves_at_s: float | None = None
        self._write: Write | None = None
        self._working: asyncio.TimerHandle | None = None
        self._away: asyncio.TimerHandle | None = None
        self._turn = self._loop.call_later(setup.tick_s, self._take_turn)

    @property
    def is_restarting(self) -> bool:
        """Tell whether the register is restarting."""
        return self._away is not None

    def attach(self, write: Write) -> None:
        """Connect a host, which receives bytes through ``write``."""
        self._line.hang_up()
        self._write = write

    def detach(self) -> None:
        """Disconnect the host; its requests are still executed."""
        self._write = None

    def on_data(self, data: bytes) -> None:
        """Handle bytes from the host."""
        if self.is_restarting:
            return
        self._say(self._line.receive(data, self._loop.time()))
        self._serve_line()

    def close(self) -> None:
        """Stop all work on the line."""
        self.detach()
        for timer in (self._working, self._away, self._turn):
            if timer is not None:
                timer.cancel()

    def _say(self, data: bytes) -> None:
        if data and self._write is not None:
            self._write(data)

    def _go_on(self) -> None:
        if self._line.busy and self._working is None and self._leaves_at_s is None:
            self._working = self._loop.call_later(self._setup.work_s, self._work)

    def _work(self) -> None:
        self._working = None
        self._say(self._line.work(self._setup.now(), self._loop.time()))
        self._serve_line()

    def _take_turn(self) -> None:
        self._turn = self._loop.call_later(self._setup.tick_s, self._take_turn)
        self._serve_line()

    def _serve_line(self) -> None:
        """Do the work that is due besides the commands, and start a restart that is due."""
        if self.is_restarting:
            return
        self._say(self._line.tick(self._setup.now(), self._loop.time()))
        if self.register.restart_due or self.register.restarts != self._restarts:
            self._prepare_to_leave()
        else:
            self._go_on()

    def _prepare_to_leave(self) -> None:
        """Restart when the host has taken the last answer, or after ``LAST_WORD_S``."""
        now_s = self._loop.time()
        self._leaves_at_s = self._leaves_at_s or now_s + LAST_WORD_S
        if self._line.quiet or now_s >= self._leaves_at_s:
            if self.register.restart_due:
                self.register.restart()
            self._leave()

    def _leave(self) -> None:
        self._restarts, self._leaves_at_s = self.register.restarts, None
        if self._working is not None:
            self._working.cancel()
            self._working = None
        self._on_restart()
        self._away = self._loop.call_later(self._setup.restart_s, self._come_back)

    def _come_back(self) -> None:
        self._away = None
        if isinstance(self._line, ProbeLine) != (self.register.platform is Platform.V5_0):
            self._line = _line(self.register, self._lower_level, self._setup.credentials)
        self._line.restart()


class _HostConnection(asyncio.Protocol):
    """The connection of one host."""

    def __init__(self, server: "RegisterServer") -> None:
        self._server = server
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports behave like asyncio's but do not inherit from them.
        self.transport = cast(asyncio.Transport, transport)
        self._server.on_host_connected(self)

    def data_received(self, data: bytes) -> None:
        self._server.on_host_data(self, data)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.on_host_disconnected(self)

    def write(self, data: bytes) -> None:
        """Send the bytes; disconnect a host that does not read."""
        if self.transport is None or self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() > MOST_UNSENT:
            self.transport.abort()
        else:
            self.transport.write(data)

    def hang_up(self) -> None:
        """Close the connection after sending what is already queued."""
        if self.transport is not None:
            self.transport.close()


class RegisterServer:
    """A register on a TCP port, until it is closed."""

    def __init__(self, register: SimulatedRegister, setup: LineSetup) -> None:
        self._station = LineRunner(register, setup, self._hang_up)
        self._caller: _HostConnection | None = None
        self._server: asyncio.Server | None = None

    @property
    def register(self) -> SimulatedRegister:
        """Return the register behind the port."""
        return self._station.register

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """Return the listening sockets."""
        return () if self._server is None else tuple(self._server.sockets)

    async def listen(self, host: str, port: int) -> None:
        """Open the port; raise ``OSError`` if that is impossible."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _HostConnection(self), host, port)

    def close(self) -> None:
        """Hang up and stop listening."""
        if self._server is not None:
            self._server.close()
        self._hang_up()
        self._station.close()

    async def wait_closed(self) -> None:
        """Wait until the port is free."""
        if self._server is not None:
            await self._server.wait_closed()

    def on_host_connected(self, caller: _HostConnection) -> None:
        """Replace the current host with the new one."""
        self._hang_up()
        if self._station.is_restarting:
            caller.hang_up()
            return
        self._caller = caller
        self._station.attach(caller.write)

    def on_host_data(self, caller: _HostConnection, data: bytes) -> None:
        """Handle bytes of the current host; ignore those of an earlier one."""
        if caller is self._caller:
            self._station.on_data(data)

    def on_host_disconnected(self, caller: _HostConnection) -> None:
        """Detach the host if it is the current one."""
        if caller is self._caller:
            self._caller = None
            self._station.detach()

    def _hang_up(self) -> None:
        caller, self._caller = self._caller, None
        self._station.detach()
        if caller is not None:
            caller.hang_up()


class SerialLine:
    """A register on a serial line, until it is closed.

    ``gone`` is done when the line has been closed or has vanished, as an unplugged adapter does.
    """

    def __init__(
        self,
        register: SimulatedRegister,
        descriptor: int,
        close: Callable[[], None],
        setup: LineSetup,
        lower_level: int,
    ) -> None:
        self._descriptor, self._close = descriptor, close
        self._loop = asyncio.get_running_loop()
        self._unsent = b""
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._station = LineRunner(register, setup, lambda: None, lower_level)
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)
        self._station.attach(self._write)

    @property
    def register(self) -> SimulatedRegister:
        """Return the register at the end of the line."""
        return self._station.register

    def close(self) -> None:
        """Release the line."""
        if self.gone.done():
            return
        self.gone.set_result(None)
        self._station.close()
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)
        self._close()

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, READ_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            # EIO: the other end of a pty is closed, or the adapter was unplugged.
            data = b""
        if data:
            self._station.on_data(data)
        else:
            self.close()

    def _write(self, data: bytes) -> None:
        if len(self._unsent) <= MOST_UNSENT:
            self._unsent += data
        self._flush()

    def _flush(self) -> None:
        try:
            written = os.write(self._descriptor, self._unsent)
        except BlockingIOError:
            written = 0
        except OSError:
            self.close()
            return
        self._unsent = self._unsent[written:]
        if self._unsent:
            self._loop.add_writer(self._descriptor, self._flush)
        else:
            self._loop.remove_writer(self._descriptor)


async def serve_tcp(
    register: SimulatedRegister,
    host: str,
    port: int,
    setup: LineSetup = LineSetup(),
) -> RegisterServer:
    """Serve the register on a TCP port, as its Ethernet interface does; raise ``OSError``."""
    server = RegisterServer(register, setup)
    try:
        await server.listen(host, port)
    except BaseException:
        server.close()
        raise
    return server


async def serve_serial(
    register: SimulatedRegister,
    path: str,
    lower_level: int = 3,
    speed: int = 115200,
    setup: LineSetup = LineSetup(),
) -> SerialLine:
    """Serve the register on a serial port or a pty; raise ``OSError`` (pyserial's is one)."""
    port = serial.Serial(path, speed, timeout=0, write_timeout=0)
    tty.setraw(port.fileno())
    return SerialLine(register, port.fileno(), port.close, setup, lower_level)
