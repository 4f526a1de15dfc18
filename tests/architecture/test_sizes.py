"""Files and functions of a size that a reader can hold in mind."""

import ast
from statistics import median

import pytest

from tests.architecture.tree import Source, snippet, sources

FUNCTION_LINES = 40
MEDIAN_LINES = 10
FILE_LINES = {
    "service.py": 350,
    "routes.py": 250,
    "rules.py": 250,
    "conversation.py": 250,
    "visits.py": 200,
    "cash_server.py": 150,
}
TABLES = "fleet/migrations/versions/*.py"
"""A migration lists tables and columns: it is a table itself."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(source: Source) -> list[Function]:
    if source.path.match(TABLES):
        return []
    return [node for node in ast.walk(source.tree) if isinstance(node, Function)]


def length(function: Function) -> int:
    """Lines from ``def`` to the end, without the docstring: a contract may be explained."""
    lines = _lines(function)
    if ast.get_docstring(function) is None:
        return lines
    return lines - _lines(function.body[0])


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def long_functions(source: Source) -> list[str]:
    return [
        source.offence(function, f"{function.name} has {lines} lines of {FUNCTION_LINES}")
        for function in functions(source)
        if (lines := length(function)) > FUNCTION_LINES
    ]


def long_file(source: Source) -> list[str]:
    lines = len(source.text.splitlines())
    limit = FILE_LINES.get(source.path.name)
    if limit is None or lines <= limit:
        return []
    return [f"{source.path}: {lines} lines of {limit}: split it by use case"]


def test_functions_are_short() -> None:
    assert [words for source in sources() for words in long_functions(source)] == []


def test_most_functions_are_very_short() -> None:
    lengths = [length(function) for source in sources() for function in functions(source)]
    assert median(lengths or [0]) <= MEDIAN_LINES


def test_files_are_short() -> None:
    assert [words for source in sources() for words in long_file(source)] == []


def function_of(body_lines: int) -> str:
    return 'def long():\n    """Explains\n    itself."""\n' + "    x = 1\n" * body_lines


@pytest.mark.parametrize(("path", "count"), [("fleet/kit/api.py", 1), (TABLES[:-4] + "a.py", 0)])
def test_a_long_function_is_found(path: str, count: int) -> None:
    assert long_functions(snippet(path, function_of(FUNCTION_LINES - 1))) == []
    assert len(long_functions(snippet(path, function_of(FUNCTION_LINES)))) == count


@pytest.mark.parametrize(("name", "limit"), FILE_LINES.items())
def test_a_long_file_is_found(name: str, limit: int) -> None:
    assert long_file(snippet(f"fleet/audit/{name}", "\n" * limit)) == []
    assert len(long_file(snippet(f"fleet/audit/{name}", "\n" * (limit + 1)))) == 1
