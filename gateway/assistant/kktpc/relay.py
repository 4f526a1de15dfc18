"""EoT: the PC provides two sockets to a register without its own network (KKT-PC 1.5).

``EotHost`` is the exchange with the register, without a socket or a clock; ``EotRelay`` connects it
to sockets.  A register must not get access to the PC: ``Targets`` defines where it may connect.

No data accumulate.  No more is read from the network than the register accepts; while a socket to
the network is full, the register is not asked for more.
"""

import asyncio
import contextlib
import ipaddress
import logging
import random
import socket as sockets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from gateway.assistant.kktpc.host import KktHost
from protocol.errors import RemoteError
from protocol.kktpc import eot

CONNECT_S: Final = 15.0
"""Seconds for the name look-up and the connection together."""

AHEAD: Final = 4
"""TLVs that may wait for the register; above it nothing is read from the network."""

UNSENT_BYTES: Final = 65_536
"""Bytes that the network has not accepted yet, above which the register must wait."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Targets:
    """Targets that registers may connect to, as HOST:PORT in the register's own words.

    ``only``: the only targets, unless it is empty.  ``private``: targets that may be the PC itself
    or in its own network; any other name with such an address is refused, even if it is in
    ``only``.
    """

    only: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()

    def refuses_name(self, host: str, port: int) -> str | None:
        """Return the reason to refuse a target before the name look-up, or None."""
        if not port:
            return "no port was told"
        if self.only and f"{host}:{port}" not in self.only | self.private:
            return "not in the list of targets"
        return None

    def allows_address(self, host: str, port: int, address: str) -> bool:
        """Tell whether an address found for the name may be connected to."""
        found = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        public = found.is_global and not found.is_multicast
        return public or f"{host}:{port}" in self.private


class Connect(NamedTuple):
    """Request of the register for a connection."""

    socket: int
    host: str
    port: int


class Send(NamedTuple):
    """Bytes of the register for the network."""

    socket: int
    data: bytes


class Close(NamedTuple):
    """Request to close the connection, if there is one."""

    socket: int


RelayAction = Connect | Send | Close


class EotHost:
    """State of the exchange, which converts TLVs to actions, and network events to TLVs.

    ``to_register`` are commands for the line.  A packet size of the register is a grant for one
    RECEIVED (observed with the manufacturer's driver): it is used up by it, and said twice it
    still is one.  No data are sent after either side has closed the socket.
    """

    def __init__(self) -> None:
        self.to_register: list[bytes] = []
        self.register_version: int | None = None
        self._port = [0, 0]
        self._granted = [0, 0]
        self._open = [False, False]

    def begin(self) -> list[RelayAction]:
        """Start again with both sockets closed; return the actions."""
        self.register_version = None
        self._open, self._granted = [False, False], [0, 0]
        self.to_register.clear()
        self._say(eot.RESET)
        self._say(eot.ASK_VERSION)
        return [Close(socket) for socket in eot.SOCKETS]

    def ask_version(self) -> None:
        """Ask for the version, every ``eot.VERSION_REPEAT_S`` until it is known."""
        self._say(eot.ASK_VERSION)

    def on_packet(self, data: bytes) -> list[RelayAction]:
        """Return the actions for one packet of the register; drop an invalid one."""
        try:
            tlv = eot.decode(data, eot.TlvRecipient.HOST)
        except RemoteError as error:
            _log.warning("EoT: %s", error)
            return []
        reaction = _REACTIONS.get(tlv.kind)
        return reaction(self, tlv) if reaction is not None else []

    def on_connected(self, socket: int, yes: bool) -> None:
        """Report the result of a ``Connect``, or the loss of the connection."""
        self._open[socket] = yes
        self._say(eot.CONNECTED, socket, yes)

    def free_bytes(self, socket: int) -> int:
        """Return how many bytes of the network the next TLV may have; 0 without a grant."""
        return min(self._granted[socket], eot.READ_AT_ONCE) if self._open[socket] else 0

    def on_network_data(self, socket: int, data: bytes) -> None:
        """Send bytes of the network to the register, at most ``free_bytes``; use the grant up."""
        self._granted[socket] = 0
        self._say(eot.RECEIVED, socket, data)

    def _say(
        self, kind: eot.TlvKind, socket: int | None = None, value: eot.TlvValue = None
    ) -> None:
        self.to_register.append(eot.encode(eot.Tlv(kind, socket, value)))

    # Messages of the register

    def _version(self, tlv: eot.Tlv) -> list[RelayAction]:
        self.register_version = cast(int, tlv.value)
        return []

    def _asked_version(self, tlv: eot.Tlv) -> list[RelayAction]:
        self._say(eot.HOST_VERSION, value=eot.VERSION)
        return []

    def _packet_size(self, tlv: eot.Tlv) -> list[RelayAction]:
        self._granted[cast(int, tlv.socket)] = cast(int, tlv.value)
        return []

    def _port_told(self, tlv: eot.Tlv) -> list[RelayAction]:
        self._port[cast(int, tlv.socket)] = cast(int, tlv.value)
        return []

    def _connect(self, tlv: eot.Tlv) -> list[RelayAction]:
        """Connect; close the socket first, because the register has given it up."""
        socket = cast(int, tlv.socket)
        self._open[socket] = False
        return [Close(socket), Connect(socket, cast(str, tlv.value), self._port[socket])]

    def _close(self, tlv: eot.Tlv) -> list[RelayAction]:
        socket = cast(int, tlv.socket)
        self.on_connected(socket, False)
        return [Close(socket)]

    def _send(self, tlv: eot.Tlv) -> list[RelayAction]:
        """Send bytes to the network; drop them if the register was told of the loss."""
        socket = cast(int, tlv.socket)
        return [Send(socket, cast(bytes, tlv.value))] if self._open[socket] else []

    def _logged(self, tlv: eot.Tlv) -> list[RelayAction]:
        _log.info("EoT, the register says: %s", tlv.value)
        return []


_Reaction = Callable[[EotHost, eot.Tlv], list[RelayAction]]

_REACTIONS: Final[dict[eot.TlvKind, _Reaction]] = {
    eot.REGISTER_VERSION: EotHost._version,
    eot.ASK_HOST_VERSION: EotHost._asked_version,
    eot.PACKET_SIZE: EotHost._packet_size,
    eot.PORT: EotHost._port_told,
    eot.CONNECT: EotHost._connect,
    eot.CLOSE: EotHost._close,
    eot.SEND: EotHost._send,
    eot.LOG: EotHost._logged,
}
"""Reactions by kind; DNS is missing, because the PC uses its own name server."""


class _Connection(asyncio.Protocol):
    """One socket of the register on the network."""

    def __init__(self, relay: "EotRelay", socket: int) -> None:
        self._relay = relay
        self.socket = socket
        self.transport: asyncio.Transport | None = None
        self.unread = bytearray()
        self.ended = self.full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=UNSENT_BYTES)
        # The system's buffer would grow to megabytes, which are lost when the register closes.
        kernel = self.transport.get_extra_info("socket")
        kernel.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, UNSENT_BYTES)

    def data_received(self, data: bytes) -> None:
        """Store the data, and stop reading until the register has accepted them."""
        self.unread += data
        assert self.transport is not None
        self.transport.pause_reading()
        self._relay.on_relay_room()

    def eof_received(self) -> bool:
        """Pass on the data read before, then the end."""
        self.ended = True
        self._relay.on_relay_room()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended, self.full, self.transport = True, False, None
        self._relay.on_flow_changed()
        self._relay.on_relay_room()

    def pause_writing(self) -> None:
        self.full = True
        self._relay.on_flow_changed()

    def resume_writing(self) -> None:
        self.full = False
        self._relay.on_flow_changed()

    def close(self) -> None:
        """Close after sending the register's data; abort if the network accepts no data."""
        if self.transport is not None:
            if self.full:
                self.transport.abort()
            else:
                self.transport.close()
        self.full = False


class EotRelay:
    """Relay of the sockets of the register at one host, until ``close`` or the loss of the line.

    ``async with EotRelay(host, targets): ...``; it runs at the same time as ``host.ask``.
    """

    def __init__(
        self, host: KktHost, targets: Targets | None = None, connect_s: float = CONNECT_S
    ) -> None:
        self._host = host
        self._targets = targets or Targets()
        self._connect_s = connect_s
        self._eot = EotHost()
        self._connections: dict[int, _Connection] = {}
        self._dialling: dict[int, asyncio.Task[None]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._pumping = False
        self._turn = 0

    async def __aenter__(self) -> "EotRelay":
        self._host.set_relay_listener(self)
        self._carry_out(self._eot.begin())
        self._asking = asyncio.create_task(self._ask_version())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def register_version(self) -> int | None:
        """Return the register's version of EoT; None before it has sent it."""
        return self._eot.register_version

    async def close(self) -> None:
        """Close both sockets; the line stays open."""
        owned = [*self._dialling.values(), *([self._asking] if self._asking else [])]
        for each in owned:
            each.cancel()
        await asyncio.gather(*owned, return_exceptions=True)
        for socket in eot.SOCKETS:
            self._drop(socket)
        if self._host.lost is None:
            self._host.set_relay_listener(None)

    async def _ask_version(self) -> None:
        """Ask for the version until the register answers.

        It may be switched on later, or its EoT may be off.
        """
        while self._host.lost is None:
            await asyncio.sleep(eot.VERSION_REPEAT_S * (1 + random.random() / 4))
            if self._eot.register_version is None and not self._host.relay_backlog:
                self._eot.ask_version()
                self.on_relay_room()

    # Calls of the host

    def on_relay_data(self, data: bytes) -> None:
        self._carry_out(self._eot.on_packet(data))

    def on_relay_broken(self) -> None:
        _log.warning("EoT: the line lost something, both sockets begin anew")
        self._carry_out(self._eot.begin())

    def on_relay_room(self) -> None:
        """Send waiting TLVs to the register; called after every change."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._host.lost is None and self._host.relay_backlog < AHEAD and self._next():
                self._host.relay_send(self._eot.to_register.pop(0))
        finally:
            self._pumping = False

    def on_flow_changed(self) -> None:
        """Pause the register while a socket is full; both sockets share one slot."""
        if self._host.lost is None:
            self._host.pause_relay(any(each.full for each in self._connections.values()))

    def _next(self) -> bool:
        """Prepare the next TLV: messages first, then the data of both sockets alternately.

        Return whether there is one.
        """
        for _ in eot.SOCKETS:
            if not self._eot.to_register:
                self._turn ^= 1
                self._read(self._turn)
        return bool(self._eot.to_register)

    def _read(self, socket: int) -> None:
        connection = self._connections.get(socket)
        if connection is None:
            return
        room = self._eot.free_bytes(socket)
        if room and connection.unread:
            self._eot.on_network_data(socket, bytes(connection.unread[:room]))
            del connection.unread[:room]
            if not connection.unread and connection.transport and not connection.ended:
                connection.transport.resume_reading()
        elif connection.ended and not connection.unread:
            self._drop(socket)
            self._eot.on_connected(socket, False)

    # Actions for the register

    def _carry_out(self, orders: list[RelayAction]) -> None:
        for order in orders:
            match order:
                case Connect():
                    self._dialling[order.socket] = asyncio.create_task(self._dial(order))
                case Send():
                    connection = self._connections.get(order.socket)
                    if connection is not None and connection.transport is not None:
                        connection.transport.write(order.data)
                case Close():
                    self._drop(order.socket)
        self.on_relay_room()

    def _drop(self, socket: int) -> None:
        dialling = self._dialling.pop(socket, None)
        if dialling is not None:
            dialling.cancel()
        connection = self._connections.pop(socket, None)
        if connection is not None:
            connection.close()
            self.on_flow_changed()

    async def _dial(self, order: Connect) -> None:
        """Connect to a target that ``Targets`` allows, and tell the register the result."""
        connection = _Connection(self, order.socket)
        try:
            async with asyncio.timeout(self._connect_s):
                await self._connect(order, connection)
        except (OSError, TimeoutError) as error:
            why = str(error) or "no answer in time"
            _log.warning("EoT: %s:%d is not reached: %s", order.host, order.port, why)
            self._eot.on_connected(order.socket, False)
        else:
            _log.info("EoT: connected to %s:%d", order.host, order.port)
            self._connections[order.socket] = connection
            self._eot.on_connected(order.socket, True)
        finally:
            if self._dialling.get(order.socket) is asyncio.current_task():
                del self._dialling[order.socket]
        self.on_relay_room()

    async def _connect(self, order: Connect, connection: _Connection) -> None:
        """Connect to an allowed address, and to no address that was not checked."""
        loop = asyncio.get_running_loop()
        if why := self._targets.refuses_name(order.host, order.port):
            raise PermissionError(why)
        found = await loop.getaddrinfo(order.host, order.port, type=sockets.SOCK_STREAM)
        addresses = [str(address[0]) for *_, address in found]
        allows = self._targets.allows_address
        allowed = [each for each in addresses if allows(order.host, order.port, each)]
        if not allowed:
            raise PermissionError("an address of the PC or of its own network")
        for last, address in enumerate(allowed, 1 - len(allowed)):
            with contextlib.suppress(OSError) if last else contextlib.nullcontext():
                await loop.create_connection(lambda: connection, address, order.port)
                return
