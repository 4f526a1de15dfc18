"""The sources of the project, as the checks of this folder read them."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FRONT_DOOR = "cash_server.py"
PACKAGES = ("gateway", "protocol", "fleet", "simulator")


class Source(NamedTuple):
    """One Python file: its path from the root of the project, and its text."""

    path: PurePosixPath
    text: str

    @property
    def tree(self) -> ast.Module:
        """The file parsed, once for all checks: change nothing in it."""
        return _parsed(self)

    def offence(self, node: ast.AST, words: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {words}"


@cache
def _parsed(source: Source) -> ast.Module:
    return ast.parse(source.text, str(source.path))


def snippet(path: str, text: str) -> Source:
    """A file that is not there, to feed to a check."""
    return Source(PurePosixPath(path), text)


@cache
def sources() -> tuple[Source, ...]:
    """Every file of the product: the front door and the four packages."""
    return tuple(_read(path) for path in _files())


def _files() -> Iterator[Path]:
    yield ROOT / FRONT_DOOR
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def _read(path: Path) -> Source:
    return Source(PurePosixPath(path.relative_to(ROOT)), path.read_text())
