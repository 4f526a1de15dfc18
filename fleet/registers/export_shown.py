"""The list of registers as a file with the columns that the employee has chosen."""

from collections.abc import AsyncGenerator
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import select

from fleet.kit.act import Act
from fleet.kit.language import Language
from fleet.registers.columns import TELEMETRY, heading, told
from fleet.registers.export import PORTION, STATUSES, cell, lines
from fleet.registers.filters import RegisterConditions, selected_by
from fleet.registers.models import CashRegister
from fleet.registers.queries import to_row
from fleet.telemetry.models import RegisterState
from fleet.telemetry.rules import BY_NAME as CONDITIONS

YES: tuple[str, str] = ("да", "yes")
NO: tuple[str, str] = ("нет", "no")


async def as_shown_csv(
    act: Act, query: RegisterConditions, columns: tuple[str, ...]
) -> AsyncGenerator[bytes, None]:
    """Yield the file in pieces with these columns, as ``export.as_csv`` does."""
    yield lines([[heading(name, act.language) for name in columns]], "utf-8-sig")
    of_reading = tuple(name for name in columns if name in set(TELEMETRY))
    states = (RegisterState.seen_at, RegisterState.block_version, RegisterState.block)
    same = RegisterState.serial_number == CashRegister.serial_number
    statement = (
        select(CashRegister, *states)
        .outerjoin(RegisterState, same)
        .where(*await selected_by(act.db, act.actor, query))
        .order_by(CashRegister.serial_number)
    )
    rows = await act.db.stream(statement.execution_options(yield_per=PORTION))
    async for portion in rows.partitions(PORTION):
        found = []
        for register, seen_at, version, block in portion:
            row = to_row(register, seen_at, act.now)
            if query.status and row.status not in query.status:
                continue
            values = row.model_dump() | told(of_reading, version, block)
            offset_min = row.utc_offset_min or 0
            said = (_said(name, values.get(name), offset_min, act.language) for name in columns)
            found.append([cell(value, as_text=_looks_like_number(value)) for value in said])
        yield lines(found)


def _said(name: str, value: Any, offset_min: int, language: Language) -> Any:
    """Return a value as text for people; moments are in the register's time zone."""
    english = language is Language.EN
    if name == "status":
        return STATUSES[value][english]
    if name == "conditions":
        found = (CONDITIONS[each] for each in value)
        return [each.label_en if english else each.label_ru for each in found]
    if isinstance(value, bool):
        return (YES if value else NO)[english]
    if isinstance(value, datetime):
        zone = timezone(timedelta(minutes=offset_min))
        return value.astimezone(zone).strftime("%d.%m.%Y %H:%M")
    return value


def _looks_like_number(value: Any) -> bool:
    """Tell whether a spreadsheet would take the text for a number or a date."""
    return isinstance(value, str) and value.replace(".", "").isdigit()
