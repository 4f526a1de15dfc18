"""Tables of operations and of the changes of their status."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from fleet.kit.database import Base, BigId, SerialNumber
from fleet.operations.rules import OPEN, Channel, OperationStatus

_IS_OPEN = text("status IN ({})".format(", ".join(f"'{status}'" for status in OPEN)))


class Operation(Base):
    """An operation of one register.

    ``step`` counts the commands given so far, and ``command`` is the one whose answer is awaited.
    Both are committed before the command leaves, so after any break the same step is repeated and
    no new one is invented.
    """

    __tablename__ = "operations"
    __table_args__ = (
        Index(
            "ix_operations_open",
            "serial_number",
            "due_at",
            postgresql_where=_IS_OPEN,
            sqlite_where=_IS_OPEN,
        ),
        Index("ix_operations_partner_id_id", "partner_id", "id"),
        Index("ix_operations_serial_number_id", "serial_number", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    serial_number: Mapped[str] = mapped_column(SerialNumber)
    partner_id: Mapped[int] = mapped_column(BigId)
    type: Mapped[str] = mapped_column(String(40))
    channel: Mapped[Channel]
    params: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True))
    status: Mapped[OperationStatus]
    cause: Mapped[str] = mapped_column(String(40), default="")
    """Why the operation has its status: a code of ``fleet.operations.errors.CAUSE_TEXTS``."""
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Parameters of the cause's sentence (``fleet.operations.errors.CAUSE_TEXTS``)."""
    step: Mapped[int] = mapped_column(default=0)
    command: Mapped[bytes | None] = mapped_column(LargeBinary)
    stream: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Blocks of a firmware image that are sent before ``command`` (``types.contract.Stream``)."""
    progress: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True), default=dict)
    percent: Mapped[int] = mapped_column(default=0)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    cancel_cause: Mapped[str] = mapped_column(String(40), server_default="")
    """Cause that the operation gets when it is cancelled after the register's answer."""
    scheduled_for: Mapped[datetime | None]
    due_at: Mapped[datetime]
    deadline_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(BigId)
    changed_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    retry_of: Mapped[int | None] = mapped_column(BigId, unique=True, index=True)
    """The operation that this one repeats; each operation is repeated at most once."""


class OperationChange(Base):
    """A transition of an operation: when, from which status to which, and why."""

    __tablename__ = "operation_changes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    operation_id: Mapped[int] = mapped_column(ForeignKey("operations.id"), index=True)
    at: Mapped[datetime]
    from_status: Mapped[OperationStatus | None]
    to_status: Mapped[OperationStatus]
    cause: Mapped[str] = mapped_column(String(40), default="")
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
