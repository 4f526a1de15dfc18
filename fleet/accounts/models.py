"""Partners, their employees, sign-ins and the count of failed attempts."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.accounts.roles import Role
from fleet.kit.database import Base, BigId


class Partner(Base):
    """An organisation that services registers: the tenant."""

    __tablename__ = "partners"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[datetime]


class Employee(Base):
    """A person of a partner who signs in; ``login`` is in lower case, unique among all."""

    __tablename__ = "employees"

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), index=True)
    login: Mapped[str] = mapped_column(String(64), unique=True)
    full_name: Mapped[str] = mapped_column(String(256))
    role: Mapped[Role]
    active: Mapped[bool] = mapped_column(default=True)
    password_hash: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[datetime]

    partner: Mapped[Partner] = relationship(lazy="raise")


class SignIn(Base):
    """One sign-in of an employee.  Of its bearer token only the SHA-256 is kept."""

    __tablename__ = "sign_ins"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    employee_id: Mapped[int] = mapped_column(ForeignKey(Employee.id), index=True)
    address: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]

    employee: Mapped[Employee] = relationship(lazy="raise")


class SignInAttempts(Base):
    """Attempts to sign in, counted per login and per address since ``window_began_at``."""

    __tablename__ = "sign_in_attempts"

    counter: Mapped[str] = mapped_column(String(128), primary_key=True)
    """``login:…`` or ``address:…``."""
    window_began_at: Mapped[datetime] = mapped_column(index=True)
    attempts: Mapped[int]
