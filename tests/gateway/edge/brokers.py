"""Both brokers for the tests: a real Mosquitto and the embedded one, with accounts in them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

import pytest

from fleet.kit.broker import BrokerAdmin
from gateway.edge.config import GatewayConfig
from gateway.edge.transports.mqtt.address import BrokerAddress
from gateway.edge.transports.mqtt.embedded_broker import start_broker
from protocol import broker_url
from simulator.calls.dial import Patience
from simulator.calls.mqtt import Line, MqttServer
from simulator.calls.talk import Ledger, Talk, forget
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.edge.running import HOST, WAIT_S, key_of
from tests.servers.mosquitto import Mosquitto

PASSWORD: Final = "eight-or-more"
PATIENCE: Final = Patience(connect_s=WAIT_S, answer_s=WAIT_S)


@dataclass
class Book:
    """Accounts in memory, as the fleet tells them to the embedded broker."""

    registers: dict[str, frozenset[str]] = field(default_factory=dict)

    async def broker_account(self, login: str, password: str) -> bool:
        return login in self.registers and password == PASSWORD

    async def broker_registers(self, login: str) -> frozenset[str] | None:
        return self.registers.get(login)

    async def hold(self, login: str, serials: Collection[str]) -> None:
        self.registers[login] = frozenset(serials)


@dataclass(frozen=True)
class Place:
    """A broker; ``address`` is the gateway's, ``hold`` gives an account its registers."""

    address: BrokerAddress
    hold: Callable[[str, Collection[str]], Awaitable[None]]

    def server(self, login: str, version_5: bool | None = None) -> MqttServer:
        """As the account calls it; the embedded broker knows MQTT 3.1.1 only."""
        version_5 = self.address.shared if version_5 is None else version_5
        return MqttServer(HOST, self.address.port, login, PASSWORD, version_5)

    async def line(self, login: str, serial: str) -> Line:
        return Line(self.server(login), serial, PATIENCE)

    async def call(self, login: str, register: SimulatedRegister, ledger: Ledger = forget) -> Talk:
        """A whole call of a well-behaved register."""
        talk = Talk(register, key_of(register.serial_number), 1, ledger)
        async with Line(self.server(login), register.serial_number, PATIENCE) as line:
            await line.call(talk)
        return talk


def login() -> str:
    """An account's name that no other test has."""
    return f"shop-{uuid4().hex[:12]}"


@asynccontextmanager
async def on_mosquitto(mosquitto: Mosquitto) -> AsyncIterator[Place]:
    admin = BrokerAdmin(broker_url.parse(mosquitto.url), mosquitto.password)
    await admin.ensure_gateway_account("gateway", PASSWORD)
    made: list[str] = []

    async def hold(account: str, serials: Collection[str]) -> None:
        made.append(account)
        await admin.create_account(account, PASSWORD)
        await admin.set_registers(account, serials)

    try:
        yield Place(BrokerAddress(HOST, mosquitto.port, "gateway", PASSWORD), hold)
    finally:
        for account in made:
            await admin.delete_account(account)


@asynccontextmanager
async def embedded() -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        book = Book()
        address = await start_broker(stack, GatewayConfig(broker=f"{HOST}:0"), book)
        assert address is not None
        yield Place(address, book.hold)


@pytest.fixture(params=["mosquitto", "embedded"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """One after the other."""
    opened: AbstractAsyncContextManager[Place] = (
        embedded()
        if request.param == "embedded"
        else on_mosquitto(request.getfixturevalue("mosquitto"))
    )
    async with opened as place:
        yield place
