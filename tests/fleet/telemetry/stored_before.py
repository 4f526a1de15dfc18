"""Rows as they were stored by the program that knew only version 1 (schema 0022)."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Connection, DateTime, LargeBinary, MetaData, Table, insert

from fleet.kit.database import WRITES, Database
from fleet.migrations.run import upgrade

FILE = Path(__file__).parents[2] / "data" / "rows_of_0022.json"
REVISION = "0022_states_before"
KNOWN = "00106900000002"
CUT = "00106900000003"
"""Its owner is cut to 48 characters."""
PARTNER_ID = 1


async def restore(url: str) -> None:
    """Make a database of that schema with these rows, the registers all of one partner."""
    await upgrade(url, REVISION)
    database = Database(url)
    writing = database.engine.execution_options(**{WRITES: True})
    async with writing.begin() as connection:
        await connection.run_sync(_insert)
    await database.close()


def _insert(connection: Connection) -> None:
    rows: dict[str, list[dict[str, Any]]] = json.loads(FILE.read_text(encoding="utf-8"))
    partner = {"id": PARTNER_ID, "uuid": "u", "name": "of anna", "inn": ""}
    made = {"created_at": "2026-03-01 09:00:00.000000"}
    rows = {"partners": [partner | made], **rows}
    for name, found in rows.items():
        table = Table(name, MetaData(), autoload_with=connection)
        connection.execute(insert(table), [_typed(table, row.items()) for row in found])


def _typed(table: Table, row: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    values = {name: _value(table.c[name].type, value) for name, value in row}
    return values | ({"partner_id": PARTNER_ID} if "partner_id" in values else {})


def _value(type_: Any, value: Any) -> Any:
    """JSON has neither bytes nor moments nor, in what SQLite writes, truth."""
    if isinstance(type_, LargeBinary):
        return bytes.fromhex(value)
    if isinstance(type_, DateTime) and value is not None:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if type_.timezone else moment
    return bool(value) if isinstance(type_, Boolean) and value is not None else value
