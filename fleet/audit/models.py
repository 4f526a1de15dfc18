"""The audit log: each change with its author, time, address, object and states before and after."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from fleet.kit.database import Base, BigId


class AuditEntry(Base):
    """One change of one object.  Rows are only added, never updated or deleted.

    There are no foreign keys, because the log outlives the objects in it; for the same reason it
    keeps the login as text.  ``employee_id`` None = the command line or the server itself.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(None, "partner_id", "at", "id"),
        Index(None, "partner_id", "object", "at", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    partner_id: Mapped[int | None]
    employee_id: Mapped[int | None]
    login: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64))
    what: Mapped[str] = mapped_column(String(64))
    """The feature, a dot and the action in the past tense: ``registers.hidden``."""
    object: Mapped[str] = mapped_column(String(64))
    """The object's kind and key: ``register:00107703864827``."""
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    search_text: Mapped[str] = mapped_column(Text, server_default="")
    """The text that the search uses: everything above in lower case."""
