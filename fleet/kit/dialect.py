"""Statements that differ between PostgreSQL and SQLite.  No other file asks for the dialect.

Theory of operation.  Writing a thousand rows one by one costs a thousand round trips to
PostgreSQL.  The bulk functions therefore take columns instead of rows: one list of values for
each column (``columns``), and one value for each column that is equal in every row
(``constants``).  The text of a statement depends only on the table and the names of the columns,
so it is built once and cached.  Values pass through the bind processors of the columns' types,
because the statements are plain text that SQLAlchemy does not analyse.  For example::

    insert_columns(
        db, readings, {"serial_number": [1, 2], "block": [b"a", b"b"]}, {"seen_at": now},
        replace_on="serial_number",
    )

On PostgreSQL it executes one statement; each list travels as one array, and ``unnest`` turns the
arrays into rows::

    INSERT INTO readings (serial_number, block, seen_at)
    SELECT u.serial_number, u.block, CAST(:seen_at AS TIMESTAMP WITH TIME ZONE)
    FROM unnest(CAST(:serial_number AS BIGINT[]), CAST(:block AS BYTEA[]))
         AS u(serial_number, block)
    ON CONFLICT (serial_number) DO UPDATE
    SET block = excluded.block, seen_at = excluded.seen_at

On SQLite, which has no arrays and no round trips, it executes one statement for each row
(``executemany``)::

    INSERT INTO readings (serial_number, block, seen_at)
    VALUES (:serial_number, :block, :seen_at)
    ON CONFLICT (serial_number) DO UPDATE
    SET block = excluded.block, seen_at = excluded.seen_at

``update_columns`` works in the same way (``UPDATE … FROM unnest(…)``).  ``replace_columns`` also
copies the rows to a history table and returns the previous values of those that changed.  Row
locks, advisory locks and ``pg_notify`` exist only on PostgreSQL: on SQLite, which allows one
writer at a time, their functions do nothing.
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
    """Return the names of a dataclass's fields, which are also the names of columns."""
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
    """Insert one row for each position of the columns; ``constants`` are equal in every row.

    With ``replace_on`` (the columns of a unique key, separated by ``", "``) an existing row gets
    the new values; without it an existing row raises ``IntegrityError``.
    """
    names = (tuple(columns), tuple(constants))
    if _is_postgresql(db):
        statement = _insert_postgresql(table, *names, replace_on)
    else:
        statement = _insert_sqlite(table, *names, replace_on)
    await _run(db, statement, table, columns, constants)


@dataclass(frozen=True, slots=True)
class Replacement:
    """A table whose rows are replaced by the unique ``key`` and also copied into ``history``.

    ``copied`` are the columns that both tables have.  ``constant`` is the column of ``table`` that
    has one value in all rows of a call; in ``history`` it is called ``history_constant``.  For each
    ``watched`` column the table also has a column ``was_<name>``, in which the statement for
    PostgreSQL keeps the previous value, so that it can return it.
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
    """Insert or replace rows, copy each into the history, and return the watched changes.

    Return the previous watched values by key (both as the driver returns them): None for a new
    row; a row whose watched values did not change is left out.
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
    """Update one row for each value of ``columns[key]``; the other columns are its new values."""
    names = (tuple(columns), tuple(constants))
    if _is_postgresql(db):
        statement = _update_postgresql(table, key, *names)
    else:
        statement = _update_sqlite(table, key, *names)
    await _run(db, statement, table, columns, constants)


def select_for_update(
    db: AsyncSession, statement: Chosen, *, wait: bool, shared: bool = False, of: Any = None
) -> Chosen:
    """Return ``statement`` with its rows locked until the commit.

    Rows that others have locked are waited for (``wait``) or left out.  In a join only the rows of
    the model ``of`` are locked, if it is given.  ``shared`` (FOR KEY SHARE): others may take the
    same lock and may update columns that are not a key, as a check-in does; an exclusive lock
    waits.  SQLite allows one writer at a time, so the statement is returned unchanged.
    """
    if not _is_postgresql(db):
        return statement
    return statement.with_for_update(skip_locked=not wait, read=shared, key_share=shared, of=of)


async def lock_until_commit(db: AsyncSession, what: str, of: int) -> None:
    """Lock the pair of ``what`` and ``of`` until the end of the transaction.

    It is for rules about rows that do not exist yet, which a row lock cannot protect.  SQLite
    allows one writer at a time, so nothing is done there.
    """
    if _is_postgresql(db):
        lock = text("SELECT pg_advisory_xact_lock(hashtext(:what), :of)")
        await db.execute(lock, {"what": what, "of": of})


async def plan_with_values(db: AsyncSession) -> None:
    """Let PostgreSQL plan each statement of this transaction for its actual values.

    It is for statements whose best plan depends on how rare the values of a filter are.  SQLite
    always plans without the values, so nothing is done there.
    """
    if _is_postgresql(db):
        await db.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))


async def notify(db: AsyncSession, channel: str, payload: str) -> None:
    """Notify the followers of ``channel`` when the transaction commits (``fleet.kit.follow``).

    Followers of SQLite poll ``data_version`` instead, so nothing is done there.
    """
    if _is_postgresql(db):
        await db.execute(
            text("SELECT pg_notify(:channel, :payload)"), {"channel": channel, "payload": payload}
        )


async def delete_portion(
    db: AsyncSession, table: Table, where: str, limit: int, **values: Any
) -> int:
    """Delete at most ``limit`` rows that match the SQL condition ``where``; return how many.

    The limit keeps the transactions of a long clean-up short.
    """
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
    """Return the values converted for the driver.

    Plain numbers and bytes need no conversion, and neither does a column that contains only None,
    as most columns of operations do.
    """
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
    """Return one statement for the whole replacement, so that the rows travel once.

    The previous values are read by the INSERT itself: another transaction may have changed them
    since the statement began, so a SELECT in the same statement would see older ones.
    """
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
