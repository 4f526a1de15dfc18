"""Blocked registers: a set in memory that follows the database.

The gateway checks it at every HELLO, so it must cost no query; blocked registers are few.
"""

from sqlalchemy import select

from fleet.kit.database import Database
from fleet.registers.models import CashRegister

CHANNEL = "cash_server_blocking"
"""Notification channel of changes; the payload is empty."""


class BlockedIndex:
    """Serial numbers of blocked registers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._blocked: frozenset[str] = frozenset()

    def __contains__(self, serial_number: str) -> bool:
        return serial_number in self._blocked

    async def resync(self, _payload: str = "") -> None:
        """Read the set again from the database."""
        statement = select(CashRegister.serial_number).where(CashRegister.blocked)
        async with self._database.read() as db:
            self._blocked = frozenset(await db.scalars(statement))
