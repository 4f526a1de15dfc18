"""Kinds of tests: given by table and fixtures, and kept; limits that a busy machine stretches."""

import ast
import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

from tests import pace
from tests.kinds import FOLDERS, Kind, functions_in, kind_of

TESTS = Path(__file__).parents[1]

KINDS = (
    ("protocol/test_layout.py", (), Kind.UNIT),
    ("fleet/groups/test_rules.py", (), Kind.UNIT),
    ("fleet/groups/test_routes.py", ("api", "database", "database_url"), Kind.DATABASE),
    ("fleet/kit/test_follow.py", ("closed_port",), Kind.NETWORK),
    ("gateway/edge/transports/test_tls.py", ("database_url",), Kind.NETWORK),
    ("gateway/edge/test_keys.py", (), Kind.UNIT),
    ("journeys/test_people.py", ("town",), Kind.JOURNEY),
)


@pytest.mark.parametrize(("path", "fixtures", "kind"), KINDS)
def test_a_kind_follows_from_place_and_fixtures(
    path: str, fixtures: tuple[str, ...], kind: Kind
) -> None:
    assert kind_of(PurePosixPath(path), fixtures) is kind


def test_every_place_of_the_table_is_there() -> None:
    assert [place for place in FOLDERS if not (TESTS / place).exists()] == []


def test_no_kind_is_marked_by_hand() -> None:
    by_hand = [
        path
        for path in TESTS.rglob("*.py")
        if any(f"pytest.mark.{kind}\n" in path.read_text() for kind in Kind)
    ]
    assert by_hand == []


@pytest.mark.parametrize(
    "outside",
    [
        lambda one: one.connect(("127.0.0.1", 1)),
        lambda one: one.bind(("127.0.0.1", 0)),
        lambda _: sqlite3.connect(":memory:"),
        lambda _: os.posix_spawn("/bin/true", ["true"], {}),
    ],
)
def test_a_unit_test_reaches_nothing_outside(outside: Callable[[socket.socket], object]) -> None:
    with socket.socket() as one, pytest.raises(RuntimeError, match="is a unit test"):
        outside(one)


def test_functions_are_counted_once() -> None:
    source = "def test_a() -> None: ...\n\nasync def test_b(): ...\n\ndef helper(): test_a()\n"
    assert functions_in(source) == 2


def test_the_factor_is_within_bounds_and_inherited() -> None:
    assert 1 <= pace.FACTOR <= pace.MOST
    assert os.environ[pace.VARIABLE] == f"{pace.FACTOR:.2f}"
    assert pace.scaled(20) == 20 * pace.FACTOR


def bare_waits(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that wait a number of seconds, two or more, which no factor stretches."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and any(map(is_long, limits_of(node))):
            yield node


def limits_of(call: ast.Call) -> list[ast.expr]:
    if not isinstance(call.func, ast.Attribute) or "mark" in ast.unparse(call.func):
        return []
    limits = [word.value for word in call.keywords if word.arg == "timeout"]
    waits = ast.unparse(call.func) in {"asyncio.timeout", "asyncio.wait_for"}
    return limits + call.args[-1:] if waits else limits


def is_long(limit: ast.expr) -> bool:
    value = limit.value if isinstance(limit, ast.Constant) else None
    return isinstance(value, int | float) and value >= 2


def test_every_wait_is_stretched() -> None:
    assert list(bare_waits(ast.parse("asyncio.wait_for(done(), 5)"))) != []
    texts = {path.relative_to(TESTS): path.read_text() for path in sorted(TESTS.rglob("*.py"))}
    found = [
        f"{path}:{call.lineno}: a limit in seconds goes through pace.scaled"
        for path, text in texts.items()
        if "asyncio." in text or "timeout=" in text
        for call in bare_waits(ast.parse(text))
    ]
    assert found == []
