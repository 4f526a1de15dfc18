"""What a person sees who types ``make run``: the one process, from its screen to Ctrl-C."""

import asyncio
import re
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.gateway.edge.ordering import UPLOAD
from tests.journeys.programs import CASH_SERVER, Program
from tests.pace import scaled

DEMO = 10
WAIT_S = scaled(60.0)
SCREEN = re.compile(
    r"API +(?P<api>http://\S+/api/v1)\n.*"
    r"(?P<docs>http://\S+/api/docs)\n.*"
    r"admin / (?P<password>\S+).*"
    r"(?P<devices>127\.0\.0\.1:\d+), 1 с.*"
    r"(?P<metrics>http://\S+/metrics)",
    re.DOTALL,
)


def start(folder: Path, name: str) -> Program:
    options = ("--demo", str(DEMO), "--data", str(folder / "data"))
    ports = ("--http", "127.0.0.1:0", "--devices", "127.0.0.1:0")
    # Ten seconds between calls are for people; a test need not wait.
    environment = {"CASH_SERVER_CHECK_IN_INTERVAL_S": "1", "CASH_SERVER_BROKER": "127.0.0.1:0"}
    return Program(folder, name, *CASH_SERVER, "up", *options, *ports, environment=environment)


def screen(program: Program) -> dict[str, str]:
    program.wait_until_it_says("Ctrl-C")
    found = SCREEN.search(program.out)
    assert found is not None, program.out
    return found.groupdict()


class Person:
    """Somebody with a browser and the screen before them."""

    def __init__(self, http: aiohttp.ClientSession, api: str) -> None:
        self._http, self._api = http, api

    async def sign_in(self, password: str) -> int:
        body = {"login": "admin", "password": password}
        async with self._http.post(f"{self._api}/sign-in", json=body) as answer:
            found = await answer.json()
            self._http.headers["Authorization"] = f"Bearer {found.get('token')}"
            return answer.status

    async def get(self, path: str) -> Any:
        async with self._http.get(f"{self._api}{path}") as answer:
            assert answer.status == 200
            return await answer.json()

    async def page(self, url: str) -> str:
        async with self._http.get(url) as answer:
            assert answer.status == 200
            return await answer.text()

    async def online(self, platform: str = "") -> list[str]:
        chosen = f"&platform={platform}" if platform else ""
        found = await self.get(f"/registers?status=online&limit=100{chosen}")
        return [one["serial_number"] for one in found["items"]]

    async def until_all_are_online(self) -> None:
        for _ in range(int(WAIT_S / 0.1)):
            if len(await self.online()) == DEMO:
                return
            await asyncio.sleep(0.1)
        pytest.fail(f"online: {await self.online()}")

    async def do(self, type_: str, serial: str, params: dict[str, Any]) -> Any:
        """The operation when it has ended."""
        order = {"type": type_, "serial_numbers": [serial], "params": params}
        async with self._http.post(f"{self._api}/operations", json=order) as answer:
            created = await answer.json()
            assert answer.status == 202
        path = f"/operations/{created['accepted'][0]['id']}"
        for _ in range(int(WAIT_S / 0.1)):
            found = await self.get(path)
            if found["finished_at"] is not None:
                return found
            await asyncio.sleep(0.1)
        pytest.fail(f"{found}")


@asynccontextmanager
async def person(seen: dict[str, str]) -> AsyncIterator[Person]:
    async with aiohttp.ClientSession() as http:
        someone = Person(http, seen["api"])
        assert await someone.sign_in(seen["password"]) == 200
        yield someone


def end_cleanly(program: Program) -> None:
    """Ctrl-C: over within five seconds, without a word."""
    assert program.end() == 0
    assert program.errors == ""


@pytest.mark.timeout(240)
async def test_make_run_starts_stops_with_ctrl_c_and_starts_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with start(tmp_path, "first") as program:
        seen = screen(program)
        assert_kept_from_others(data)
        async with person(seen) as someone:
            await someone.until_all_are_online()
            for platform, key in (("5.0", "278"), ("2.5", "Т19Р1П9")):
                await upload_and_read_back(someone, platform, key)
            assert await readings_counted(someone, seen["metrics"]) >= DEMO
            assert "swagger" in (await someone.page(seen["docs"])).lower()
        end_cleanly(program)
    with start(tmp_path, "second") as program:
        again = screen(program)
        assert again["password"] == seen["password"]
        async with person(again) as someone:
            await someone.until_all_are_online()
        end_cleanly(program)


def assert_kept_from_others(data: Path) -> None:
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    for name in ("admin-password", "key-ring.json"):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600


async def upload_and_read_back(someone: Person, platform: str, key: str) -> None:
    serial = (await someone.online(platform))[0]
    settings = next(one for one in UPLOAD.values() if key in one)
    done = await someone.do("settings_upload", serial, {"settings": settings})
    assert done["status"] == "succeeded"
    read = await someone.do("settings_download", serial, {"settings": list(settings)})
    assert read["result"]["settings"] == {"278": "cabinet.example", "279": 8080}


async def readings_counted(someone: Person, metrics: str) -> float:
    found = re.search(r"^cash_server_check_ins_total (\S+)$", await someone.page(metrics), re.M)
    assert found is not None
    return float(found[1])
