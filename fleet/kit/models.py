"""Tables that belong to no feature."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from fleet.kit.database import Base, BigId


class IdempotencyKey(Base):
    """An ``Idempotency-Key`` of an employee, what was asked with it and what was answered.

    Not of the partner: a colleague may not see what this one sees.
    """

    __tablename__ = "order_keys"

    employee_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    asked_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    reply: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """``None`` only inside the transaction that takes the key."""
    created_at: Mapped[datetime] = mapped_column(index=True)
