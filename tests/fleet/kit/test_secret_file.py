"""A secret that the server makes is made once, whoever comes first."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fleet.kit.secret_file import load_or_create


def test_simultaneous_starts_get_the_same_secret(tmp_path: Path) -> None:
    path = tmp_path / "data" / "some.key"
    with ThreadPoolExecutor(8) as pool:
        starts = range(32)
        got = list(
            pool.map(lambda _: load_or_create(path, lambda: secrets.token_bytes(32)), starts)
        )
    assert set(got) == {path.read_bytes()} and len(got[0]) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [found.name for found in path.parent.iterdir()] == ["some.key"]


def test_an_existing_secret_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "some.key"
    path.write_bytes(b"kept")
    assert load_or_create(path, lambda: b"new") == b"kept"
