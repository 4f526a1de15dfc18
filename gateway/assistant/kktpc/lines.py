"""Lines to a register: bytes in both directions over a serial port, USB CDC or TCP.

A line never blocks the event loop.  It passes received bytes to its ``LineListener`` and reports
its loss once; opening one raises ``LineBusy`` or ``LineLost``, whose text is for the log.
"""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import Final, Protocol, cast

import serial

from gateway.assistant.kktpc.errors import HostError, LineBusy, LineLost

KKT_PC_PORT: Final = 5555
"""Default TCP port of a register."""

SPEED: Final = 115_200
OPEN_S: Final = 5.0
UNSENT_BYTES: Final = 65_536
"""Unsent bytes after which a line counts as lost: four of the longest frames."""

_PIECE: Final = 4096


class LineListener(Protocol):
    """User of a line."""

    def on_data(self, data: bytes) -> None:
        """Handle received bytes."""

    def on_line_lost(self, why: str) -> None:
        """Handle the loss of the line; called once, and not after ``close``."""


class Line(Protocol):
    """An open line."""

    def attach(self, listener: LineListener) -> None:
        """Set the listener, and pass it the bytes received before."""

    def write(self, data: bytes) -> None:
        """Send bytes without waiting; a line that accepts no more bytes is lost."""

    def close(self) -> None:
        """Release the port; repeated calls are allowed."""


class _Base:
    """Listener of a line, and the bytes received before there was one."""

    def __init__(self) -> None:
        self._end: LineListener | None = None
        self._early = b""
        self._lost: str | None = None
        self._closed = False

    def attach(self, end: LineListener) -> None:
        self._end = end
        early, self._early = self._early, b""
        if early:
            end.on_data(early)
        if self._lost is not None:
            end.on_line_lost(self._lost)

    def _deliver(self, data: bytes) -> None:
        if self._end is not None:
            self._end.on_data(data)
        else:
            self._early = (self._early + data)[-_PIECE:]

    def _lose(self, why: str) -> None:
        if self._closed:
            return
        self.close()
        self._lost = why
        if self._end is not None:
            self._end.on_line_lost(why)

    def close(self) -> None:
        self._closed = True


class TcpLine(_Base, asyncio.Protocol):
    """A line to a register that listens on the network."""

    def __init__(self) -> None:
        super().__init__()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._deliver(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(str(exc) if exc else "the register hung up")

    def write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > UNSENT_BYTES:
            self._transport.abort()
            self._lose("the register takes no more bytes")

    def close(self) -> None:
        super().close()
        if self._transport is not None:
            self._transport.close()


class PosixSerialLine(_Base):
    """A serial port whose descriptor the event loop watches."""

    def __init__(self, port: serial.Serial) -> None:
        super().__init__()
        self._port = port
        self._fd: int = port.fileno()
        self._unsent = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _PIECE)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(str(error))
            return
        if data:
            self._deliver(data)
        else:  # readable without data: the port is gone
            self._lose("the port went away")

    def write(self, data: bytes) -> None:
        if self._closed:
            return
        self._unsent += data
        self._flush()

    def _flush(self) -> None:
        try:
            sent = os.write(self._fd, self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(str(error))
            return
        self._unsent = self._unsent[sent:]
        if len(self._unsent) > UNSENT_BYTES:
            self._lose("the port takes no more bytes")
        elif self._unsent:
            self._loop.add_writer(self._fd, self._flush)
        else:
            self._loop.remove_writer(self._fd)

    def close(self) -> None:
        if self._closed:
            return
        super().close()
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        with contextlib.suppress(OSError):
            self._port.close()


class ThreadedSerialLine(_Base):
    """A serial port on Windows, where the event loop cannot watch one: it uses two threads."""

    def __init__(self, port: serial.Serial) -> None:
        super().__init__()
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._unsent = b""
        self._changed = threading.Condition()
        port.timeout, port.write_timeout = 0.2, OPEN_S
        for work in (self._reading, self._writing):
            threading.Thread(target=work, daemon=True, name=f"line {port.name}").start()

    def _reading(self) -> None:
        self._until_lost(self._read_once)

    def _writing(self) -> None:
        self._until_lost(self._write_once)

    def _until_lost(self, step: Callable[[], None]) -> None:
        try:
            while not self._closed:
                step()
        except (OSError, serial.SerialException, TypeError) as error:
            # pyserial raises TypeError if the port is closed during a read.
            self._tell(self._lose, str(error))

    def _read_once(self) -> None:
        data = self._port.read(max(1, self._port.in_waiting))
        if data:
            self._tell(self._deliver, data)

    def _write_once(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._unsent or self._closed)
            data, self._unsent = self._unsent, b""
        if data:
            self._port.write(data)

    def _tell(self, what: Callable[..., None], said: str | bytes) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before the thread
            self._loop.call_soon_threadsafe(what, said)

    def write(self, data: bytes) -> None:
        with self._changed:
            self._unsent += data
            self._changed.notify()
        if len(self._unsent) > UNSENT_BYTES:
            self._lose("the port takes no more bytes")

    def close(self) -> None:
        if self._closed:
            return
        super().close()
        with self._changed:
            self._changed.notify()
        with contextlib.suppress(OSError):
            self._port.close()


async def open_tcp(host: str, port: int = KKT_PC_PORT) -> Line:
    """Return a line to a register on the network; raise ``LineLost`` if it does not answer."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(OPEN_S):
            _, line = await loop.create_connection(TcpLine, host, port)
    except (OSError, TimeoutError) as error:
        raise LineLost(f"{host}:{port}: {error or 'no answer'}") from None
    return line


async def open_serial(path: str, speed: int = SPEED) -> Line:
    """Return a line over a serial port; raise ``LineBusy`` or ``LineLost``."""
    exclusive = None if sys.platform == "win32" else True  # Windows is always exclusive
    try:
        port = await asyncio.to_thread(
            serial.Serial, path, speed, timeout=0, write_timeout=0, exclusive=exclusive
        )
    except (OSError, ValueError) as error:
        raise _why_not(error) from None
    return ThreadedSerialLine(port) if sys.platform == "win32" else PosixSerialLine(port)


def _why_not(error: Exception) -> HostError:
    """Return the error by pyserial's text: in use by another program, forbidden, or missing."""
    words = str(error)
    held = "lock" in words.lower() or "denied" in words.lower() or "busy" in words.lower()
    return LineBusy(words) if held else LineLost(words)
