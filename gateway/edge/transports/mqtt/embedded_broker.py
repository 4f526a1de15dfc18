"""The embedded MQTT broker of ``cash-server up`` (amqtt, MQTT 3.1.1).

Every client has an account of the fleet, and may publish and subscribe only to its own topics.  The
broker is stricter than the standard, because a shop's PC needs no more: a client identifier is
valid within its account only, no session outlives its connection, no message is retained, and a
last will must be allowed by the rights of its client.
"""

import asyncio
import logging
import secrets
from collections import UserDict
from collections.abc import ItemsView, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from time import monotonic
from typing import Any, Final, Protocol

import structlog
from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import Action, BrokerConfig, ListenerConfig
from amqtt.errors import AMQTTError, BrokerError, MQTTError, NoDataError
from amqtt.mqtt.connack import NOT_AUTHORIZED, UNACCEPTABLE_PROTOCOL_VERSION, ConnackPacket
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler

from gateway.edge.config import GatewayConfig
from gateway.edge.limits import PerAddress
from gateway.edge.transports.mqtt.address import BrokerAddress
from protocol.transport import Transport

GATEWAY_LOGIN: Final = "gateway of this process"
"""Login of the gateway: an account of the fleet cannot have a space in its login."""

MAX_CONNECTIONS: Final = 1000
ATTEMPTS_PER_MIN: Final = 600
"""Sign-ins per minute from one address; each costs the hash of a password."""

MAX_PACKET: Final = 131_072
"""Largest packet in bytes; the largest payload is 64 KiB."""

VERSION: Final = b"\x00\x04MQTT\x04"
"""Beginning of a CONNECT after its head: the protocol's name, and level 4 (MQTT 3.1.1)."""

LONGEST_HEAD: Final = 5
"""Most bytes of a packet's type and length."""

CONNECT_S: Final = 10.0
"""Seconds from the connection to an accepted CONNECT."""

SILENCE_S: Final = 600.0
"""Seconds without a packet for a client without keep-alive; otherwise 1.5 × keep-alive."""

UNACKNOWLEDGED: Final = 64
"""Messages that a client may leave unacknowledged before further ones are dropped."""

MAX_QUEUED: Final = 10_000
"""Messages that wait to be distributed; above it the broker reads from no client."""

QUEUE_POLL_S: Final = 0.05
RIGHTS_CACHE_S: Final = 5.0
"""Seconds for which an account's registers are cached."""

log = structlog.get_logger("broker")


class BrokerAccounts(Protocol):
    """Source of accounts and their registers; ``DevicePort`` implements it."""

    async def broker_account(self, login: str, password: str) -> bool:
        """Tell whether this is the password of an account."""

    async def broker_registers(self, login: str) -> frozenset[str] | None:
        """Return serial numbers of the account's registers; None for an unknown account."""


class BrokerAccess:
    """Access control by login: rules for topics, and the fleet's list of registers."""

    def __init__(self, accounts: BrokerAccounts) -> None:
        self.password = secrets.token_urlsafe(32)
        self._accounts = accounts
        self._held: dict[str, tuple[float, frozenset[str]]] = {}

    async def authenticates(self, login: str, password: str) -> bool:
        """Tell whether this is an account's password; False without a login."""
        if login == GATEWAY_LOGIN:
            return secrets.compare_digest(password.encode(), self.password.encode())
        return bool(login) and await self._accounts.broker_account(login, password)

    async def allows(self, login: str, topic: str, action: Action) -> bool:
        """Tell whether the account may do this with the topic or topic filter."""
        if login == GATEWAY_LOGIN:
            return True
        match topic.split("/"):
            case ["assistants", name, way]:
                return name == login and way == _DIRECTION[action]
            case ["registers", serial_number, way]:
                return way == _DIRECTION[action] and serial_number in await self._registers(login)
        return False

    async def _registers(self, login: str) -> frozenset[str]:
        now = monotonic()
        until, registers = self._held.get(login, (0.0, frozenset()))
        if now >= until:
            registers = await self._accounts.broker_registers(login) or frozenset()
            self._forget(now)
            self._held[login] = now + RIGHTS_CACHE_S, registers
        return registers

    def _forget(self, now: float) -> None:
        if len(self._held) > MAX_CONNECTIONS:
            self._held = {name: held for name, held in self._held.items() if held[0] > now}


_DIRECTION: Final = {Action.PUBLISH: "up", Action.SUBSCRIBE: "down", Action.RECEIVE: "down"}


class _SnapshotSubscriptions(UserDict[str, list[Any]]):
    """Subscriptions that may change while the broker iterates over them."""

    def items(self) -> ItemsView[str, list[Any]]:
        return {name: list(those) for name, those in self.data.items()}.items()


class _Reader(StreamReaderAdapter):  # type: ignore[misc]
    """Reader with limits: packet size, silence before a packet, and the broker's total queue."""

    def __init__(self, reader: asyncio.StreamReader, broker: "EmbeddedBroker") -> None:
        super().__init__(reader)
        self._broker = broker
        self._ahead = b""
        self.silence_s = CONNECT_S

    async def read(self, n: int = -1) -> bytes:
        if not 0 <= n <= MAX_PACKET:
            raise ConnectionError("a packet is too large")
        ahead, self._ahead = self._ahead[:n], self._ahead[n:]
        await self._broker.wait_for_room()
        try:
            async with asyncio.timeout(self.silence_s):
                return ahead + bytes(await super().read(n - len(ahead)))
        except TimeoutError:
            raise ConnectionError("silence") from None

    async def is_of_another_version(self) -> bool:
        """Tell whether an MQTT CONNECT of another version comes; keep its bytes unread.

        The library would parse it as 3.1.1, and wait for fields that a CONNECT of MQTT 5 does not
        have.
        """
        head = await self.read(2)
        while head[-1] & 0x80 and len(head) < LONGEST_HEAD:
            head += await self.read(1)
        size = min(len(VERSION), head[-1] if len(head) == 2 else len(VERSION))
        named = await self.read(size)
        self._ahead = head + named
        return named[:-1] == VERSION[:-1] and named != VERSION


class EmbeddedBroker(Broker):  # type: ignore[misc]
    """The amqtt broker with access control before a session is created.

    It replaces the library's code that runs before the client is authenticated: there a stranger
    who guesses a client identifier would end the connection of its owner.
    """

    def __init__(self, host: str, port: int, doorkeeper: BrokerAccess) -> None:
        listener = ListenerConfig(bind=_bind(host, port), max_connections=MAX_CONNECTIONS)
        super().__init__(BrokerConfig(listeners={"default": listener}, plugins={}))
        self._doorkeeper = doorkeeper
        self._subscriptions = _SnapshotSubscriptions()
        self._open: set[asyncio.StreamWriter] = set()
        self._attempts = PerAddress(ATTEMPTS_PER_MIN)

    async def wait_for_room(self) -> None:
        """Wait while more than ``MAX_QUEUED`` messages are not distributed yet."""
        while True:
            if self._broadcast_queue.qsize() <= MAX_QUEUED:
                return
            await asyncio.sleep(QUEUE_POLL_S)

    @property
    def number(self) -> int:
        """Return the port on which the broker listens."""
        return int(self._servers["default"].instance.sockets[0].getsockname()[1])

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """Serve one connection to its end; log errors and do not raise them."""
        self._open.add(writer)
        try:
            adapters = _Reader(reader, self), StreamWriterAdapter(writer)
            await self._client_connected(listener_name, *adapters)
        except (OSError, EOFError, ValueError) as error:
            log.info("peer_lost", why=str(error))
        except Exception:  # the others stay connected
            log.exception("peer_failed")
        finally:
            self._open.discard(writer)
            writer.close()

    def hang_up(self) -> None:
        """Abort all connections, including those that are not authenticated yet."""
        for writer in self._open:
            writer.transport.abort()

    async def _initialize_client_session(
        self, reader: _Reader, writer: StreamWriterAdapter, *remote: Any
    ) -> tuple[Any, Any]:
        with _raised_as_library_errors():
            async with asyncio.timeout(CONNECT_S):
                if await reader.is_of_another_version():
                    await _refuse(writer, UNACCEPTABLE_PROTOCOL_VERSION)
                    raise MQTTError("another version of MQTT")
                handler, peer = await BrokerProtocolHandler.init_from_connect(
                    reader, writer, self.plugins_manager
                )
                admitted = await self._admits(peer)
        if not admitted:
            log.info("peer_refused", login=peer.username, address=remote[0])
            await _refuse(writer, NOT_AUTHORIZED)
            raise MQTTError("not admitted")
        reader.silence_s = 1.5 * peer.keep_alive or SILENCE_S
        # The library's own timer would cancel a read in the middle and lose the bytes read so far.
        peer.keep_alive = 0
        peer.clean_session = True
        peer.client_id = f"{peer.username}/{peer.client_id}/{secrets.token_hex(8)}"
        return handler, peer

    async def _admits(self, peer: Any) -> bool:
        login, password = peer.username or "", peer.password or ""
        # The gateway's password is not hashed, and attempts of others must not block the gateway.
        if login != GATEWAY_LOGIN and not self._attempts.take(peer.remote_address, monotonic()):
            return False
        if not await self._doorkeeper.authenticates(login, password):
            return False
        return not peer.will_flag or await self._doorkeeper.allows(
            login, peer.will_topic, Action.PUBLISH
        )

    async def _authenticate(self, *_: Any) -> bool:
        """Accept the client: ``_admits`` has authenticated it before."""
        return True

    async def _topic_filtering(self, peer: Any, topic: str, action: Action) -> bool:
        if peer.username == GATEWAY_LOGIN:
            return True
        if action is Action.RECEIVE and peer.inflight_out_count >= UNACKNOWLEDGED:
            return False
        try:
            return await self._doorkeeper.allows(peer.username, topic, action)
        except Exception:  # a database error grants no right
            log.exception("rights_unknown", login=peer.username)
            return False

    async def retain_message(self, *_: Any) -> None:
        """Retain nothing: a conversation's payload has no meaning later."""


@contextmanager
def _raised_as_library_errors() -> Iterator[None]:
    """Convert errors to those of the library.

    After any other error the library would count the connection as open for ever.
    """
    try:
        yield
    except (AMQTTError, MQTTError, NoDataError):
        raise
    except (OSError, EOFError, ValueError) as error:
        log.info("peer_lost", why=str(error) or "too slow")
        raise MQTTError("lost") from None
    except Exception as error:  # a database error admits nobody
        log.exception("peer_failed")
        raise MQTTError("failed") from error


async def _refuse(writer: StreamWriterAdapter, code: int) -> None:
    await ConnackPacket.build(0, code).to_stream(writer)


class _LibraryLogHandler(logging.Handler):
    """Handler that writes the library's errors to our log; its warnings are about clients."""

    def emit(self, record: logging.LogRecord) -> None:
        log.error("broker", said=record.getMessage())


async def start_broker(
    stack: AsyncExitStack, config: GatewayConfig, accounts: BrokerAccounts
) -> BrokerAddress | None:
    """Start the broker and return its address for the gateway; it stops with the stack.

    Return None if ``CASH_SERVER_MQTT`` names another broker. Raise ``OSError`` if the address is
    taken.
    """
    if config.mqtt:
        return None
    _redirect_library_log()
    doorkeeper = BrokerAccess(accounts)
    broker = EmbeddedBroker(*config.broker_address, doorkeeper)
    try:
        await broker.start()
    except BrokerError as error:
        raise OSError(f"the MQTT broker cannot listen on {config.broker}: {error}") from error
    stack.push_async_callback(_shut, broker)
    host = config.broker_address[0]
    log.info("listening", road=Transport.MQTT, host=host, port=broker.number)
    called = _REACHABLE_AS.get(host, host)
    return BrokerAddress(called, broker.number, GATEWAY_LOGIN, doorkeeper.password, shared=False)


async def _shut(broker: EmbeddedBroker) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(CONNECT_S):
            await broker.shutdown()
    broker.hang_up()


def _bind(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


_REACHABLE_AS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Loopback addresses for the addresses that mean all interfaces of this machine."""


def _redirect_library_log() -> None:
    library = logging.getLogger("amqtt")
    library.propagate = False
    library.setLevel(logging.ERROR)
    library.handlers = [_LibraryLogHandler()]
