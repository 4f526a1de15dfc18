"""The whole Assistant between simulated registers on their lines and a gateway behind a broker."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from fleet.assistants import service as assistants
from fleet.assistants.provisioning import Provisioning
from fleet.firmware import service as firmware
from fleet.firmware.image_folder import ImageFolder
from fleet.kit.act import Act
from fleet.kit.clock import utc_now
from fleet.operations.models import Operation
from fleet.operations.ordering import OperationRequest, create
from fleet.operations.rules import Channel, OperationStatus
from gateway.assistant.config import AssistantConfig, Lines, Relay, Server, WebService
from gateway.assistant.program import Program
from protocol.kktpc import settings
from protocol.platforms import Platform
from simulator.kktpc import CallCredentials, LineSetup, RegisterServer, serve_tcp
from simulator.register.settings_memory import Tables
from simulator.register.simulated_register import SimulatedRegister
from simulator.web_requests import build_app
from tests.fleet.firmware.folder import put_image
from tests.gateway.assistant.connections import SERIAL, a_register
from tests.gateway.assistant.kktpc.test_connection import CONTENT, TRUSTED, an_image
from tests.gateway.edge.ordering import order, owner_of
from tests.gateway.edge.running_brokers import (
    PASSWORD,
    RunningBroker,
    embedded,
    login,
    on_mosquitto,
)
from tests.gateway.edge.running_gateway import HOST, RunningGateway, key_of, running_gateway
from tests.pace import scaled

WAIT_S: Final = scaled(20.0)
STRANGER: Final = "00106107654321"


@dataclass
class Ear:
    """What the Assistant said to people."""

    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    bars: list[tuple[str, str, int | None]] = field(default_factory=list)

    def tell(self, name: str, /, **said: Any) -> None:
        self.heard.append((name, said))

    def progress(self, who: str, what: str, percent: int | None) -> None:
        self.bars.append((who, what, percent))

    def times(self, name: str, **said: Any) -> int:
        return sum(heard == name and said.items() <= every.items() for heard, every in self.heard)


@dataclass
class Stage:
    """A gateway, an account at its broker, and where the Assistant keeps its files."""

    gateway: RunningGateway
    place: RunningBroker
    account: str
    folder: Path
    owner: Any

    def config(self, *addresses: str, **parts: Any) -> AssistantConfig:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o600)
        server = Server(
            broker=f"mqtt://{HOST}:{self.place.address.port}",
            login=self.account,
            password_file=secret,
        )
        lines = Lines(auto=False, addresses=addresses)
        return AssistantConfig(data=self.folder / "data", server=server, lines=lines, **parts)


@pytest.fixture(params=["mosquitto", "embedded"])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    opened: AbstractAsyncContextManager[RunningBroker] = (
        embedded()
        if request.param == "embedded"
        else on_mosquitto(request.getfixturevalue("mosquitto"))
    )
    shelf = ImageFolder(tmp_path / "images", TRUSTED)
    async with (
        opened as place,
        running_gateway(
            tmp_path, broker=place.address, blocks=shelf.blocks, check_in_interval_s=1
        ) as gateway,
    ):
        yield await staged(gateway, place, tmp_path)


async def staged(gateway: RunningGateway, place: RunningBroker, folder: Path) -> Stage:
    """An account that holds the register, in the fleet and in the broker."""
    owner = await owner_of(gateway.database, [SERIAL])
    account, books = login(), Provisioning(None)
    async with gateway.database.transaction() as db:
        made = (account, PASSWORD, "Касса у входа")
        id_ = await assistants.create(Act(db, owner, utc_now()), books, made)
        await assistants.add_register(Act(db, owner, utc_now()), books, id_, SERIAL)
    await place.permit(account, [SERIAL])
    return Stage(gateway, place, account, folder, owner)


@asynccontextmanager
async def served(
    register: SimulatedRegister, setup: LineSetup | None = None
) -> AsyncIterator[tuple[RegisterServer, str]]:
    server = await serve_tcp(register, HOST, 0, setup or LineSetup(restart_s=0.2))
    try:
        yield server, f"{HOST}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@asynccontextmanager
async def at_work(
    config: AssistantConfig, ear: Ear, now: Callable[[], datetime] = utc_now
) -> AsyncIterator[Program]:
    program = Program(config, ear.tell, ear.progress, now)
    running_ = asyncio.create_task(program.run())
    try:
        yield program
    finally:
        running_.cancel()
        await asyncio.gather(running_, return_exceptions=True)


def living(serial: str = SERIAL) -> SimulatedRegister:
    """A register of today, as the Assistant and the gateway here are."""
    return a_register(serial, utc_now())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_register_checks_in_repeatedly(stage: Stage) -> None:
    register, ear = living(), Ear()
    async with served(register) as (_, address), at_work(stage.config(address), ear):
        await until(lambda: ear.times("checked_in", serial_number=SERIAL) >= 2)
    assert ear.times("found", place=address) == 1


async def test_an_operation_is_done_through_the_assistant(stage: Stage) -> None:
    register, ear = living(), Ear()
    async with served(register) as (_, address), at_work(stage.config(address), ear):
        await until(lambda: ear.times("checked_in", serial_number=SERIAL) >= 1)
        await order(stage.gateway.database, stage.owner, [SERIAL], Platform.V2_5)
        await until(lambda: register.memory.value(278) == "cabinet.example" or _written(register))
        await until(lambda: ear.times("step", serial_number=SERIAL) >= 3)


def _written(register: SimulatedRegister) -> bool:
    return "cabinet.example" in str(register.memory.value(278))


async def test_an_unassigned_register_is_shown_and_does_not_check_in(stage: Stage) -> None:
    ear = Ear()
    async with (
        served(living(STRANGER)) as (_, address),
        at_work(stage.config(address), ear) as program,
    ):
        await until(lambda: ear.times("not_ours", serial_number=STRANGER) >= 1)
        assert [one.serial_number for one in program.registers.make_report().registers] == [
            STRANGER
        ]
    assert not ear.times("checked_in", serial_number=STRANGER)


async def test_a_removed_register_is_found_again(stage: Stage) -> None:
    register, ear = living(), Ear()
    async with served(register) as (server, address), at_work(stage.config(address), ear):
        await until(lambda: ear.times("checked_in", serial_number=SERIAL) >= 1)
        server._hang_up()
        await until(lambda: ear.times("lost", place=address) >= 1)
        await until(lambda: ear.times("found", place=address) >= 2)
        checked_in = ear.times("checked_in", serial_number=SERIAL)
        await until(lambda: ear.times("checked_in", serial_number=SERIAL) > checked_in)


async def test_keys_and_passwords_are_never_shown(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    ear = Ear()
    caplog.set_level(logging.DEBUG)
    async with served(living()) as (_, address), at_work(stage.config(address), ear):
        await until(lambda: ear.times("checked_in", serial_number=SERIAL) >= 1)
    said = repr(ear.heard) + "".join(each.getMessage() for each in caplog.records)
    assert PASSWORD not in said
    assert key_of(SERIAL).hex() not in said
    assert repr(key_of(SERIAL)) not in said


async def test_a_rejected_account_is_reported_and_tried_again(stage: Stage) -> None:
    ear = Ear()
    config = stage.config()
    server = config.server.model_copy(update={"login": "nobody-at-all"})
    async with at_work(config.model_copy(update={"server": server}), ear):
        await until(lambda: ear.times("signed_out") >= 2)
    assert not ear.times("signed_in")


async def test_a_register_without_a_network_reaches_the_cash_server_through_the_pc(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though a slow PC may lose it a call."""
    monkeypatch.setattr("simulator.kktpc.relay.RETRY_S", 1.0)
    register, ear = living(), Ear()
    gateway = f"{HOST}:{stage.gateway.number}"
    for number, value in ((276, 5), (278, HOST), (279, stage.gateway.number)):
        set_value(register, number, value)
    with capture_logs() as lines:
        setup = LineSetup(credentials=CallCredentials(key_of(SERIAL), 1))
        async with served(register, setup) as (_, address):
            config = stage.config(address, eot=Relay(enabled=True, targets=(gateway,)))
            async with at_work(config, ear):
                await until(lambda: ear.times("relaying", serial_number=SERIAL) == 1)
                await until(
                    lambda: any(
                        line.get("road") == "tcp" and line.get("outcome") == "served"
                        for line in lines
                    )
                )


def set_value(register: SimulatedRegister, number: int, value: int | str) -> None:
    """A cell as the driver writes it."""
    setting = settings.find(Platform.V2_5, number)
    assert setting.cell is not None and isinstance(register.memory, Tables)
    raw = settings.encode_cell(setting, value, settings.cell_length(setting))
    register.memory.write(setting.cell, raw)


async def test_a_register_behind_the_drivers_web_service_checks_in(stage: Stage) -> None:
    register, ear = living(), Ear()
    runner = web.AppRunner(build_app([register]))
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    try:
        url = f"http://{HOST}:{runner.addresses[0][1]}"
        async with at_work(stage.config(web_service=(WebService(url=url),)), ear):
            await until(lambda: ear.times("checked_in", serial_number=SERIAL) >= 2)
    finally:
        await runner.cleanup()


async def test_firmware_is_installed_through_the_assistant(stage: Stage) -> None:
    """Offered, gathered, proven on the PC, cut anew for the line, and said by the register."""
    register, ear, image = living(), Ear(), an_image()
    life_at_rest(register)
    put_image(stage.folder / "images", image, CONTENT)
    shelf = ImageFolder(stage.folder / "images", TRUSTED)
    async with stage.gateway.database.transaction() as db:
        await firmware.add(Act(db, None, utc_now()), shelf, image.model, image.version)
    async with (
        served(register) as (_, address),
        at_work(stage.config(address, publishers=(TRUSTED[0].hex(),)), ear),
    ):
        await until(lambda: ear.times("checked_in", serial_number=SERIAL) >= 1)
        request = OperationRequest(
            "firmware_update", [SERIAL], {"image": image.image_id}, Channel.CASH_SERVER, None
        )
        async with stage.gateway.database.transaction() as db:
            created = await create(Act(db, stage.owner, utc_now()), request)
        assert created.refused == []
        await until(lambda: register.loader.firmware == image.version)
        await until(lambda: ear.times("found", version=image.version) >= 1)
        checked_in = ear.times("checked_in")
        await until(lambda: ear.times("checked_in") > checked_in)
        await until_status(stage, created.accepted[0][0], OperationStatus.SUCCEEDED)
    assert (SERIAL, "firmware", 100) in ear.bars
    assert register.loader.boots == 1


def life_at_rest(register: SimulatedRegister) -> None:
    """The shop is closed for good: no shift opens, and the OFD has everything."""
    register.close_shift(utc_now())
    register.drive.unsent = 0
    register.faults.paper_out = True


async def until_status(stage: Stage, operation_id: int, status: OperationStatus) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            async with stage.gateway.database.transaction() as db:
                row = await db.get(Operation, operation_id)
            if row is not None and row.status == status:
                return
            await asyncio.sleep(0.05)
