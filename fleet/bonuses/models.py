"""Table of the bonuses: one row for each assigned subscription that brought points."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from fleet.kit.database import Base, BigId, SerialNumber


class Bonus(Base):
    """Points for one assignment, accrued once; rows are only added.

    The client is the owner that the register reported when it got the subscription; empty if the
    register was not fiscalised yet.
    """

    __tablename__ = "bonuses"
    __table_args__ = (
        Index(None, "partner_id", "id"),
        Index(None, "partner_id", "client_inn"),
        Index(None, "partner_id", "employee_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    assignment_id: Mapped[int] = mapped_column(BigId, unique=True)
    partner_id: Mapped[int]
    employee_id: Mapped[int]
    serial_number: Mapped[str] = mapped_column(SerialNumber)
    client_inn: Mapped[str] = mapped_column(String(12))
    client_name: Mapped[str] = mapped_column(String(256))
    plan: Mapped[str] = mapped_column(String(32))
    points: Mapped[int]
    at: Mapped[datetime]
