"""Operations under change: rows in memory, their transitions, and writing them back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.act import Act
from fleet.kit.database import table_of
from fleet.kit.dialect import (
    columns_of,
    field_names,
    insert_columns,
    select_for_update,
    update_columns,
)
from fleet.operations.events import ChangedOperation, OperationStatusesChanged
from fleet.operations.models import Operation, OperationChange
from fleet.operations.rules import OPEN, Channel, OperationStatus, StatusCause, is_allowed

_OPERATIONS = table_of(Operation)
_CHANGES = table_of(OperationChange)

PORTION = 500
"""Greatest number of operations that one transaction of the worker takes."""


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A transition to write: the columns of its row."""

    operation_id: int
    from_status: OperationStatus | None
    to_status: OperationStatus
    cause: StatusCause
    detail: Mapping[str, Any] | None


@dataclass(slots=True)
class Work:
    """One operation's row under change; ``change_status`` is the only way to another status.

    Its fields are the columns that are read, in their order.
    """

    id: int
    serial_number: str
    type: str
    channel: Channel
    params: dict[str, Any]
    status: OperationStatus
    cause: str
    detail: Mapping[str, Any] | None
    step: int
    command: bytes | None
    stream: Mapping[str, Any] | None
    progress: Mapping[str, Any]
    percent: int
    result: Mapping[str, Any] | None
    cancel_requested: bool
    cancel_cause: str
    scheduled_for: datetime | None
    due_at: datetime
    deadline_at: datetime
    lease_until: datetime | None
    finished_at: datetime | None

    def change_status(
        self,
        to: OperationStatus,
        cause: StatusCause,
        now: datetime,
        detail: Mapping[str, Any] | None = None,
    ) -> StatusChange:
        """Move the operation to the status ``to``; return the transition to write.

        Raise ``ValueError`` for a transition that the rules do not allow.
        """
        if not is_allowed(self.status, to):
            raise ValueError(f"an operation cannot go from {self.status} to {to}")
        change = StatusChange(self.id, self.status, to, cause, detail)
        self.status, self.cause, self.detail = to, cause, detail
        if to is not OperationStatus.RUNNING:
            self.lease_until = None
        if to not in OPEN:
            self.finished_at = now
        if to is OperationStatus.SUCCEEDED:
            self.percent = 100
        return change

    def cancel(self, cause: StatusCause, now: datetime) -> list[StatusChange]:
        """Cancel the operation, or request it; return the transitions to write.

        An operation that has not begun or that needs attention is cancelled at once.  One that has
        begun is cancelled when its register has answered, so its status does not change yet.
        """
        if self.step == 0 or self.status is OperationStatus.NEEDS_ATTENTION:
            return [self.change_status(OperationStatus.CANCELLED, cause, now)]
        self.cancel_requested, self.cancel_cause = True, self.cancel_cause or cause
        return []


_CHANGED = field_names(StatusChange)
_COLUMNS = field_names(Work)
_READ_ONLY = ("serial_number", "type", "channel", "params", "scheduled_for", "deadline_at")
"""Columns that visits of registers do not change.  ``reschedule`` writes its two by itself, and
``assign_to_assistant`` writes the channel."""

_WRITTEN = tuple(name for name in _COLUMNS if name not in _READ_ONLY)

_SELECT = select(*(_OPERATIONS.c[name] for name in _COLUMNS))


async def load_open(
    db: AsyncSession, serial_numbers: Sequence[str], *conditions: Any, wait: bool = False
) -> list[Work]:
    """Return the open operations of these registers in the order of ordering, locked until commit.

    Without ``wait``, rows that another transaction has locked are left out.
    """
    mine = _OPERATIONS.c.serial_number.in_(serial_numbers) & _OPERATIONS.c.status.in_(OPEN)
    return await _load(db, _SELECT.where(mine, *conditions), wait)


async def load_where(
    db: AsyncSession, *conditions: Any, limit: int = PORTION, wait: bool = False
) -> list[Work]:
    """Return the operations that match, oldest first, locked until commit."""
    return await _load(db, _SELECT.where(*conditions).limit(limit), wait)


async def _load(db: AsyncSession, statement: Any, wait: bool) -> list[Work]:
    ordered = statement.order_by(_OPERATIONS.c.id)
    return [Work(*row) for row in await db.execute(select_for_update(db, ordered, wait=wait))]


async def save(act: Act, works: Sequence[Work], changes: Sequence[StatusChange]) -> None:
    """Write the rows and their transitions, and announce the transitions."""
    if works:
        columns = columns_of(_WRITTEN, works)
        await update_columns(act.db, _OPERATIONS, "id", columns, {"changed_at": act.now})
    await write_changes(act, changes)
    if changes:
        by_id = {work.id: work for work in works}
        moves = tuple(_changed_operation(by_id[change.operation_id], change) for change in changes)
        await act.announce(OperationStatusesChanged(act.now, moves))


async def assign_to_assistant(db: AsyncSession, ids: Sequence[int]) -> None:
    """Give these operations to the Assistant's channel: it finishes what it has begun."""
    mine = _OPERATIONS.c.id.in_(ids)
    await db.execute(update(_OPERATIONS).where(mine).values(channel=Channel.ASSISTANT))


async def write_changes(act: Act, changes: Sequence[StatusChange]) -> None:
    """Append these transitions to the history of statuses."""
    if changes:
        columns = columns_of(_CHANGED, changes)
        await insert_columns(act.db, _CHANGES, columns, {"at": act.now})


def _changed_operation(work: Work, change: StatusChange) -> ChangedOperation:
    return ChangedOperation(work.id, work.serial_number, work.type, change.to_status)
