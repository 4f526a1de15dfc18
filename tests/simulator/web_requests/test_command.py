"""``python -m simulator web-requests``: a process that says where it is and ends when asked."""

import asyncio
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession

from simulator.bench.ports import free_port
from simulator.web_requests.serving import read_credentials
from tests.pace import scaled


async def test_the_service_runs_as_a_process(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("shop:secret\n")
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "simulator",
            "web-requests",
            "--listen",
            f"127.0.0.1:{free_port()}",
        ),
        *("--registers", "3", "--password-file", str(secret)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), scaled(30))).decode().strip()
        async with ClientSession() as session:
            async with session.get(f"{url}/serverInfo") as info:
                assert (await info.json())["driverVersion"]
            async with session.get(f"{url}/devices") as refused:
                assert refused.status == 401
        process.terminate()
        assert await asyncio.wait_for(process.wait(), scaled(10)) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("written", ["", "shop", ":secret", "shop:"])
def test_a_file_without_name_and_password_is_refused(tmp_path: Path, written: str) -> None:
    file = tmp_path / "password"
    file.write_text(written)
    with pytest.raises(ValueError, match="name:password"):
        read_credentials(file)
