"""Docstrings and class names that a stranger understands at first reading.

ruff checks the form of docstrings (D205, D400, D401 in ``pyproject.toml``); here is what it
cannot see.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pytest

from tests.architecture.tree import Source, snippet, sources

RIDDLE: Final = re.compile(r"(The same|What|Whether|Who|Whose|Of|Those|Where)\b")
"""The first words of sentences that leave out their subject."""

SHARED_NAMES: Final[dict[str, str]] = {}
"""Public class names that stand more than once in a package, with the reason; at most ten."""

LEAST_DOCUMENTED: Final = {"functions": 0.79, "classes": 0.95}
"""Shares of the public functions and classes with a docstring: deleting one is no cure."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def docstrings(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Yield each docstring of a module, its classes and functions, with its node."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | Definition):
            text = ast.get_docstring(node)
            if text:
                yield node, text


def riddles(source: Source) -> list[str]:
    """Return the docstrings that begin with a word of a subordinate clause."""
    return [
        source.offence(node, text.splitlines()[0])
        for node, text in docstrings(source.tree)
        if RIDDLE.match(text)
    ]


def public(source: Source) -> Iterator[Definition]:
    """Yield the public functions, methods and classes that stand outside functions."""
    queue: list[ast.Module | ast.ClassDef] = [source.tree]
    while queue:
        for node in queue.pop().body:
            if isinstance(node, Definition) and not node.name.startswith("_"):
                yield node
                if isinstance(node, ast.ClassDef):
                    queue.append(node)


def documented_share(found: Sequence[Definition]) -> float:
    """Return the share of definitions that have a docstring; 1 if there is none to document."""
    if not found:
        return 1.0
    return sum(ast.get_docstring(node) is not None for node in found) / len(found)


def names_that_stand_twice(found: tuple[Source, ...]) -> list[str]:
    """Return the public class names that stand for several classes of one package."""
    places = defaultdict(list)
    for source in found:
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[source.path.parts[0], node.name].append(str(source.path))
    return [
        f"{name}: {', '.join(paths)}"
        for (_, name), paths in places.items()
        if len(paths) > 1 and name not in SHARED_NAMES
    ]


def test_docstrings_are_no_riddles() -> None:
    assert [words for source in sources() for words in riddles(source)] == []


def test_a_class_name_stands_once_in_a_package() -> None:
    assert names_that_stand_twice(sources()) == []
    assert len(SHARED_NAMES) <= 10


@pytest.mark.parametrize(
    ("what", "kind"),
    [("functions", ast.FunctionDef | ast.AsyncFunctionDef), ("classes", ast.ClassDef)],
)
def test_most_public_names_are_documented(what: str, kind: type[Definition]) -> None:
    found = [node for source in sources() for node in public(source) if isinstance(node, kind)]
    assert documented_share(found) >= LEAST_DOCUMENTED[what]


@pytest.mark.parametrize(
    ("check", "text", "count"),
    [
        (riddles, 'def f():\n    """Whether it rains."""', 1),
        (riddles, 'class A:\n    """Those of the page."""', 1),
        (riddles, '"""The same for others."""', 1),
        (riddles, 'def f():\n    """Whole numbers only."""', 0),
        (riddles, 'def f():\n    """Tell whether it rains."""', 0),
    ],
)
def test_a_riddle_is_found(check: Callable[[Source], list[str]], text: str, count: int) -> None:
    assert len(check(snippet("fleet/kit/leaf.py", text))) == count


def test_a_name_for_two_classes_is_found() -> None:
    both = (snippet("fleet/a.py", "class Kind: ..."), snippet("fleet/b.py", "class Kind: ..."))
    other = (snippet("fleet/a.py", "class Kind: ..."), snippet("gateway/b.py", "class Kind: ..."))
    assert len(names_that_stand_twice(both)) == 1
    assert names_that_stand_twice(other) == []


def test_an_undocumented_name_is_counted() -> None:
    text = 'class A:\n    def f(self): ...\n    def _g(self): ...\n\ndef h():\n    """Do it."""'
    functions = [
        node for node in public(snippet("a.py", text)) if isinstance(node, ast.FunctionDef)
    ]
    assert documented_share(functions) == 0.5
