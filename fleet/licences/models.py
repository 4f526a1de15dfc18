"""Table of issued licences."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from fleet.accounts.models import Employee
from fleet.kit.database import Base, SerialNumber
from fleet.registers.models import CashRegister
from protocol.licences import LicenceKind


class IssuedLicence(Base):
    """A licence of a register, one of each kind; it stays the register's under any owner."""

    __tablename__ = "licences"
    __table_args__ = (UniqueConstraint("serial_number", "kind"),)

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Random, so that it does not show how many licences there are."""
    serial_number: Mapped[str] = mapped_column(SerialNumber, ForeignKey(CashRegister.serial_number))
    kind: Mapped[LicenceKind]
    content: Mapped[bytes] = mapped_column(LargeBinary(128))
    """Bytes of the licence as a register takes it (``protocol.licences``)."""
    issued_at: Mapped[datetime]
    issued_by: Mapped[int] = mapped_column(ForeignKey(Employee.id))
