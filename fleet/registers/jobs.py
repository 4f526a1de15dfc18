"""Periodic job that updates which registers are online, so the list can filter and sort by it."""

from sqlalchemy import case, literal, select

from fleet.kit.act import Act
from fleet.kit.database import table_of
from fleet.kit.dialect import select_for_update, update_columns
from fleet.registers.models import CashRegister
from fleet.registers.rules import ONLINE_NOW, ONLINE_WITHIN
from fleet.telemetry.models import RegisterState


async def update_silence(act: Act, limit: int) -> int:
    """Set ``silent_since`` of registers that went online or offline; return how many.

    At most ``limit`` are written. It reads all latest states in one pass and writes only changes,
    so a check-in need not write the column.  It waits for no lock: a locked register is left for
    the next run.
    """
    seen_at = RegisterState.seen_at
    calling = literal(ONLINE_NOW, CashRegister.silent_since.type)
    since = case((seen_at > act.now - ONLINE_WITHIN, calling), else_=seen_at)
    stale = (
        select(CashRegister.serial_number, since.label("since"))
        .join(RegisterState, RegisterState.serial_number == CashRegister.serial_number)
        .where(CashRegister.silent_since != since)
        .order_by(CashRegister.serial_number)
        .limit(limit)
    )
    found = (
        await act.db.execute(select_for_update(act.db, stale, wait=False, of=CashRegister))
    ).all()
    if found:
        columns = {
            "serial_number": [serial for serial, _ in found],
            "silent_since": [moment for _, moment in found],
        }
        await update_columns(act.db, table_of(CashRegister), "serial_number", columns, {})
    return len(found)
