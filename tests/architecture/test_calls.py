"""What a function of the fleet is told: one context of a call, and few things in order."""

import ast

import pytest

from tests.architecture.tree import Source, snippet, sources

MOST_POSITIONAL = 5
CONTEXT = frozenset({"db", "actor", "now"})
"""Who takes all of these takes an ``Act``."""

EXCEPTIONS = {
    "fleet/accounts/cli.py: create_partner": "each parameter is an option of the command line",
    "fleet/operations/rules.py: waiting_for": "a pure function of columns of one row",
    "fleet/telemetry/service.py: from_block": "a reading as the check-in says it, on the hot path",
}
"""Functions that take more, with the reason."""

TABLES = ("fleet/templates/settings_table.py",)
"""Their functions write a line of a table, in the order of its columns."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(source: Source) -> list[Function]:
    """Return the functions of a file that this law is for."""
    parts = source.path.parts
    if parts[0] != "fleet" or parts[1] in ("kit", "migrations") or str(source.path) in TABLES:
        return []
    return [node for node in ast.walk(source.tree) if isinstance(node, Function)]


def positional(function: Function) -> list[str]:
    """Return the names that a caller may give by their place, without ``self`` and ``cls``."""
    names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def crowded(source: Source) -> list[str]:
    return [
        f"{source.path}: {function.name}"
        for function in functions(source)
        if len(positional(function)) > MOST_POSITIONAL
    ]


def scattered(source: Source) -> list[str]:
    return [
        source.offence(function, f"{function.name} takes db, actor and now: take an Act")
        for function in functions(source)
        if set(positional(function)) | {each.arg for each in function.args.kwonlyargs} >= CONTEXT
    ]


def test_functions_take_few_things_by_place() -> None:
    found = [words for source in sources() for words in crowded(source)]
    assert sorted(found) == sorted(EXCEPTIONS)
    assert len(EXCEPTIONS) <= 10


def test_the_context_of_a_call_is_one_value() -> None:
    assert [words for source in sources() for words in scattered(source)] == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("def f(a, b, c, d, e): ...", 0),
        ("async def f(a, b, c, d, e, f): ...", 1),
        ("def f(a, b, c, d, e, *, f, g): ...", 0),
        ("class C:\n    def f(self, a, b, c, d, e): ...", 0),
        ("class C:\n    def f(self, a, b, c, d, e, f): ...", 1),
    ],
)
def test_a_sixth_place_is_found(text: str, count: int) -> None:
    assert len(crowded(snippet("fleet/clients/service.py", text))) == count
    assert crowded(snippet("fleet/kit/dialect.py", text)) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("async def f(db, actor, now): ...", 1),
        ("async def f(db, actor, id_, *, now): ...", 1),
        ("async def f(db, actor, id_): ...", 0),
        ("async def f(act, id_): ...", 0),
    ],
)
def test_a_scattered_context_is_found(text: str, count: int) -> None:
    assert len(scattered(snippet("fleet/clients/service.py", text))) == count
