"""The Assistant's configuration: what is wrong is named, secrets stay in files of their own."""

import configparser
import os
from pathlib import Path

import pytest

from gateway.assistant.config import example, load, read_secret
from gateway.assistant.texts import TEXTS, CommandEnded
from tests.architecture.tree import ROOT

GOOD = """
[server]
broker = "mqtts://ks.example.ru"
login = "shop-17"
password_file = "password"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "assistant.toml"
    path.write_text(text, "utf-8")
    return path


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    config = load(written(tmp_path, GOOD))
    assert config.server.password_file == tmp_path / "password"
    assert config.journal_file == tmp_path / "assistant-data" / "journal.sqlite"
    assert config.lines.sources.usb_vendors == {0x2912}


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ("\n[lines]\nspeed = 9600\n", "lines.speed"),
        ("\n[web]\n", "web"),
        ('\n[lines]\naddresses = ["host:0"]\n', "lines.addresses.0"),
        ("\n[eot]\nenabled = true\n", "eot"),
        ('\n[[web_service]]\nurl = "http://me:secret@host"\n', "web_service.0.url"),
    ],
)
def test_a_mistake_is_reported_with_its_field(tmp_path: Path, more: str, named: str) -> None:
    with pytest.raises(CommandEnded) as told:
        load(written(tmp_path, GOOD + more))
    assert told.value.name == "bad_config" and f" {named}: " in str(told.value)


@pytest.mark.parametrize(
    "broker", ["http://x", "mqtt://", "mqtt://login:secret@host", "mqtt://host:0"]
)
def test_a_broker_is_an_address_without_a_password(tmp_path: Path, broker: str) -> None:
    with pytest.raises(CommandEnded, match=r"server\.broker"):
        load(written(tmp_path, GOOD.replace("mqtts://ks.example.ru", broker)))


def test_invalid_toml_and_missing_files_are_reported(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.toml", written(tmp_path, "server = ")):
        with pytest.raises(CommandEnded, match=path.name):
            load(path)


def test_a_publisher_is_a_key(tmp_path: Path) -> None:
    with pytest.raises(CommandEnded, match="publishers"):
        load(written(tmp_path, 'publishers = ["00"]\n' + GOOD))


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_secret_file_readable_by_others_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("eight-or-more\n")
    secret.chmod(0o600)
    assert read_secret(secret) == "eight-or-more"
    secret.chmod(0o640)
    with pytest.raises(CommandEnded) as told:
        read_secret(secret)
    assert told.value.name == "open_secret" and "eight" not in str(told.value)


def test_an_empty_secret_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.touch(0o600)
    with pytest.raises(CommandEnded):
        read_secret(secret)


def test_the_example_is_valid_and_equals_the_deployed_one(tmp_path: Path) -> None:
    load(written(tmp_path, example()))
    uncommented = "\n".join(
        line.removeprefix("# ") if " = " in line or line.startswith("# [[") else line
        for line in example().splitlines()
        if line != '# ca_file = ""'
    )
    load(written(tmp_path, uncommented))
    assert (ROOT / "deploy/assistant.toml").read_text("utf-8") == example()


def test_the_unit_keeps_the_password_off_the_command_line() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "deploy/systemd/cash-server-assistant.service")
    service = unit["Service"]
    assert "password" not in service["ExecStart"]
    assert service["LoadCredential"].startswith("password:")
    assert service["Restart"] == "on-failure"


def test_every_sentence_exists_in_both_languages() -> None:
    for name, texts in TEXTS.items():
        assert texts.keys() == {"ru", "en"}, name
        assert all(texts.values()), name
