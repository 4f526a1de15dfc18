"""Recording of conversations."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import column, delete, func, insert, select, values
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.diagnostics.models import SeenConversation
from fleet.diagnostics.rules import MAX_KEPT_ROWS, SERVED, EndedConversation
from fleet.kit.act import Act
from fleet.kit.database import table_of
from fleet.registers.models import CashRegister

_TABLE = table_of(SeenConversation)
_NAMES: Final = tuple(column.name for column in _TABLE.c if column.name != "id")
_LENGTHS: Final = {"road": 8, "peer": 64, "outcome": 32, "why": 128, "reached": 16}

LOOK_BACK: Final = timedelta(hours=1)
"""Time in which a register must have had a row to be trimmed; earlier surplus has already been
deleted."""


class ConversationRecord(NamedTuple):
    """A conversation and the moment of its end."""

    conversation: EndedConversation
    at: datetime


async def record(db: AsyncSession, ended: Sequence[ConversationRecord]) -> None:
    """Insert these conversations with one statement; those of unknown registers are left out."""
    rows = values(*(column(name, _TABLE.c[name].type) for name in _NAMES), name="ended")
    given = rows.data([_row(each) for each in ended]).cte()
    known = given.c.serial_number.in_(select(CashRegister.serial_number))
    await db.execute(insert(_TABLE).from_select(_NAMES, select(given).where(known)))


def _row(ended: ConversationRecord) -> tuple[Any, ...]:
    found = {**ended.conversation._asdict(), "ended_at": ended.at}
    found["road"] = found.pop("transport")
    found["operations"] = list(ended.conversation.operations)
    for name, length in _LENGTHS.items():
        found[name] = found[name][:length]
    return tuple(found[name] for name in _NAMES)


async def trim_conversations(act: Act, portion: int) -> int:
    """Delete old conversations and return how many groups of rows were trimmed.

    A group is one register's served or failed conversations; its newest ``MAX_KEPT_ROWS`` are kept.
    """
    serial, served = SeenConversation.serial_number, SeenConversation.outcome == SERVED
    lately = select(serial).where(SeenConversation.ended_at > act.now - LOOK_BACK).distinct()
    crowded = (
        select(serial)
        .where(serial.in_(lately))
        .group_by(serial, served)
        .having(func.count() > MAX_KEPT_ROWS)
        .limit(portion)
    )
    serials = list(await act.db.scalars(crowded))
    newest_first = SeenConversation.id.desc()
    alike = func.row_number().over(partition_by=(serial, served), order_by=newest_first)
    place = alike.label("place")
    ranked = select(SeenConversation.id, place).where(serial.in_(serials)).subquery()
    surplus = select(ranked.c.id).where(ranked.c.place > MAX_KEPT_ROWS)
    if serials:
        await act.db.execute(delete(SeenConversation).where(SeenConversation.id.in_(surplus)))
    return len(serials)
