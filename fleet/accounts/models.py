"""Partners, their employees, links, sign-ins and the counters of attempts.

Lock order: to avoid deadlocks, code that locks rows of several of these tables locks them in this
order: partner, employee, links, sign-ins, counters (the counters of one attempt in the order in
which ``rules`` lists them).  Links and sign-ins of one employee are changed in bulk only while the
employee is locked.  Clean-up jobs skip locked rows.
"""

from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import ForeignKey, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.accounts.roles import Role
from fleet.kit.database import Base, BigId
from fleet.kit.language import Language

ORGANISATION_CODE_DIGITS = 6


class Partner(Base):
    """An organisation that services registers: the tenant."""

    __tablename__ = "partners"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True, default=lambda: str(uuid4()))
    """The identifier that partners exchange to transfer subscriptions."""
    name: Mapped[str] = mapped_column(String(256))
    inn: Mapped[str] = mapped_column(String(12), server_default="")
    created_at: Mapped[datetime]

    @property
    def code(self) -> str:
        """Return the organisation's code, which a client writes into the consent form."""
        return f"{self.id:0{ORGANISATION_CODE_DIGITS}d}"


class Employee(Base):
    """A person of a partner who signs in.

    ``login`` is in lower case and unique among all partners.  ``password_hash`` is empty until the
    invitation is accepted.  ``limited``: the employee sees only the registers that their
    ``ScopeEntry`` rows name.
    """

    __tablename__ = "employees"

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), index=True)
    login: Mapped[str] = mapped_column(String(64), unique=True)
    full_name: Mapped[str] = mapped_column(String(256))
    email: Mapped[str] = mapped_column(String(254), server_default="", index=True)
    """The address in lower case; several employees may share one."""
    phone: Mapped[str] = mapped_column(String(32), server_default="")
    role: Mapped[Role]
    limited: Mapped[bool] = mapped_column(server_default=text("false"), default=False)
    active: Mapped[bool] = mapped_column(default=True)
    password_hash: Mapped[str] = mapped_column(String(256))
    search_text: Mapped[str] = mapped_column(Text, server_default="")
    """The text that the search uses (``rules.search_text``)."""
    created_at: Mapped[datetime]

    partner: Mapped[Partner] = relationship(lazy="raise")


class ScopeKind(StrEnum):
    """The kind of object that an entry of an employee's scope names."""

    CLIENT = "client"
    REGISTER = "register"


class ScopeEntry(Base):
    """Registers that a limited employee sees: all registers of one client, or one register."""

    __tablename__ = "scope_entries"

    employee_id: Mapped[int] = mapped_column(
        ForeignKey(Employee.id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    kind: Mapped[ScopeKind] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(String(14), primary_key=True)
    """The client's ИНН, or a serial number."""


class LinkKind(StrEnum):
    """The reason why an employee got a link to set a password."""

    INVITATION = "invitation"
    RECOVERY = "recovery"
    """Requested with the employee's e-mail address."""
    RESET = "reset"
    """Sent by an administrator, so that the employee chooses another password."""


class PasswordLink(Base):
    """A link by which a password is set once.  Only the SHA-256 of its token is stored.

    ``spent_at``: when this or another link was used, or an administrator sent a newer one.
    """

    __tablename__ = "password_links"

    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    employee_id: Mapped[int] = mapped_column(ForeignKey(Employee.id), index=True)
    kind: Mapped[LinkKind]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    spent_at: Mapped[datetime | None]

    employee: Mapped[Employee] = relationship(lazy="raise")


class Recovery(Base):
    """A request without a sign-in to send links to an e-mail address, which may be unknown."""

    __tablename__ = "recoveries"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    address: Mapped[str] = mapped_column(String(64))
    language: Mapped[Language]
    asked_at: Mapped[datetime]


class SignIn(Base):
    """A sign-in or an API token of an employee.  Only the SHA-256 of its token is stored.

    ``token_name`` is the name of a personal API token; None = a sign-in with a password.
    """

    __tablename__ = "sign_ins"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    employee_id: Mapped[int] = mapped_column(ForeignKey(Employee.id), index=True)
    token_name: Mapped[str | None] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]

    employee: Mapped[Employee] = relationship(lazy="raise")


class SignInAttempts(Base):
    """A counter of attempts to sign in or to get a letter, since ``window_began_at``."""

    __tablename__ = "sign_in_attempts"

    counter: Mapped[str] = mapped_column(String(128), primary_key=True)
    """``login:…``, ``address:…``, ``recovery…``, ``letters…``, ``password:…``: see the
    functions of ``rules`` that return ``Counters``."""
    window_began_at: Mapped[datetime] = mapped_column(index=True)
    attempts: Mapped[int]
