"""A running gateway for one test, with real sockets, a real database and limits of any size."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, Final, Self

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from fleet.device_port import BlockSource, DevicePort
from fleet.kit.clock import utc_now
from fleet.kit.database import Database
from fleet.migrations.run import full_metadata
from fleet.wiring import REACTIONS
from gateway.edge import conversation, server
from gateway.edge.config import GatewayConfig
from gateway.edge.context import EdgeContext
from gateway.edge.conversation import Conversation
from gateway.edge.metrics import ConversationOutcome, Limit
from gateway.edge.server import GatewayServer
from gateway.edge.transports.mqtt.address import BrokerAddress
from gateway.edge.transports.tls import Certificate
from protocol.conversation.connection import RegisterEnd
from protocol.conversation.messages import (
    DOWN_PREFIX,
    Accepted,
    Challenge,
    CheckIn,
    ConversationRefused,
    Message,
    RefusalReason,
)
from protocol.conversation.seal import KeyRing
from protocol.kktpc.frame import Frame, FrameReader
from protocol.telemetry import BLOCK, BLOCK_VERSION
from simulator.calls.conversation import Ledger, RegisterConversation, no_ledger
from simulator.calls.socket_call import CallTimeouts, SocketCall
from simulator.calls.transports import PLAIN_TCP, TransportSetup
from simulator.register.simulated_register import SimulatedRegister
from tests.pace import scaled

HOST: Final = "127.0.0.1"
KEYS: Final = KeyRing({1: bytes(range(32))})
SERIAL: Final = "00106100000001"
BLOCK_OF_ZEROS: Final = bytes(BLOCK.size)
WAIT_S: Final = scaled(20.0)
"""No step of a test waits longer; nothing is expected to take so long."""
POLL_S: Final = 0.005


class SkippableSeconds:
    """The gateway's monotonic seconds: those of the machine and those that were skipped."""

    def __init__(self) -> None:
        self.skipped_s = 0.0

    def __call__(self) -> float:
        return monotonic() + self.skipped_s


@dataclass(frozen=True)
class RunningGateway:
    """A gateway that listens on ``HOST``:``number``, with its device port and database."""

    server: GatewayServer
    port: DevicePort
    database: Database
    number: int
    tls_number: int | None = None
    """The port with TLS, if a certificate was given."""
    seconds: SkippableSeconds = field(default_factory=SkippableSeconds)
    clock: Callable[[], datetime] = utc_now
    """The clock of the gateway and its registers."""

    def skip(self, seconds: float) -> None:
        """Let so many seconds pass for the conversations; the next sweep notices them."""
        self.seconds.skipped_s += seconds

    @property
    def edge(self) -> EdgeContext:
        return self.server._edge

    @property
    def conversations(self) -> list[Conversation]:
        """Return the open conversations, including the parts that tests inspect."""
        return [one for one in self.edge.presence.open if isinstance(one, Conversation)]

    @property
    def open(self) -> int:
        """Return how many conversations are open."""
        return len(self.edge.presence.open)

    @property
    def waiting(self) -> int:
        """Return how many conversations wait for the commit of their batch."""
        return sum(bool(one._waits_since) for one in self.conversations)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that another task brings about."""
        for _ in range(int(WAIT_S / POLL_S)):
            if condition():
                return
            await asyncio.sleep(POLL_S)
        pytest.fail("waited in vain")

    async def until_quiet(self) -> None:
        """Wait until no conversation is open and every reading is committed."""
        await self.until(lambda: not self.open and not self.port._batcher.waiting)
        # There is one writer at a time, so this waits for the current batch.
        async with self.database.transaction():
            return

    async def line(self, serial: str = SERIAL, key: bytes | None = None) -> "RawRegister":
        """Open a connection on which nothing has been sent yet."""
        reader, writer = await asyncio.open_connection(HOST, self.number)
        return RawRegister(reader, writer, serial, key or key_of(serial))

    @asynccontextmanager
    async def lines(self, count: int) -> AsyncIterator[list["RawRegister"]]:
        """Open connections of ``count`` registers."""
        async with AsyncExitStack() as stack:
            yield [
                await stack.enter_async_context(await self.line(f"001061{number:08}"))
                for number in range(count)
            ]

    async def call(
        self,
        register: SimulatedRegister,
        ledger: Ledger = no_ledger,
        number: int | None = None,
        transport: TransportSetup = PLAIN_TCP,
        telemetry_version: int = BLOCK_VERSION,
    ) -> RegisterConversation:
        """A whole call of a well-behaved register (through the proxy at ``number``, if told)."""
        key = key_of(register.serial_number)
        talk = RegisterConversation(register, key, 1, ledger, telemetry_version=telemetry_version)
        ended = asyncio.Event()
        patience = CallTimeouts(connect_s=WAIT_S, answer_s=WAIT_S)
        call = SocketCall(talk, patience, lambda _: ended.set(), self.clock, transport=transport)
        own = self.tls_number if transport.tls else self.number
        assert own is not None
        async with asyncio.timeout(2 * WAIT_S):
            await call.dial(HOST, number or own)
            await ended.wait()
        return talk


class RawRegister:
    """A register's socket under a test's control: it sends any bytes and receives messages.

    ``end`` is the register's end of the conversation; ``sent`` holds every byte sent.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        serial: str,
        key: bytes,
    ) -> None:
        self.end = RegisterEnd(key)
        self.sent = b""
        self._reader, self._writer, self._serial = reader, writer, serial
        self._heard: list[Message] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.transport.abort()

    def send(self, data: bytes) -> None:
        self.sent += data
        self._writer.write(data)

    def hello(self, platform: int = 50, generation: int = 1) -> bytes:
        return self.end.hello(bytes.fromhex(self._serial), platform, 61, 2, generation)

    def check_in(self, block: bytes = BLOCK_OF_ZEROS, version: int = BLOCK_VERSION) -> bytes:
        return self.end.send(CheckIn(version, block))

    async def reach_challenge(self) -> None:
        """Go on until the gateway's CHALLENGE."""
        self.send(self.hello())
        assert isinstance(await self.receive(), Challenge)

    async def reach_accepted(self) -> Accepted:
        """Go on until ACCEPTED and return it."""
        await self.reach_challenge()
        self.send(self.check_in())
        accepted = await self.receive()
        assert isinstance(accepted, Accepted)
        return accepted

    async def receive(self) -> Message:
        """Return the next message; raise ``EOFError`` if the gateway hangs up instead."""
        async with asyncio.timeout(WAIT_S):
            while not self._heard:
                data = await self._reader.read(65536)
                if not data:
                    raise EOFError
                self._heard = self.end.receive(data)
        return self._heard.pop(0)

    async def answers(self, count: int) -> list[bytes]:
        """Return kind and body of the gateway's next frames, without opening sealed ones."""
        frames = FrameReader()
        found: list[bytes] = []
        async with asyncio.timeout(WAIT_S):
            while len(found) < count:
                items = frames.feed(await self._reader.read(65536))
                found += [
                    item.data[len(DOWN_PREFIX) :] for item in items if isinstance(item, Frame)
                ]
        return found

    async def refusal(self) -> ConversationRefused:
        """Return the refusal, after which the gateway must hang up."""
        refused = await self.receive()
        assert isinstance(refused, ConversationRefused)
        await self.hung_up()
        return refused

    async def hung_up(self) -> None:
        """Check that the gateway sends nothing more and hangs up."""
        with pytest.raises((EOFError, ConnectionError)):
            pytest.fail(f"heard {await self.receive()}")


def key_of(serial: str) -> bytes:
    key = KEYS.register_key(1, bytes.fromhex(serial))
    assert key is not None
    return key


@asynccontextmanager
async def running_gateway(
    folder: Path,
    *,
    clock: Callable[[], datetime] = utc_now,
    blocks: BlockSource = lambda _stream, _platform: (),
    certificate: Certificate | None = None,
    broker: BrokerAddress | None = None,
    **limits: Any,
) -> AsyncIterator[RunningGateway]:
    """Run a gateway; ``limits`` are fields of ``GatewayConfig``, not checked against its bounds."""
    database = Database(f"sqlite+aiosqlite:///{folder / 'fleet.db'}", REACTIONS)
    async with database.transaction() as db:
        await (await db.connection()).run_sync(full_metadata().create_all)
    config = GatewayConfig().model_copy(update={"batch_linger_s": 0, "log_idle": "all", **limits})
    port = DevicePort(database, clock, config.batch_linger_s, blocks)
    await port.start()
    gateway, seconds = GatewayServer(port, KEYS, config), SkippableSeconds()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "SWEEP_S", 0.02)
        for module in (conversation, server):
            patch.setattr(module, "monotonic", seconds)
        number = await gateway.start(HOST, 0)
        inside = await gateway.start_tls(certificate, HOST, 0) if certificate else None
        if broker is not None:
            await gateway.start_mqtt(broker)
        try:
            yield RunningGateway(gateway, port, database, number, inside, seconds, clock)
        finally:
            await gateway.stop()
            await port.close()
            await database.close()


def metric_value(name: str, **labels: str) -> float:
    """Return a metric as Prometheus would read it."""
    return REGISTRY.get_sample_value(f"cash_server_{name}", labels) or 0.0


def outcomes(transport: str = "tcp") -> dict[str, float]:
    """Return the counts of ended conversations by outcome."""
    return {
        outcome: metric_value("conversations_total", road=transport, outcome=outcome)
        for outcome in ConversationOutcome
    }


def limits_met() -> dict[str, float]:
    return {limit: metric_value("limits_total", limit=limit) for limit in Limit}


def _increase(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


@contextmanager
def one_ending_recorded(
    outcome: ConversationOutcome, why: str = "", limit: Limit | None = None, transport: str = "tcp"
) -> Iterator[None]:
    """Check that one conversation ends in the block, is counted and is logged in one line."""
    ends, limits = outcomes(transport), limits_met()
    with capture_logs() as lines:
        yield
    told = [line for line in lines if line["event"] == "conversation"]
    ended = [(line["road"], line["outcome"], line["why"]) for line in told]
    assert ended == [(transport, outcome, why)]
    assert _increase(ends, outcomes(transport)) == {outcome: 1}
    assert _increase(limits, limits_met()) == ({limit: 1} if limit else {})


def assert_refused(refused: ConversationRefused, reason: RefusalReason, retry_s: int) -> bool:
    """Tell whether the refusal has this reason and this retry time (with jitter of a tenth)."""
    in_time = 0.89 * retry_s <= refused.retry_after_s <= 1.11 * retry_s
    return refused.reason == reason and in_time
