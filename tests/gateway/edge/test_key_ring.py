"""The key ring on disk: whole or not there, and renewed without losing a key."""

import os
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.edge import key_ring
from gateway.edge.key_ring_commands import app

SERIAL = bytes.fromhex("00106100000001")


def test_a_new_ring_has_one_generation_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    assert key_ring.create(path).generations == (1,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_ring_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    key_ring.create(path)
    content = path.read_bytes()
    with pytest.raises(FileExistsError):
        key_ring.create(path)
    assert key_ring.load_or_create(path).generations == (1,)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_an_added_generation_is_current_and_the_old_keys_stay(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    before = key_ring.create(path)
    assert key_ring.add_generation(path) == 2
    after = key_ring.load(path)
    assert (after.generations, after.current) == ((1, 2), 2)
    assert after.register_key(1, SERIAL) == before.register_key(1, SERIAL)
    assert after.register_key(2, SERIAL) != before.register_key(1, SERIAL)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("call", [key_ring.load_or_create, key_ring.add_generation])
def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: object
) -> None:
    path = tmp_path / "ring.json"
    if call is key_ring.add_generation:
        key_ring.create(path)
    before = sorted((file.name, file.read_bytes()) for file in tmp_path.iterdir())

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        call(path)  # type: ignore[operator]
    assert sorted((file.name, file.read_bytes()) for file in tmp_path.iterdir()) == before


def test_the_last_generation_has_no_successor(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    path.write_text('{"255": "' + "07" * 32 + '"}')
    with pytest.raises(ValueError, match="last generation"):
        key_ring.add_generation(path)


def test_the_commands_tell_generations_and_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASH_SERVER_DATA", str(tmp_path / "data"))
    runner = CliRunner()
    missing = runner.invoke(app, ["list"])
    assert isinstance(missing.exception, ValueError)
    assert "key-ring create" in str(missing.exception)
    said = [
        runner.invoke(app, [command]).output for command in ("create", "add-generation", "list")
    ]
    assert "generation 1" in said[0] and "generation 2 added" in said[1]
    assert said[2].rstrip().endswith("generations 1, 2; current 2")
    again = runner.invoke(app, ["create"])
    assert isinstance(again.exception, ValueError) and "not changed" in str(again.exception)
    ring = (tmp_path / "data" / "key-ring.json").read_text()
    keys = [part for part in ring.split('"') if len(part) == 64]
    assert len(keys) == 2 and not any(key in "".join(said) for key in keys)
