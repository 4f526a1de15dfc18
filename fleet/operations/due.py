"""Index in memory of the registers that have work; it follows the database.

Every check-in asks whether its register has work, and the answer must cost no query.  A stale entry
does no harm: the database is read once in vain for work that is no longer there, and work that the
index does not know yet waits for the next check-in.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.database import Database
from fleet.kit.dialect import notify
from fleet.operations.models import Operation
from fleet.operations.rules import OPEN, Channel
from fleet.operations.types import BY_KIND

CHANNEL = "cash_server_operations"
"""Name of the notification channel.  A payload is a list of serial numbers separated by commas,
at most ``PER_PAYLOAD`` of them (PostgreSQL accepts 8,000 bytes)."""

PER_PAYLOAD = 500


ASSISTED_TYPES = tuple(kind for kind, each in BY_KIND.items() if Channel.ASSISTANT in each.channels)
"""Operation types that an Assistant can carry out.  The Assistant also takes operations of these
types that were ordered for the cash server, unless the register has begun them directly."""


class Due(NamedTuple):
    """Moments from which a register's earliest operation is due, by who asks for it."""

    directly: datetime | None
    by_assistant: datetime | None


class DueIndex:
    """Map from a serial number (as a number) to the moments when its operations are due."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._due: dict[int, Due] = {}

    def __len__(self) -> int:
        return len(self._due)

    def get(self, serial_number: int) -> Due | None:
        """Return when the register's operations are due; ``None`` if it has none."""
        return self._due.get(serial_number)

    def is_due(self, serial_number: int, now: datetime, by_assistant: bool = False) -> bool:
        """Tell whether the register, or its Assistant, may be given an operation now."""
        due = self._due.get(serial_number)
        if due is None:
            return False
        due_at = due.by_assistant if by_assistant else due.directly
        return due_at is not None and due_at <= now

    async def resync(self) -> None:
        """Read the due moments of all registers again."""
        async with self._database.read() as db:
            self._due = await _read(db, _earliest())

    async def refresh(self, payload: str) -> None:
        """Read again the registers named in the payload of a notification."""
        serials = payload.split(",")
        statement = _earliest().where(Operation.serial_number.in_(serials))
        async with self._database.read() as db:
            found = await _read(db, statement)
        for serial in map(int, serials):
            self._put(serial, found.get(serial))

    def settle(self, serial_number: int, before: Due | None, after: Due | None) -> None:
        """Store the due moments that a committed batch has computed.

        ``before`` is the value that ``get`` returned when the batch began.  If a notification has
        replaced it since, the notification is newer and its value stays.
        """
        if self._due.get(serial_number) is before:
            self._put(serial_number, after)

    def _put(self, serial_number: int, due: Due | None) -> None:
        if due is None:
            self._due.pop(serial_number, None)
        else:
            self._due[serial_number] = due


async def notify_gateways(db: AsyncSession, serial_numbers: Collection[str]) -> None:
    """Make every index read these registers again once the transaction is committed."""
    for payload in payloads(serial_numbers):
        await notify(db, CHANNEL, payload)


def payloads(serial_numbers: Collection[str]) -> list[str]:
    """Return the payloads of notifications that name these registers, each register once."""
    ordered = sorted(set(serial_numbers))
    return [
        ",".join(ordered[start : start + PER_PAYLOAD])
        for start in range(0, len(ordered), PER_PAYLOAD)
    ]


def _earliest() -> Select[str, datetime | None, datetime | None]:
    through_assistant = Operation.channel == Channel.ASSISTANT
    unbegun = (Operation.step == 0) & Operation.type.in_(ASSISTED_TYPES)
    return (
        select(
            Operation.serial_number,
            func.min(case((~through_assistant, Operation.due_at))),
            func.min(case((through_assistant | unbegun, Operation.due_at))),
        )
        .where(Operation.status.in_(OPEN), Operation.channel != Channel.LOCAL)
        .group_by(Operation.serial_number)
    )


async def _read(
    db: AsyncSession, statement: Select[str, datetime | None, datetime | None]
) -> dict[int, Due]:
    rows = await db.execute(statement)
    return {int(serial): Due(directly, assisted) for serial, directly, assisted in rows}
