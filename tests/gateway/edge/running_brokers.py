"""Both brokers for the tests, a real Mosquitto and the embedded one, with accounts."""

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
from simulator.calls.conversation import Ledger, RegisterConversation, no_ledger
from simulator.calls.mqtt import MqttAccount, MqttCaller
from simulator.calls.socket_call import CallTimeouts
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.edge.running_gateway import HOST, WAIT_S, key_of
from tests.servers.mosquitto import Mosquitto

PASSWORD: Final = "eight-or-more"
PATIENCE: Final = CallTimeouts(connect_s=WAIT_S, answer_s=WAIT_S)


@dataclass
class MemoryAccounts:
    """Accounts in memory, with the interface through which the embedded broker asks the fleet."""

    registers: dict[str, frozenset[str]] = field(default_factory=dict)

    async def broker_account(self, login: str, password: str) -> bool:
        return login in self.registers and password == PASSWORD

    async def broker_registers(self, login: str) -> frozenset[str] | None:
        return self.registers.get(login)

    async def permit(self, login: str, serials: Collection[str]) -> None:
        self.registers[login] = frozenset(serials)


@dataclass(frozen=True)
class RunningBroker:
    """A broker; ``address`` is for the gateway, ``permit`` gives an account its registers."""

    address: BrokerAddress
    permit: Callable[[str, Collection[str]], Awaitable[None]]

    def server(self, login: str, version_5: bool | None = None) -> MqttAccount:
        """Return the account's connection data; the embedded broker supports MQTT 3.1.1 only."""
        version_5 = self.address.shared if version_5 is None else version_5
        return MqttAccount(HOST, self.address.port, login, PASSWORD, version_5)

    async def line(self, login: str, serial: str) -> MqttCaller:
        return MqttCaller(self.server(login), serial, PATIENCE)

    async def call(
        self, login: str, register: SimulatedRegister, ledger: Ledger = no_ledger
    ) -> RegisterConversation:
        """Make a whole call of a well-behaved register."""
        talk = RegisterConversation(register, key_of(register.serial_number), 1, ledger)
        async with MqttCaller(self.server(login), register.serial_number, PATIENCE) as line:
            await line.call(talk)
        return talk


def login() -> str:
    """Return an account name that no other test uses."""
    return f"shop-{uuid4().hex[:12]}"


@asynccontextmanager
async def on_mosquitto(mosquitto: Mosquitto) -> AsyncIterator[RunningBroker]:
    admin = BrokerAdmin(broker_url.parse(mosquitto.url), mosquitto.password)
    await admin.ensure_gateway_account("gateway", PASSWORD)
    made: list[str] = []

    async def hold(account: str, serials: Collection[str]) -> None:
        made.append(account)
        await admin.create_account(account, PASSWORD)
        await admin.set_registers(account, serials)

    try:
        yield RunningBroker(BrokerAddress(HOST, mosquitto.port, "gateway", PASSWORD), hold)
    finally:
        for account in made:
            await admin.delete_account(account)


@asynccontextmanager
async def embedded() -> AsyncIterator[RunningBroker]:
    async with AsyncExitStack() as stack:
        book = MemoryAccounts()
        address = await start_broker(stack, GatewayConfig(broker=f"{HOST}:0"), book)
        assert address is not None
        yield RunningBroker(address, book.permit)


@pytest.fixture(params=["mosquitto", "embedded"])
async def running_broker(request: pytest.FixtureRequest) -> AsyncIterator[RunningBroker]:
    """Yield each broker in turn."""
    opened: AbstractAsyncContextManager[RunningBroker] = (
        embedded()
        if request.param == "embedded"
        else on_mosquitto(request.getfixturevalue("mosquitto"))
    )
    async with opened as place:
        yield place
