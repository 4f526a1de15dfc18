"""Who may end a transaction, and who may look at a clock: what an import does not show."""

import ast
from collections.abc import Callable

import pytest

from tests.architecture.tree import Source, snippet, sources

EDGES = ("fleet/kit/database.py", "fleet/migrations/*.py", "fleet/migrations/versions/*.py")
"""Where transactions begin and end."""

PURE = (
    "protocol/*.py",
    "protocol/*/*.py",
    "protocol/*/*/*.py",
    "fleet/*/rules.py",
    "fleet/*/rules/*.py",
    "fleet/operations/types/*.py",
)
"""What is told the time instead of asking for it."""

CLOCKS = (
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.sleep",
)


def attributes(source: Source) -> list[ast.Attribute]:
    return [node for node in ast.walk(source.tree) if isinstance(node, ast.Attribute)]


def matches(source: Source, patterns: tuple[str, ...]) -> bool:
    return any(source.path.match(pattern) for pattern in patterns)


def commits(source: Source) -> list[str]:
    if matches(source, EDGES):
        return []
    ends = [node for node in attributes(source) if node.attr == "commit"]
    return [source.offence(node, "only the edges commit") for node in ends]


def clock_readings(source: Source) -> list[str]:
    if not matches(source, PURE):
        return []
    readings = [node for node in attributes(source) if reads_clock(ast.unparse(node))]
    return [source.offence(node, "the clock is a parameter") for node in readings]


def reads_clock(expression: str) -> bool:
    return any(f".{expression}".endswith(f".{clock}") for clock in CLOCKS)


@pytest.mark.parametrize("check", [commits, clock_readings])
def test_the_tree_is_pure(check: Callable[[Source], list[str]]) -> None:
    assert [words for source in sources() for words in check(source)] == []


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("fleet/operations/service.py", 1),
        ("fleet/operations/routes.py", 1),
        ("fleet/kit/queries.py", 1),
        ("gateway/edge/server.py", 1),
        ("fleet/kit/database.py", 0),
        ("fleet/migrations/env.py", 0),
    ],
)
@pytest.mark.parametrize("text", ["await db.commit()", "finish = self.db.commit"])
def test_a_commit_is_found(path: str, text: str, count: int) -> None:
    assert len(commits(snippet(path, text))) == count


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("protocol/kktpc/frame.py", 1),
        ("fleet/incidents/rules.py", 1),
        ("fleet/operations/types/reboot.py", 1),
        ("fleet/operations/service.py", 0),
        ("simulator/calls/fleet.py", 0),
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "datetime.now(UTC)",
        "seen_at = datetime.datetime.utcnow()",
        "due = time.time() + 5",
        "field(default_factory=date.today)",
    ],
)
def test_a_clock_is_found(path: str, text: str, count: int) -> None:
    assert len(clock_readings(snippet(path, text))) == count


def test_a_time_that_was_given_is_no_clock() -> None:
    assert clock_readings(snippet("protocol/leaf.py", "clock.now(); self.datetime.year")) == []
