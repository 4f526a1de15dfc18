"""Statements that PostgreSQL and SQLite say differently.  No other file asks for the dialect.

The bulk statements take columns, not rows: on PostgreSQL a thousand rows are one statement
over ``unnest`` of arrays, on SQLite one ``executemany``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Select, Table, bindparam, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncSession

Columns = Mapping[str, Sequence[Any]]
Constants = Mapping[str, Any]
Chosen = TypeVar("Chosen", bound=Select[*tuple[Any, ...]])


def field_names(declared: type[Any]) -> tuple[str, ...]:
    """Return the names of a dataclass's fields: of the columns whose values it holds."""
    return tuple(each.name for each in fields(declared))


def columns_of(names: Sequence[str], rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Return the attributes ``names`` of ``rows`` as columns for the bulk statements."""
    return {name: [getattr(row, name) for row in rows] for name in names}


async def insert_columns(
    db: AsyncSession,
    table: Table,
    columns: Columns,
    constants: Constants,
    replace_on: str | None = None,
) -> None:
    """Insert as many rows as the columns are long; ``constants`` stand in every row.

    With ``replace_on`` (the columns of a unique key, separated by commas) a row that is there
    already gets the new values.
    """
    names = (tuple(columns), tuple(constants))
    if _is_postgresql(db):
        statement = _insert_postgresql(table, *names, replace_on)
    else:
        statement = _insert_sqlite(table, *names, replace_on)
    await _run(db, statement, table, columns, constants)


@dataclass(frozen=True, slots=True)
class Replacement:
    """Rows of ``table`` by the unique ``key``, each also copied into ``history``.

    ``copied`` are the columns that the two share; ``constant`` is the one, called differently in
    each, that has the same value in every row.  Beside each ``watched`` column stands one called
    ``was_…``: there PostgreSQL leaves what it replaces, so that its statement can tell.
    """

    table: Table
    key: str
    watched: tuple[str, ...]
    constant: str
    history: Table
    copied: tuple[str, ...]
    history_constant: str


async def replace_columns(
    db: AsyncSession, what: Replacement, columns: Columns, constant: Any
) -> dict[Any, tuple[Any, ...] | None]:
    """Insert or replace rows, keep a copy of each, and tell which changed what is ``watched``.

    Returns the watched values from before by key (as the driver gives them): ``None`` for a
    row that is new, nothing at all for a row whose watched values stay.
    """
    constants = {what.constant: constant}
    if _is_postgresql(db):
        statement = _replace_postgresql(what, tuple(columns))
        rows = await _run(db, statement, what.table, columns, constants)
        return {row[0]: row[2:] if row[1] else None for row in rows}
    before = await _watched_sqlite(db, what, columns)
    await insert_columns(db, what.table, columns, constants, replace_on=what.key)
    copied = {name: columns[name] for name in what.copied}
    await insert_columns(db, what.history, copied, {what.history_constant: constant})
    return before


async def update_columns(
    db: AsyncSession, table: Table, key: str, columns: Columns, constants: Constants
) -> None:
    """Update one row for each value of ``columns[key]``; the other columns are the new values."""
    names = (tuple(columns), tuple(constants))
    if _is_postgresql(db):
        statement = _update_postgresql(table, key, *names)
    else:
        statement = _update_sqlite(table, key, *names)
    await _run(db, statement, table, columns, constants)


def select_for_update(
    db: AsyncSession, statement: Chosen, *, wait: bool, shared: bool = False, of: Any = None
) -> Chosen:
    """The rows of ``statement``, locked until the commit; those that others hold are waited for
    or left out.  Of a join only those of the model ``of``, if it is named.

    ``shared``: others may lock them so too, and write what nobody locks first (a check-in does);
    who wants them alone waits.  SQLite has one writer at a time, so its rows are ours already.
    """
    if not _is_postgresql(db):
        return statement
    return statement.with_for_update(skip_locked=not wait, read=shared, key_share=shared, of=of)


async def lock_until_commit(db: AsyncSession, what: str, of: int) -> None:
    """Past this point one transaction at a time for each ``what`` and ``of``, until its end.

    For rules about rows that are not there yet, which no lock of rows can hold.  SQLite has one
    writer at a time anyway.
    """
    if _is_postgresql(db):
        lock = text("SELECT pg_advisory_xact_lock(hashtext(:what), :of)")
        await db.execute(lock, {"what": what, "of": of})


async def plan_with_values(db: AsyncSession) -> None:
    """Until the end of the transaction PostgreSQL plans each statement for its values.

    For statements whose best way depends on them: how rare is what a filter asks for?  SQLite
    plans every statement when it is prepared, without them.
    """
    if _is_postgresql(db):
        await db.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))


async def notify(db: AsyncSession, channel: str, payload: str) -> None:
    """Tell the followers of ``channel`` at commit (see ``fleet.kit.follow``).

    SQLite's followers watch ``data_version`` instead, so there is nothing to say.
    """
    if _is_postgresql(db):
        await db.execute(
            text("SELECT pg_notify(:channel, :payload)"), {"channel": channel, "payload": payload}
        )


async def delete_portion(
    db: AsyncSession, table: Table, where: str, limit: int, **values: Any
) -> int:
    """Delete at most ``limit`` rows that match; a short transaction for long clean-ups."""
    row = "ctid" if _is_postgresql(db) else "rowid"
    found = f"SELECT {row} FROM {table.name} WHERE {where} LIMIT :limit"
    statement = text(f"DELETE FROM {table.name} WHERE {row} IN ({found})")
    ready = {name: _to_driver(table, name, _dialect(db))(value) for name, value in values.items()}
    result = await db.execute(statement, {**ready, "limit": limit})
    return int(result.rowcount)  # type: ignore[attr-defined]


async def _run(
    db: AsyncSession, statement: Any, table: Table, columns: Columns, constants: Constants
) -> Any:
    dialect = _dialect(db)
    fixed = {name: _to_driver(table, name, dialect)(value) for name, value in constants.items()}
    lists = {
        name: _to_driver_list(table, name, dialect, values) for name, values in columns.items()
    }
    if dialect.name == "postgresql":
        return await db.execute(statement, {**fixed, **lists})
    rows = zip(*lists.values(), strict=True)
    return await db.execute(
        statement, [{**fixed, **dict(zip(lists, row, strict=True))} for row in rows]
    )


def _to_driver(table: Table, name: str, dialect: Dialect) -> Any:
    processor = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
    return processor or (lambda value: value)


def _to_driver_list(
    table: Table, name: str, dialect: Dialect, values: Sequence[Any]
) -> Sequence[Any]:
    """Values as the driver wants them; plain numbers and bytes are that already, and a column
    without any value (most are, of operations) stays so."""
    processor = table.c[name].type.dialect_impl(dialect).bind_processor(dialect)
    if processor is None or isinstance(values[0], int) or values.count(None) == len(values):
        return values
    return [processor(value) for value in values]


def _is_postgresql(db: AsyncSession) -> bool:
    return _dialect(db).name == "postgresql"


def _dialect(db: AsyncSession) -> Dialect:
    return db.get_bind().dialect


def _array(table: Table, name: str) -> str:
    kind = table.c[name].type.compile(postgresql.dialect())  # type: ignore[no-untyped-call]
    return f"CAST(:{name} AS {kind}[])"


def _constant(table: Table, name: str) -> str:
    return _array(table, name).removesuffix("[])") + ")"


@cache
def _insert_postgresql(
    table: Table, columns: tuple[str, ...], constants: tuple[str, ...], replace_on: str | None
) -> Any:
    arrays = ", ".join(_array(table, name) for name in columns)
    fixed = "".join(", " + _constant(table, name) for name in constants)
    return text(
        f"INSERT INTO {table.name} ({', '.join(columns + constants)}) "
        f"SELECT {', '.join(f'u.{name}' for name in columns)}{fixed} "
        f"FROM unnest({arrays}) AS u({', '.join(columns)})"
        + _on_conflict(columns + constants, replace_on)
    )


@cache
def _insert_sqlite(
    table: Table, columns: tuple[str, ...], constants: tuple[str, ...], replace_on: str | None
) -> Any:
    names = columns + constants
    values = ", ".join(f":{name}" for name in names)
    return text(
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values})"
        + _on_conflict(names, replace_on)
    )


def _on_conflict(names: tuple[str, ...], replace_on: str | None) -> str:
    if replace_on is None:
        return ""
    key = replace_on.split(", ")
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key)
    return f" ON CONFLICT ({replace_on}) DO UPDATE SET {changes}"


@cache
def _update_postgresql(
    table: Table, key: str, columns: tuple[str, ...], constants: tuple[str, ...]
) -> Any:
    arrays = ", ".join(_array(table, name) for name in columns)
    changes = [f"{name} = u.{name}" for name in columns if name != key]
    changes += [f"{name} = {_constant(table, name)}" for name in constants]
    return text(
        f"UPDATE {table.name} AS t SET {', '.join(changes)} "
        f"FROM unnest({arrays}) AS u({', '.join(columns)}) WHERE t.{key} = u.{key}"
    )


@cache
def _update_sqlite(
    table: Table, key: str, columns: tuple[str, ...], constants: tuple[str, ...]
) -> Any:
    changes = ", ".join(f"{name} = :{name}" for name in columns + constants if name != key)
    return text(f"UPDATE {table.name} SET {changes} WHERE {key} = :{key}")


@cache
def _replace_postgresql(what: Replacement, columns: tuple[str, ...]) -> Any:
    """One statement, so that the rows travel once.  What was there is what the writing itself
    replaces: another transaction may have written it since the statement began."""
    table, key = what.table, what.key
    arrays = ", ".join(_array(table, name) for name in columns)
    fixed = _constant(table, what.constant)
    was = ", ".join(f"was_{name}" for name in what.watched)
    left = "".join(f", was_{name} = {table.name}.{name}" for name in what.watched)
    differs = " OR ".join(f"was_{name} IS DISTINCT FROM {name}" for name in what.watched)
    return text(
        f"WITH u AS MATERIALIZED (SELECT * FROM unnest({arrays}) AS u({', '.join(columns)})), "
        f"written AS (INSERT INTO {table.name} ({', '.join((*columns, what.constant))}) "
        f"SELECT {', '.join(f'u.{name}' for name in columns)}, {fixed} FROM u"
        f"{_on_conflict((*columns, what.constant), key)}{left} "
        f"RETURNING {key}, {', '.join(what.watched)}, {was}), "
        f"copied AS (INSERT INTO {what.history.name} "
        f"({', '.join((*what.copied, what.history_constant))}) "
        f"SELECT {', '.join(f'u.{name}' for name in what.copied)}, {fixed} FROM u) "
        f"SELECT {key}, was_{what.watched[0]} IS NOT NULL, {was} FROM written WHERE {differs}"
    )


async def _watched_sqlite(
    db: AsyncSession, what: Replacement, columns: Columns
) -> dict[Any, tuple[Any, ...] | None]:
    names = ", ".join((what.key, *what.watched))
    statement = text(f"SELECT {names} FROM {what.table.name} WHERE {what.key} IN :keys")
    expanding = statement.bindparams(bindparam("keys", expanding=True))
    keys = columns[what.key]
    found = {row[0]: tuple(row[1:]) for row in await db.execute(expanding, {"keys": keys})}
    new = zip(*(columns[name] for name in what.watched), strict=True)
    return {
        key: found.get(key)
        for key, values in zip(keys, new, strict=True)
        if found.get(key) != values
    }
