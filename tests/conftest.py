"""What every test has: its kind, its patience, the profile of hypothesis and lines of the log.

Servers and their fixtures are in ``tests/servers``; a folder's conftest loads what it needs.
"""

import socket
import sys
from collections.abc import Generator, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

import pytest
import structlog

from tests import examples as _profiles  # noqa: F401  loads the profile before any test
from tests.kinds import Kind, functions_in, kind_of, kind_of_place
from tests.pace import FACTOR, scaled

HERE: Final = Path(__file__).parent
UNOPENED: Final = pytest.StashKey[list[int]]()
"""The numbers of test functions in the files that ``-m unit`` left unopened."""
LEFT_OUT: Final = pytest.StashKey[int]()

OUTSIDE: Final = frozenset(
    {"socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen", "os.posix_spawn"}
)
"""Audit events of the interpreter that are not for a unit test."""

running: Final[list[pytest.Item]] = []
"""The test that runs, if one does."""

# structlog's own choice draws a traceback with every variable of every frame, which takes seconds.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[UNOPENED], config.stash[LEFT_OUT] = [], 0


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave files without unit tests unopened when only unit tests are asked for."""
    if config.option.markexpr != Kind.UNIT or not _holds_tests(collection_path):
        return None
    if kind_of_place(_in_tests(collection_path)) is Kind.UNIT:
        return None
    config.stash[UNOPENED].append(functions_in(collection_path.read_text()))
    return True


def _holds_tests(path: Path) -> bool:
    return path.name.startswith("test_") and path.suffix == ".py" and path.is_relative_to(HERE)


def _in_tests(path: Path) -> PurePosixPath:
    return PurePosixPath(path.relative_to(HERE))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each test its kind, before ``-m`` selects by it, and its time limit."""
    usual_s = float(config.getini("timeout"))
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        item.add_marker(kind_of(_in_tests(item.path), fixtures).value)
        own = item.get_closest_marker("timeout")
        item.add_marker(pytest.mark.timeout(scaled(own.args[0] if own else usual_s)), append=False)


def pytest_deselected(items: list[pytest.Item]) -> None:
    if items:
        items[0].config.stash[LEFT_OUT] += len(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let ``refuse_outside`` know the test that runs."""
    running[:] = [item]
    try:
        return (yield)
    finally:
        running.clear()


def refuse_outside(event: str, _arguments: tuple[object, ...]) -> None:
    """Refuse to a unit test what makes it something else; an audit hook of the interpreter."""
    if event in OUTSIDE and running and running[0].get_closest_marker(Kind.UNIT):
        raise RuntimeError(f"{running[0].nodeid} is a unit test, but: {event}; see tests/kinds.py")


sys.addaudithook(refuse_outside)


def pytest_report_teststatus(
    report: pytest.TestReport, config: pytest.Config
) -> tuple[str, str, str] | None:
    """Count a passed unit test without a dot: there are thousands of them."""
    if config.option.markexpr == Kind.UNIT and report.when == "call" and report.passed:
        return "passed", "", ""
    return None


def pytest_report_header() -> str:
    return f"pace: time limits × {FACTOR:g}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was left out, where ``-m`` left out something."""
    unopened = config.stash[UNOPENED]
    if config.stash[LEFT_OUT] or unopened:
        terminalreporter.write_line(
            f"left out: {config.stash[LEFT_OUT]} tests, and {sum(unopened)} test functions"
            f" in {len(unopened)} files that were not opened; make test runs all of them"
        )


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of 127.0.0.1 on which nobody listens: it is bound here, and kept."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])
