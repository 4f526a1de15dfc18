"""Table of the connections between a register and the cash server, as real as possible.

A connection is opened for one register of a deployment and is named after its transport.
"""

import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiohttp import web

from fleet.kit.broker import BrokerAdmin
from gateway.assistant.config import AssistantConfig, Lines, Relay, Server, WebService
from gateway.edge.config import GatewayConfig
from gateway.edge.transports.mqtt.address import BrokerAddress
from gateway.edge.transports.mqtt.embedded_broker import start_broker
from protocol import broker_url
from protocol.kktpc import settings
from protocol.platforms import Platform
from protocol.transport import Transport
from simulator.calls import transports as roads
from simulator.calls.conversation import RegisterConversation
from simulator.calls.mqtt import MqttAccount, MqttCaller
from simulator.kktpc import CallCredentials, LineSetup, serve_serial, serve_tcp
from simulator.register.settings_memory import Tables
from simulator.register.simulated_register import SimulatedRegister
from simulator.web_requests import build_app
from tests.gateway.assistant.kktpc.test_simulated import null_modem
from tests.gateway.assistant.test_program import Ear, at_work, until
from tests.gateway.edge.running_brokers import PASSWORD, PATIENCE, login
from tests.gateway.edge.running_gateway import HOST, key_of, outcomes
from tests.journeys.conftest import Deployment
from tests.protocol.publisher import PUBLISHER
from tests.servers.mosquitto import Mosquitto

RESTART_S: Final = 0.2
CHANNEL, CABINET, CABINET_PORT = 276, 278, 279
"""Settings: the channel (5 is EoT), and the address and port of the cabinet."""

Steps = Mapping[tuple[int, int], int]
"""How many times each step (operation id, step) took effect."""


class ConnectionSetting(NamedTuple):
    """The surroundings of a connection; without ``mosquitto`` the embedded broker is used."""

    deployment: Deployment
    folder: Path
    ca: Path
    mosquitto: Mosquitto | None


@dataclass(frozen=True)
class OpenConnection:
    """An open connection; ``name`` is its transport in the gateway's metrics."""

    name: str
    call: Callable[[], Awaitable[None]]
    """Makes one more call and waits for its end."""
    effects: Callable[[], Steps]


Opener = Callable[
    [ConnectionSetting, SimulatedRegister], AbstractAsyncContextManager[OpenConnection]
]


class ConnectionCase(NamedTuple):
    """One kind of connection; ``updates`` tells whether firmware can be sent over it."""

    open: Opener
    platform: Platform = Platform.V5_0
    on_mosquitto: bool = False
    updates: bool = True


# ---- the register dials -------------------------------------------------------------------------


@asynccontextmanager
async def _dialled(
    name: Transport, ground: ConnectionSetting, register: SimulatedRegister
) -> AsyncIterator[OpenConnection]:
    road = roads.transport_setup(name, ground.ca)

    async def contact() -> None:
        await ground.deployment.gateway.call(register, transport=road)
        await ground.deployment.gateway.until_quiet()

    yield OpenConnection(name, contact, lambda: register.journal.effects)


@asynccontextmanager
async def _mqtt(
    ground: ConnectionSetting, register: SimulatedRegister
) -> AsyncIterator[OpenConnection]:
    """Give the register an account of its own and connect it to the broker."""
    path = f"/registers/{register.serial_number}/mqtt-account"
    async with _broker(ground) as number:
        made = await ground.deployment.api.post(path)
        assert made.status == 201
        own = made.json["login"], made.json["password"]
        server = MqttAccount(HOST, number, *own, version_5=ground.mosquitto is not None)

        async def contact() -> None:
            talk = RegisterConversation(register, key_of(register.serial_number), 1)
            async with MqttCaller(
                server, register.serial_number, PATIENCE, ground.deployment.clock
            ) as line:
                await line.call(talk)
            await ground.deployment.gateway.until_quiet()

        yield OpenConnection("mqtt", contact, lambda: register.journal.effects)
        assert (await ground.deployment.api.ask("DELETE", path)).status == 204


# ---- the Assistant ------------------------------------------------------------------------------


@asynccontextmanager
async def _web_service(
    ground: ConnectionSetting, register: SimulatedRegister
) -> AsyncIterator[OpenConnection]:
    """Connect through the manufacturer's driver and the Assistant."""
    runner = web.AppRunner(
        build_app([register], clock=ground.deployment.clock), shutdown_timeout=0.1
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        service = WebService(url=f"http://{HOST}:{runner.addresses[0][1]}")
        async with _on_behalf(ground, register, web_service=(service,)) as road:
            yield road
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _tcp_line(
    ground: ConnectionSetting, register: SimulatedRegister
) -> AsyncIterator[OpenConnection]:
    """Connect through the Assistant and a KKT-PC line on the shop's network."""
    server = await serve_tcp(register, HOST, 0, _setup(ground))
    try:
        lines = Lines(auto=False, addresses=(f"{HOST}:{server.sockets[0].getsockname()[1]}",))
        async with _on_behalf(ground, register, lines=lines) as road:
            yield road
    finally:
        server.close()


@asynccontextmanager
async def _serial_line(
    lower_level: int, ground: ConnectionSetting, register: SimulatedRegister
) -> AsyncIterator[OpenConnection]:
    """Connect through the Assistant and a KKT-PC line on a cable."""
    async with null_modem() as (port, far_port):
        line = await serve_serial(register, far_port, lower_level, setup=_setup(ground))
        try:
            lines = Lines(auto=False, serial_ports=(port,))
            async with _on_behalf(ground, register, lines=lines) as road:
                yield road
        finally:
            line.close()


@asynccontextmanager
async def _eot(
    path: str, ground: ConnectionSetting, register: SimulatedRegister
) -> AsyncIterator[OpenConnection]:
    """Let the register call by itself through the Assistant, whose account does not hold it."""
    number = ground.deployment.gateway.number
    for setting, value in ((CHANNEL, 5), (CABINET, HOST + path), (CABINET_PORT, number)):
        _set(register, setting, value)
    caller = CallCredentials(key_of(register.serial_number), 1)
    async with null_modem() as (port, far_port):
        line = await serve_serial(register, far_port, setup=_setup(ground, caller))
        try:
            relay = Relay(enabled=True, targets=(f"{HOST}:{number}",))
            lines = Lines(auto=False, serial_ports=(port,))
            async with _assistant(ground, None, lines=lines, eot=relay):
                name = "http" if path else "tcp"
                contact = partial(_next_end, ground.deployment, name)
                yield OpenConnection(name, contact, lambda: register.journal.effects)
        finally:
            line.close()


@asynccontextmanager
async def _on_behalf(
    ground: ConnectionSetting, register: SimulatedRegister, **parts: Any
) -> AsyncIterator[OpenConnection]:
    """Let the Assistant call for the register."""
    journal = ground.folder / "assistant" / "journal.sqlite"
    async with _assistant(ground, register.serial_number, **parts) as ear:
        contact = partial(_next_end, ground.deployment, "mqtt")
        yield OpenConnection("mqtt", contact, partial(_done, ear, journal))


@asynccontextmanager
async def _assistant(
    ground: ConnectionSetting, serial: str | None, **parts: Any
) -> AsyncIterator[Ear]:
    """Run the Assistant with an account made through the admin API."""
    api, account, ear = ground.deployment.api, login(), Ear()
    secret = ground.folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    async with _broker(ground) as number:
        body = {"login": account, "password": PASSWORD, "title": "Касса у входа"}
        made = await api.post("/assistants", body)
        assert made.status == 201
        path = f"/assistants/{made.json['id']}"
        if serial is not None:
            added = await api.post(f"{path}/registers", {"serial_number": serial})
            assert added.status == 200
        server = Server(broker=f"mqtt://{HOST}:{number}", login=account, password_file=secret)
        config = AssistantConfig(
            data=ground.folder / "assistant",
            publishers=(PUBLISHER.hex(),),
            server=server,
            **{"lines": Lines(auto=False), **parts},
        )
        async with at_work(config, ear, ground.deployment.clock):
            yield ear
        assert (await api.ask("DELETE", path)).status == 204


def _done(ear: Ear, journal: Path) -> Steps:
    """Return how many times the Assistant did each step, from the events it reported.

    An answer from its journal is no event; every step in the journal must have been reported.
    """
    told = Counter(
        (said["operation_id"], said["step"]) for name, said in ear.heard if name == "step"
    )
    with closing(sqlite3.connect(journal)) as db:
        answered = "SELECT operation_id, step FROM step WHERE answer IS NOT NULL"
        kept = set(db.execute(answered))
    assert kept and kept <= told.keys()
    return told


# ---- what the connections need ------------------------------------------------------------------


@asynccontextmanager
async def _broker(ground: ConnectionSetting) -> AsyncIterator[int]:
    """Connect the gateway to its broker; yield the broker's port."""
    server, port = ground.deployment.gateway.server, ground.deployment.gateway.port
    async with AsyncExitStack() as stack:
        if ground.mosquitto is not None:
            url = broker_url.parse(ground.mosquitto.url)
            admin = BrokerAdmin(url, ground.mosquitto.password)
            await admin.ensure_gateway_account("gateway", PASSWORD)
            address = BrokerAddress(HOST, ground.mosquitto.port, "gateway", PASSWORD)
        else:
            embedded = await start_broker(stack, GatewayConfig(broker=f"{HOST}:0"), port)
            assert embedded is not None
            address = embedded
        await server.start_mqtt(address)
        yield address.port


async def _next_end(town: Deployment, name: str) -> None:
    """Wait until one more conversation has ended on the transport."""
    before = sum(outcomes(name).values())
    await until(lambda: sum(outcomes(name).values()) > before)


def _setup(ground: ConnectionSetting, caller: CallCredentials | None = None) -> LineSetup:
    return LineSetup(restart_s=RESTART_S, credentials=caller, now=ground.deployment.clock)


def _set(register: SimulatedRegister, number: int, value: int | str) -> None:
    """Write a setting as the driver does; a cabinet's address has its path, as from the factory."""
    setting = settings.find(Platform.V2_5, number)
    assert setting.cell is not None and isinstance(register.memory, Tables)
    length = settings.cell_length(setting)
    if isinstance(value, str):
        raw = value.replace("/", "\0/", 1).encode().ljust(length, b"\0")
    else:
        raw = settings.encode_cell(setting, value, length)
    register.memory.write(setting.cell, raw)


V2_5: Final = Platform.V2_5
CONNECTIONS: Final[Mapping[str, ConnectionCase]] = {
    **{name: ConnectionCase(partial(_dialled, name)) for name in roads.SOCKET_TRANSPORTS},
    "mqtt_mosquitto": ConnectionCase(_mqtt, on_mosquitto=True),
    "mqtt_embedded": ConnectionCase(_mqtt),
    "tcp_5555_assistant": ConnectionCase(_tcp_line, V2_5, on_mosquitto=True),
    "serial_v3_assistant": ConnectionCase(partial(_serial_line, 3), V2_5, on_mosquitto=True),
    "serial_v2_assistant": ConnectionCase(partial(_serial_line, 2), V2_5),
    "web_service_assistant_2.5": ConnectionCase(
        _web_service, V2_5, on_mosquitto=True, updates=False
    ),
    "web_service_assistant_5.0": ConnectionCase(_web_service, updates=False),
    "eot_assistant_raw": ConnectionCase(partial(_eot, ""), V2_5, on_mosquitto=True),
    "eot_assistant_http": ConnectionCase(partial(_eot, "/kkt"), V2_5),
}
