"""Tables that belong to no feature."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from fleet.kit.database import Base, BigId


class IdempotencyKey(Base):
    """An ``Idempotency-Key`` of an employee, with the hash of its request and the reply.

    A key belongs to an employee, not to the partner: a colleague may have other rights, and so
    must not get this employee's reply.
    """

    __tablename__ = "order_keys"

    employee_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    asked_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    reply: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """The reply; None only inside the transaction that stores the key."""
    created_at: Mapped[datetime] = mapped_column(index=True)
