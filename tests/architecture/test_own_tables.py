"""A feature writes only its own tables: what it reads of another's it does not change.

The check sees what stands in the text: statements on models that another feature declares, rows
added or deleted, and attributes set on what was loaded or handed in as such a model.
"""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.tree import Source, snippet, sources

STATEMENTS = frozenset(
    {
        "insert",
        "insert_into",
        "update",
        "delete",
        "insert_columns",
        "replace_columns",
        "update_columns",
        "delete_some",
    }
)
"""Functions of SQLAlchemy and of ``fleet.kit.dialect`` that write the table they are given."""

ROWS = frozenset({"add", "add_all", "delete", "merge"})
"""Methods of a session that write the rows they are given."""

LOADERS = frozenset({"select", "get", "get_one"})

EXCEPTIONS: frozenset[str] = frozenset()
"""Offences, as they are printed, that have a reason.  There is none."""


def feature_of(source: Source) -> str | None:
    """Return the feature of a file of the fleet; None for the kit, migrations and others."""
    parts = source.path.parts
    if len(parts) < 3 or parts[0] != "fleet" or parts[1] in ("kit", "migrations"):
        return None
    return parts[1]


def foreign_models(source: Source) -> frozenset[str]:
    """Return the names under which a file knows models and tables of other features."""
    own = feature_of(source)
    names: set[str] = set()
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        match node.module.split("."):
            case ["fleet", feature, "models"] if feature != own:
                names |= {alias.asname or alias.name for alias in node.names}
            case ["fleet", feature] if feature != own:
                modules = (alias for alias in node.names if alias.name == "models")
                names |= {alias.asname or alias.name for alias in modules}
    return frozenset(names)


def named_in(node: ast.AST, names: frozenset[str]) -> set[str]:
    """Return which of ``names`` an expression stands for: ``M``, ``M(...)``, ``table_of(M)``,
    ``[M(...)]``, ``models.M``; what is compared or selected inside does not count."""
    match node:
        case ast.Name():
            return {node.id} & names
        case ast.Attribute():
            return named_in(node.value, names) if isinstance(node.value, ast.Name) else set()
        case ast.Call(func=ast.Name(id="table_of"), args=[model]):
            return named_in(model, names)
        case ast.Call():
            return named_in(node.func, names)
        case ast.List() | ast.Tuple():
            return {name for each in node.elts for name in named_in(each, names)}
        case ast.ListComp() | ast.GeneratorExp():
            return named_in(node.elt, names)
        case _:
            return set()


def called(node: ast.Call) -> tuple[str, bool]:
    """Return the last name of what is called, and whether it is a method."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr, True
    return (node.func.id, False) if isinstance(node.func, ast.Name) else ("", False)


def loads(node: ast.AST, models: frozenset[str]) -> bool:
    """Say whether an expression loads rows of one of ``models``."""
    calls = (each for each in ast.walk(node) if isinstance(each, ast.Call) and each.args)
    return any(called(each)[0] in LOADERS and named_in(each.args[0], models) for each in calls)


def loaded(function: ast.AST, models: frozenset[str]) -> frozenset[str]:
    """Return the variables of a function that hold rows, or statements, of ``models``."""
    names: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.arg(annotation=ast.expr() as kind) if named_in(kind, models):
                names.add(node.arg)
            case ast.AnnAssign(target=ast.Name(id=name)) if named_in(node.annotation, models):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]) if loads(node.value, models):
                names.add(name)
            case ast.For(target=ast.Name(id=name)) | ast.comprehension(target=ast.Name(id=name)):
                through = {each.id for each in ast.walk(node.iter) if isinstance(each, ast.Name)}
                if loads(node.iter, models) or through & names:
                    names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                if _awaited_from(value, names):
                    names.add(name)
    return frozenset(names)


def _awaited_from(value: ast.AST, names: set[str]) -> bool:
    """Say whether rows come of a statement that a variable holds: ``await db.scalar(theirs)``."""
    calls = (each for each in ast.walk(value) if isinstance(each, ast.Call) and each.args)
    return any(
        called(each)[0] in ("scalar", "scalars") and _mentions(each.args[0], names)
        for each in calls
    )


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(each, ast.Name) and each.id in names for each in ast.walk(node))


def writes(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Yield where a file writes what another feature's model stands for."""
    models = foreign_models(source)
    if not models:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            name, is_method = called(node)
            if not is_method and name in STATEMENTS:
                told = [each for arg in node.args[:2] for each in named_in(arg, models)]
                yield from ((node, f"{name}({each})") for each in told)
            elif is_method and name in ROWS and node.args:
                told = sorted(named_in(node.args[0], models))
                yield from ((node, f"{name}({each})") for each in told)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _changes(node, loaded(node, models))


def _changes(function: ast.AST, rows: frozenset[str]) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(function):
        match node:
            case ast.Attribute(value=ast.Name(id=name), ctx=ast.Store()) if name in rows:
                yield node, f"{name}.{node.attr} ="
            case ast.Call(func=ast.Name(id="setattr"), args=[ast.Name(id=name), *_]):
                if name in rows:
                    yield node, f"setattr({name})"
            case ast.Call(func=ast.Attribute(attr="delete"), args=[ast.Name(id=name)]):
                if name in rows:
                    yield node, f"delete({name})"


def foreign_writes(source: Source) -> list[str]:
    if feature_of(source) is None:
        return []
    found = {source.offence(node, f"{words}: another feature's") for node, words in writes(source)}
    return sorted(found - EXCEPTIONS)


def test_a_feature_writes_only_its_own_tables() -> None:
    assert [words for source in sources() for words in foreign_writes(source)] == []


FOREIGN = "from fleet.registers.models import CashRegister, READINGS\n"

WRITES = (
    "await db.execute(insert(CashRegister), rows)",
    "await db.execute(insert_into(act.db, CashRegister).values(row).on_conflict_do_nothing())",
    "await db.execute(update(CashRegister).where(CashRegister.blocked).values(blocked=False))",
    "await db.execute(delete(CashRegister).where(mine))",
    "db.add(CashRegister(serial_number=serial))",
    "act.db.add_all([CashRegister(serial_number=one) for one in serials])",
    "await insert_columns(db, table_of(CashRegister), columns, {})",
    "await delete_some(act.db, READINGS, 'at < :at', 5, at=now)",
    "def change(register: CashRegister) -> None:\n    register.blocked = True",
    "def change(register: CashRegister) -> None:\n    setattr(register, 'blocked', True)",
    "async def change(db):\n    one = await db.get_one(CashRegister, 5)\n    one.blocked = True",
    "async def change(db):\n    one = await db.get(CashRegister, 5)\n    await db.delete(one)",
    "async def change(db):\n"
    "    these = select(CashRegister).where(mine)\n"
    "    found = (await db.scalars(these)).all()\n"
    "    for each in found:\n"
    "        each.blocked = True",
    "async def change(db):\n"
    "    for each in await db.scalars(select(CashRegister)):\n"
    "        each.blocked, each.hidden = True, False",
)

READS = (
    "found = await db.scalars(select(CashRegister))",
    "await db.execute(update(Group).where(Group.id.in_(select(CashRegister.group_id))))",
    "await db.execute(delete(Client).where(exists().where(CashRegister.owner_inn == Client.inn)))",
    "db.add(Client(inn=register.owner_inn))",
    "def show(register: CashRegister) -> str:\n    return register.serial_number",
    "seen.add(serial)",
)


@pytest.mark.parametrize("text", WRITES)
def test_writing_to_another_feature_is_found(text: str) -> None:
    assert foreign_writes(snippet("fleet/clients/service.py", FOREIGN + text)) != []


@pytest.mark.parametrize("text", WRITES)
def test_writing_to_its_own_tables_is_allowed(text: str) -> None:
    assert foreign_writes(snippet("fleet/registers/service.py", FOREIGN + text)) == []


@pytest.mark.parametrize("text", READS)
def test_reading_from_another_feature_is_allowed(text: str) -> None:
    assert foreign_writes(snippet("fleet/clients/service.py", FOREIGN + text)) == []


def test_a_module_of_models_is_seen_through() -> None:
    text = "from fleet.registers import models\nawait db.execute(update(models.CashRegister))"
    assert foreign_writes(snippet("fleet/clients/service.py", text)) != []
