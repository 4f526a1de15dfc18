"""Which registers have work: an index in memory that follows the database.

"Has this register work?" is asked at every check-in and must cost no query.  A stale answer
does no harm: work that is not there is looked for in vain once, work that is not known yet
waits for the next call.
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
"""Notification channel; a payload is serial numbers separated by commas, at most
``PER_PAYLOAD`` of them (PostgreSQL takes 8,000 bytes)."""

PER_PAYLOAD = 500


ASSISTED_TYPES = tuple(kind for kind, each in BY_KIND.items() if Channel.ASSISTANT in each.channels)
"""Types that an Assistant can do; it takes those for the cash server too, unless they have begun
there."""


class Due(NamedTuple):
    """The moment from which a register's earliest operation is due, by who asks for it."""

    directly: datetime | None
    by_assistant: datetime | None


class DueIndex:
    """Serial number (as a number) -> when its operations are due."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._due: dict[int, Due] = {}

    def __len__(self) -> int:
        return len(self._due)

    def get(self, serial_number: int) -> Due | None:
        return self._due.get(serial_number)

    def is_due(self, serial_number: int, now: datetime, by_assistant: bool = False) -> bool:
        due = self._due.get(serial_number)
        if due is None:
            return False
        due_at = due.by_assistant if by_assistant else due.directly
        return due_at is not None and due_at <= now

    async def resync(self) -> None:
        """Read everything again."""
        async with self._database.read() as db:
            self._due = await _read(db, _earliest())

    async def refresh(self, payload: str) -> None:
        """Read the registers again that a notification names."""
        serials = payload.split(",")
        statement = _earliest().where(Operation.serial_number.in_(serials))
        async with self._database.read() as db:
            found = await _read(db, statement)
        for serial in map(int, serials):
            self._put(serial, found.get(serial))

    def settle(self, serial_number: int, before: Due | None, after: Due | None) -> None:
        """What a committed batch saw.

        ``before`` is what ``get`` said when the batch began: if a notification has changed it
        since, the notification knows better.
        """
        if self._due.get(serial_number) is before:
            self._put(serial_number, after)

    def _put(self, serial_number: int, due: Due | None) -> None:
        if due is None:
            self._due.pop(serial_number, None)
        else:
            self._due[serial_number] = due


async def notify_gateways(db: AsyncSession, serial_numbers: Collection[str]) -> None:
    """Tell every index that follows the database to read these registers again, at the commit."""
    for payload in payloads(serial_numbers):
        await notify(db, CHANNEL, payload)


def payloads(serial_numbers: Collection[str]) -> list[str]:
    """Notifications that name these registers."""
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
