"""The console of the Assistant against simulated registers on real sockets."""

import asyncio
import os
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.assistant.cli import app
from gateway.assistant.texts import text_of
from protocol.conversation.messages import StepRefusal
from simulator.kktpc import LineSetup, serve_tcp
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.assistant.connections import NOON, SERIAL, a_register
from tests.gateway.assistant.kktpc.test_connection import CONTENT, PUBLISHER, TRUSTED, an_image


class Shop:
    """A register that listens, in a thread of its own, as the console has its own loop."""

    def __init__(self, register: SimulatedRegister) -> None:
        self.register, self.place = register, ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "Shop":
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _serve(self) -> None:
        async def begin() -> Any:
            setup = LineSetup(now=lambda: NOON, restart_s=0.3)
            return await serve_tcp(self.register, "127.0.0.1", 0, setup)

        server = self._loop.run_until_complete(begin())
        self.place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(server.wait_closed())
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()


@pytest.fixture
def shop() -> Iterator[Shop]:
    register = a_register()
    register.close_shift(NOON)
    register.drive.unsent = 0
    with Shop(register) as shop:
        yield shop


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")


@pytest.fixture
def config(tmp_path: Path, shop: Shop) -> Path:
    path, secret = tmp_path / "assistant.toml", tmp_path / "password"
    secret.write_text("eight-or-more")
    secret.chmod(0o600)
    path.write_text(
        f"""
publishers = ["{TRUSTED[0].hex()}"]
[server]
broker = "mqtt://127.0.0.1"
login = "shop-17"
password_file = "password"
[lines]
auto = false
addresses = ["{shop.place}"]
"""
    )
    return path


def said(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "160"})


def test_the_list_shows_answering_registers(config: Path) -> None:
    result = said("list", "--config", str(config), "--wait-s", "2")
    assert result.exit_code == 0, result.output
    assert SERIAL in result.output and "2.5" in result.output


def test_commands_are_sent_and_answers_explained(config: Path, shop: Shop) -> None:
    commands = ("send", "--config", str(config), "--place", shop.place)
    result = said(*commands, "3F", "91 16 00 00")
    assert result.exit_code == 0, result.output
    assert "read_state" in result.output and SERIAL[-8:] in result.output
    assert "paper_present" in result.output and "{" not in result.output
    failed = said(*commands, "50 13 00 01 0a 1f 90")
    assert failed.exit_code == 1 and "the register answered" in failed.output


def test_an_installed_firmware_is_reported_by_the_register(
    config: Path, shop: Shop, tmp_path: Path
) -> None:
    image, path = an_image(), tmp_path / "3.0.9999.bin"
    path.write_bytes(CONTENT)
    path.with_suffix(".toml").write_text(
        f"""
format = 1
model = 61
platform = "2.5"
version = "3.0.9999"
file = "{path.name}"
size = {len(CONTENT)}
sha256 = "{sha256(CONTENT).hexdigest()}"
signature = "{PUBLISHER.sign(image.signed).hex()}"
block_size = 1024
"""
    )
    words = ("update", "--config", str(config), "--place", shop.place, "--image", str(path))
    result = said(*words)
    assert result.exit_code == 0, result.output
    assert shop.register.loader.firmware == "3.0.9999"
    assert "runs firmware 3.0.9999" in result.output and "100%" in result.output
    path.write_bytes(CONTENT[:-1] + b"!")
    assert said(*words).exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--config", "/nowhere/assistant.toml"),
        ("check-config", "--config", "/nowhere/assistant.toml"),
        ("send", "--config", "CONFIG", "--place", "127.0.0.1:1", "zz"),
        ("send", "--config", "CONFIG", "--place", "127.0.0.1:1"),
        ("send", "--config", "CONFIG", "--place", "host:0", "3F"),
        ("update", "--config", "CONFIG", "--place", "x:1", "--image", "/nowhere/a.bin"),
    ],
)
def test_an_error_is_one_sentence(config: Path, words: tuple[str, ...]) -> None:
    result = said(*(word.replace("CONFIG", str(config)) for word in words))
    assert result.exit_code == 1
    assert result.output.startswith("cash-server: ") and len(result.output.splitlines()) == 1


def test_the_configuration_is_checked(config: Path, tmp_path: Path) -> None:
    assert said("check-config", "--config", str(config)).exit_code == 0
    os.chmod(tmp_path / "password", 0o644)
    assert said("check-config", "--config", str(config)).exit_code == 1


@pytest.mark.parametrize("language", ["ru_RU.UTF-8", "en_US.UTF-8"])
def test_mistakes_are_reported_in_the_systems_language(
    config: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("LC_ALL", language)
    text = config.read_text().replace("auto = false", "auto = 5\nspeed = 1")
    config.write_text(text.replace("mqtt://", "http://"))
    result = said("check-config", "--config", str(config))
    assert result.exit_code == 1
    russian = any("а" <= letter <= "я" for letter in result.output)
    assert russian is language.startswith("ru")
    for name in ("server.broker", "lines.auto", "lines.speed"):
        assert name in result.output
    assert "Input should" not in result.output and "Extra" not in result.output


@pytest.mark.parametrize("refusal", StepRefusal)
def test_every_refusal_has_a_text(refusal: StepRefusal) -> None:
    assert text_of(f"refused_{refusal.name.lower()}")


def test_a_broken_journal_is_reported(config: Path, tmp_path: Path) -> None:
    (tmp_path / "assistant-data").mkdir()
    (tmp_path / "assistant-data" / "journal.sqlite").write_bytes(b"this is no database" * 99)
    assert said("run", "--config", str(config)).exit_code == 1
