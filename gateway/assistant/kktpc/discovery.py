"""Discovery of registers: serial ports that come and go, and configured addresses.

Each place has one watcher, which connects, reports ``Found``, waits until the line is lost, reports
``Lost`` and tries again after a pause that grows and is jittered.  Of the ports that the system
lists, only those with a known USB vendor are opened, unless ``every_port`` is set, because other
devices' ports must not be opened; ports that are configured by name are always opened.
"""

import asyncio
import contextlib
import logging
import os
import random
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from types import TracebackType
from typing import Final, NamedTuple, Self

from serial.tools import list_ports

from gateway.assistant.kktpc.errors import HostError, LineBusy, UnsupportedPlatform
from gateway.assistant.kktpc.host import KktHost, connect
from gateway.assistant.kktpc.lines import KKT_PC_PORT, SPEED, open_serial, open_tcp
from protocol.platforms import Platform

ATOL_USB_VENDOR: Final = 0x2912
"""Vendor id in the udev rules of the manufacturer's driver."""

MAX_PLACES: Final = 64
_MAX_WAITING_EVENTS: Final = 256
"""Events that may wait for the owner; above it the watchers wait too."""

_log = logging.getLogger(__name__)


class AttemptResult(Enum):
    """Result of one attempt."""

    NOBODY = auto()
    BUSY = auto()
    PLATFORM_5_0 = auto()
    SERVED = auto()


class LineKind(StrEnum):
    """Kind of a place; its values are those of ``register_connection.ConnectionKind``."""

    SERIAL = "serial"
    USB = "usb"
    TCP = "tcp"


class LinePlace(NamedTuple):
    """Place of a possible register: a port's name, or HOST:PORT."""

    name: str
    kind: LineKind


class Found(NamedTuple):
    """A register that answers; ``host`` is None for platform 5.0, whose protocol is not public.

    The receiver of the event owns the host; after it is closed the place is tried again.
    """

    place: str
    kind: LineKind
    platform: Platform
    host: KktHost | None


class Lost(NamedTuple):
    """Loss of the register at a place: unplugged, switched off, closed."""

    place: str
    why: str


class Port(NamedTuple):
    """A serial port that the system lists; ``vendor`` is its USB vendor id, None without USB."""

    name: str
    vendor: int | None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """Places to search.  Times are in seconds; a pause is jittered by half."""

    ports: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    usb_vendors: frozenset[int] = frozenset({ATOL_USB_VENDOR})
    every_port: bool = False
    speeds: tuple[int, ...] = (SPEED,)
    """Speeds tried in turn, one at each attempt; USB CDC accepts any."""
    poll_s: float = 1.0
    probe_s: float = 1.0
    rest_s: float = 1.0
    most_rest_s: float = 30.0


def listed_ports() -> list[Port]:
    """Return the system's present serial ports; the call may read the disk."""
    return [Port(p.device, p.vid, p.description or "") for p in list_ports.comports()]


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of HOST or HOST:PORT, with an IPv6 host in brackets.

    Raise ``ValueError`` for an invalid address.
    """
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        host, port = address, str(KKT_PC_PORT)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 0x10000:
        raise ValueError(f"{address!r} is not HOST:PORT")
    return host, int(port)


class Discovery:
    """Discovery of registers, used as an asynchronous context manager.

    ``async with Discovery(sources) as found: async for event in found.events(): ...``
    """

    def __init__(
        self,
        sources: Sources,
        ports: Callable[[], Iterable[Port]] = listed_ports,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        for address in sources.addresses:
            split_address(address)
        self._sources = sources
        self._ports = ports
        self._jitter = jitter
        self._told: asyncio.Queue[Found | Lost] = asyncio.Queue(_MAX_WAITING_EVENTS)
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._poller: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._poller = asyncio.create_task(self._poll())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        owned = [*self._watchers.values(), *([self._poller] if self._poller else [])]
        for each in owned:
            each.cancel()
        await asyncio.gather(*owned, return_exceptions=True)
        self._watchers.clear()

    async def events(self) -> AsyncIterator[Found | Lost]:
        """Yield found and lost registers, without end."""
        while True:
            yield await self._told.get()

    async def _poll(self) -> None:
        """Watch the present places for ever, and stop watching removed ones."""
        while True:
            try:
                places = await asyncio.to_thread(self._present)
            except OSError as error:
                _log.warning("the serial ports cannot be listed: %s", error)
            else:
                self._follow({place.name: place for place in places})
            await asyncio.sleep(self._sources.poll_s)

    def _follow(self, present: Mapping[str, LinePlace]) -> None:
        for name, watcher in list(self._watchers.items()):
            if watcher.done():  # only an internal error ends it; the place is tried again
                _log.error("watching %s ended", name, exc_info=watcher.exception())
            if watcher.done() or name not in present:
                watcher.cancel()
                del self._watchers[name]
        for name, place in present.items():
            if name not in self._watchers and len(self._watchers) < MAX_PLACES:
                self._watchers[name] = asyncio.create_task(self._watch(place))

    def _present(self) -> list[LinePlace]:
        """Return the present places.

        A port may be configured by another name than the system lists (/dev/serial/by-id).
        """
        sources, ports = self._sources, list(self._ports())
        named = {
            name: os.path.realpath(name)
            for name in sources.ports
            if sys.platform == "win32" or os.path.exists(name)
        }
        usb = {port.name for port in ports if port.vendor is not None}
        chosen = {
            port.name: port.name
            for port in ports
            if (sources.every_port or port.vendor in sources.usb_vendors)
            and port.name not in named.values()
        }
        serial = [
            LinePlace(name, LineKind.USB if real in usb else LineKind.SERIAL)
            for name, real in (named | chosen).items()
        ]
        return serial + [LinePlace(address, LineKind.TCP) for address in sources.addresses]

    async def _watch(self, place: LinePlace) -> None:
        """Try a place for ever; after a register was served the pauses are short again.

        Platform 5.0 is reported once and its port is released, because the driver's web service
        needs it; it is probed again after long pauses.
        """
        attempt, told_5_0 = 0, False
        try:
            while True:
                seen = await self._attempt(place, attempt)
                if seen is AttemptResult.PLATFORM_5_0 and not told_5_0:
                    await self._told.put(Found(place.name, place.kind, Platform.V5_0, None))
                    told_5_0 = True
                elif told_5_0 and seen in (AttemptResult.NOBODY, AttemptResult.SERVED):
                    self._tell_lost(place, "nobody answers any more")
                    told_5_0 = False
                attempt = 0 if seen is AttemptResult.SERVED else attempt + 1
                await asyncio.sleep(self._rest_s(attempt, seen))
        finally:
            if told_5_0:
                self._tell_lost(place, "unplugged")

    def _rest_s(self, attempt: int, seen: AttemptResult) -> float:
        longest = self._sources.most_rest_s
        growing = min(self._sources.rest_s * 2 ** min(attempt, 16), longest)
        return (longest if seen is AttemptResult.PLATFORM_5_0 else growing) * (
            0.5 + self._jitter() / 2
        )

    async def _attempt(self, place: LinePlace, attempt: int) -> AttemptResult:
        try:
            host = await self._connect(place, attempt)
        except UnsupportedPlatform:
            return AttemptResult.PLATFORM_5_0
        except LineBusy:
            return AttemptResult.BUSY
        except HostError:
            return AttemptResult.NOBODY
        await self._serve(place, host)
        return AttemptResult.SERVED

    async def _serve(self, place: LinePlace, host: KktHost) -> None:
        """Report a register and wait until it is lost; close the host in any case."""
        told = False
        try:
            await self._told.put(Found(place.name, place.kind, Platform.V2_5, host))
            told = True
            await host.wait_lost()
        finally:
            host.close()
            if told:
                self._tell_lost(place, host.lost or "closed")

    def _tell_lost(self, place: LinePlace, why: str) -> None:
        """Report a loss without waiting, because the watcher may be ending.

        If the queue is full, the owner learns it from the host's ``lost``.
        """
        with contextlib.suppress(asyncio.QueueFull):
            self._told.put_nowait(Lost(place.name, why))

    async def _connect(self, place: LinePlace, attempt: int) -> KktHost:
        probe_s, speeds = self._sources.probe_s, self._sources.speeds
        if place.kind is LineKind.TCP:
            line = await open_tcp(*split_address(place.name))
            return await connect(line, serial=False, probe_s=probe_s)
        speed = speeds[attempt % len(speeds)]
        line = await open_serial(place.name, speed)
        return await connect(line, serial=True, probe_s=probe_s, speed=speed)
