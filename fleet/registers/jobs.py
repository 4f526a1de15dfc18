"""Who has fallen silent: kept beside the register, so that the list can ask and sort by it."""

from datetime import datetime

from sqlalchemy import case, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.database import table_of
from fleet.kit.dialect import select_for_update, update_columns
from fleet.registers.models import CashRegister
from fleet.registers.rules import ONLINE_NOW, ONLINE_WITHIN
from fleet.telemetry.models import RegisterState


async def update_silence(db: AsyncSession, now: datetime, limit: int) -> int:
    """Set ``silent_since`` of at most ``limit`` registers that fell silent or call again.

    It reads all the latest states in one pass and writes only what has changed, so that a
    check-in writes nothing of it.  Returns how many it was.

    It waits for nobody: a register that others hold is left for the next time.
    """
    seen_at = RegisterState.seen_at
    calling = literal(ONLINE_NOW, CashRegister.silent_since.type)
    since = case((seen_at > now - ONLINE_WITHIN, calling), else_=seen_at)
    stale = (
        select(CashRegister.serial_number, since.label("since"))
        .join(RegisterState, RegisterState.serial_number == CashRegister.serial_number)
        .where(CashRegister.silent_since != since)
        .order_by(CashRegister.serial_number)
        .limit(limit)
    )
    found = (await db.execute(select_for_update(db, stale, wait=False, of=CashRegister))).all()
    if found:
        columns = {
            "serial_number": [serial for serial, _ in found],
            "silent_since": [moment for _, moment in found],
        }
        await update_columns(db, table_of(CashRegister), "serial_number", columns, {})
    return len(found)
