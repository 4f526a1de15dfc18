"""Who has fallen silent: kept beside the register, so that the list can ask and sort by it."""

from datetime import datetime

from sqlalchemy import case, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.registers.models import CashRegister
from fleet.registers.rules import CALLING, ONLINE_WITHIN
from fleet.telemetry.models import RegisterState


async def keep_presence(db: AsyncSession, now: datetime, limit: int) -> int:
    """Set ``silent_since`` of at most ``limit`` registers that fell silent or call again.

    It reads all the latest states in one pass and writes only what has changed, so that a
    check-in writes nothing of it.  Returns how many it was.
    """
    seen_at = RegisterState.seen_at
    since = case((seen_at > now - ONLINE_WITHIN, CALLING), else_=seen_at)
    stale = (
        select(CashRegister.serial_number, since.label("since"))
        .join(RegisterState, RegisterState.serial_number == CashRegister.serial_number)
        .where(CashRegister.silent_since != since)
        .order_by(CashRegister.serial_number)
        .limit(limit)
        .subquery()
    )
    changed = await db.execute(
        update(CashRegister)
        .where(CashRegister.serial_number == stale.c.serial_number)
        .values(silent_since=stale.c.since)
        .execution_options(synchronize_session=False)
    )
    return int(changed.rowcount)  # type: ignore[attr-defined]
