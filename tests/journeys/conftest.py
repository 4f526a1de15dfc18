"""A whole deployment for one test: gateway, admin API, worker and registers over one database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from fleet.accounts import creation as founding
from fleet.accounts.roles import Role
from fleet.admin_api.app import build_app
from fleet.firmware.image_folder import ImageFolder
from fleet.kit.act import Act
from fleet.kit.config import FleetConfig
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.service import grant
from fleet.worker.runner import Worker
from fleet.worker.schedule import JOBS
from protocol.firmware import Image
from protocol.platforms import Platform
from simulator.calls.conversation import RegisterConversation
from simulator.register.simulated_register import SimulatedRegister
from tests.fleet import conftest as fleet
from tests.fleet.conftest import PASSWORD, Answer, Api, HandClock
from tests.fleet.firmware.folder import put_image
from tests.gateway.edge.running_gateway import RunningGateway, running_gateway
from tests.protocol.publisher import PUBLISHER
from tests.servers import load

cheap_hashes = fleet.cheap_hashes
clock = fleet.clock


def pytest_configure(config: pytest.Config) -> None:
    load(config, "postgresql", "schema", "mosquitto")


@dataclass
class Deployment:
    """Everything that a story needs; only the test moves the time."""

    gateway: RunningGateway
    api: Api
    clock: HandClock
    images: Path
    """The folder of firmware images."""

    async def employ(self, login: str) -> None:
        """Create a partner with an administrator and sign in."""
        async with self.gateway.database.transaction() as db:
            partner = await founding.create_partner(Act(db, None, self.clock()), f"of {login}")
            await grant(Act(db, None, self.clock()), partner.id, Entitlement)
            await founding.create_employee(
                Act(db, None, self.clock()),
                partner_id=partner.id,
                login=login,
                full_name=login.title(),
                role=Role.ADMINISTRATOR,
                password=PASSWORD,
            )
        await self.sign_in(login)

    async def sign_in(self, login: str) -> None:
        assert (await self.api.sign_in(login)).status == 200

    async def enrol(self, platform: Platform, number: int = 1) -> SimulatedRegister:
        """Enrol a register that has not called yet."""
        serial = f"001061{number:08}"
        answer = await self.api.post("/registers/enrol", {"serial_numbers": [serial]})
        assert answer.json["refused"] == []
        register = SimulatedRegister(serial, platform, 61, Random(number), self.clock())
        register.loader.publishers = (PUBLISHER,)
        register.licence_issuers = (bytes.fromhex(await self._licence_issuer()),)
        return register

    async def _licence_issuer(self) -> str:
        return str((await self.api.get("/licence-issuer")).json["public_key"])

    async def enrol_and_check_in(self, platform: Platform, number: int = 1) -> SimulatedRegister:
        """Enrol a register and let it call once."""
        register = await self.enrol(platform, number)
        assert (await self.call(register)).accepted
        return register

    async def publish(self, image: Image, content: bytes) -> None:
        """Put an image into the folder and add it through the API."""
        put_image(self.images, image, content)
        place = {"model": image.model, "version": image.version}
        answer = await self.api.post("/firmware-images", place)
        assert (answer.status, answer.json["image"]) == (201, image.image_id)

    async def call(
        self, register: SimulatedRegister, number: int | None = None
    ) -> RegisterConversation:
        """Let the gateway load new operations, then make a call of the register."""
        await self.gateway.port._resync()
        return await self.gateway.call(register, number=number)

    async def order(self, register: SimulatedRegister, type_: str, **more: Any) -> int:
        """Order an operation, which must be accepted; return its id."""
        order = {"type": type_, "serial_numbers": [register.serial_number], **more}
        answer = await self.api.post("/operations", order)
        assert (answer.status, answer.json["refused"]) == (202, [])
        return int(answer.json["accepted"][0]["id"])

    async def operation(self, id_: int) -> Any:
        answer = await self.api.get(f"/operations/{id_}")
        assert answer.status == 200
        return answer.json

    async def cancel(self, id_: int) -> Answer:
        return await self.api.post(f"/operations/{id_}/cancel")

    async def work(self) -> None:
        """Run every periodic job once."""
        worker = Worker(self.gateway.database, self.clock, FleetConfig())
        for job in JOBS:
            await worker.run_once(job)


@pytest.fixture
async def town(tmp_path: Path, clock: HandClock) -> AsyncIterator[Deployment]:
    async with running_deployment(tmp_path, clock) as deployment:
        yield deployment


@asynccontextmanager
async def running_deployment(
    folder: Path,
    clock: HandClock,
    config: FleetConfig | None = None,
    **more: Any,
) -> AsyncIterator[Deployment]:
    """Run a deployment; ``more`` is passed to ``running_gateway``."""
    images = folder / "images"
    keys = {"firmware_keys": PUBLISHER.hex()}
    update = {"data": folder / "data", "firmware_images": images, **keys}
    config = (config or FleetConfig()).model_copy(update=update)
    blocks = ImageFolder.from_config(config).blocks
    async with running_gateway(folder, clock=clock, blocks=blocks, **more) as gateway:
        app = build_app(gateway.database, clock, config=config)
        async with TestClient(TestServer(app)) as client:
            town = Deployment(gateway, Api(client), clock, images)
            await town.employ("anna")
            yield town
