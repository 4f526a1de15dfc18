"""The service on a real socket, and a client that sends plain HTTP to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from random import Random
from typing import Any
from uuid import uuid4

from aiohttp import ClientSession, web

from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister
from simulator.web_requests import build_app

NIGHT = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
SERIALS = {Platform.V2_5: "00106101234567", Platform.V5_0: "00105700000002"}


@dataclass
class Clock:
    """A clock that only a test moves."""

    now: datetime = NIGHT

    def __call__(self) -> datetime:
        return self.now


def quiet_register(platform: Platform, clock: Clock, seed: int = 1) -> SimulatedRegister:
    """Return a register with a closed shift and nothing unsent, whose shop stays closed."""
    serial = SERIALS[platform]
    born_at = clock.now - timedelta(days=1)
    register = SimulatedRegister(serial, platform, int(serial[3:6]), Random(seed), born_at)
    register.advance_to(clock.now)
    register.lived_until = clock.now + timedelta(days=365)
    if register.shift_opened_at is not None:
        register.close_shift(clock.now)
    register.drive.hand_over()
    return register


@dataclass
class RunningService:
    """A running service; ``stop`` and ``start`` simulate its crash and its return."""

    registers: list[SimulatedRegister]
    clock: Clock
    credentials: tuple[str, str] | None = None
    url: str = ""
    port: int = 0
    _runner: web.AppRunner | None = field(default=None, repr=False)

    async def start(self) -> None:
        app = build_app(self.registers, credentials=self.credentials, clock=self.clock)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


@asynccontextmanager
async def running_service(
    *registers: SimulatedRegister, clock: Clock, credentials: tuple[str, str] | None = None
) -> AsyncIterator[RunningService]:
    service = RunningService(list(registers), clock, credentials)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


@dataclass
class Answer:
    status: int
    body: Any


@dataclass
class Http:
    """Requests as any client would make them."""

    session: ClientSession
    url: str

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        async with self.session.request(method, self.url + path, json=body, **more) as response:
            return Answer(response.status, await response.json(content_type=None))

    async def raw(self, path: str, data: bytes) -> Answer:
        async with self.session.post(self.url + path, data=BytesIO(data)) as response:
            return Answer(response.status, await response.json(content_type=None))

    async def results(
        self, uuid: str, path: str = "/api/v2/requests", waiting: tuple[str, ...] = ()
    ) -> list[dict[str, Any]]:
        for _ in range(400):
            found = await self.call("GET", f"{path}/{uuid}")
            results: list[dict[str, Any]] = found.body["results"]
            if not {"wait", "inProgress", *waiting} & {each["status"] for each in results}:
                return results
            await asyncio.sleep(0.005)
        raise AssertionError("never finished")

    async def do(self, *tasks: dict[str, Any]) -> list[dict[str, Any]]:
        uuid = str(uuid4())
        added = await self.call("POST", "/api/v2/requests", {"uuid": uuid, "request": list(tasks)})
        assert added.status == 201, added
        return await self.results(uuid)

    async def done(self, type_: str, **fields: Any) -> Any:
        (result,) = await self.do({"type": type_, **fields})
        assert (result["status"], result["errorCode"]) == ("ready", 0), result
        return result["result"]

    async def refused(self, type_: str, **fields: Any) -> int:
        (result,) = await self.do({"type": type_, **fields})
        assert result["status"] == "error" and result["errorDescription"], result
        code: int = result["errorCode"]
        return code
