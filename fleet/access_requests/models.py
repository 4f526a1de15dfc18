"""Tables of access requests: the requests, their registers, the files of consents."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from fleet.access_requests.recognition import FileKind
from fleet.access_requests.rules import RefusalReason, RequestStatus
from fleet.accounts.models import Employee, Partner
from fleet.kit.database import Base, BigId, SerialNumber
from fleet.kit.language import Language

NAME_LENGTH = 128
COMMENT_LENGTH = 1000

_IS_PROCESSING = text(f"status = '{RequestStatus.PROCESSING}'")


class AccessRequest(Base):
    """A partner's request for registers of a client; a partner has one open request per client.

    ``reason`` is only set with the status ``refused``; ``decided_by`` is the operator of support.
    """

    __tablename__ = "access_requests"
    __table_args__ = (
        Index(
            "uq_access_requests_processing",
            "partner_id",
            "client_inn",
            unique=True,
            postgresql_where=_IS_PROCESSING,
            sqlite_where=_IS_PROCESSING,
        ),
        Index(None, "partner_id", "id"),
        Index(None, "status", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    client_inn: Mapped[str] = mapped_column(String(12))
    consent_date: Mapped[date]
    status: Mapped[RequestStatus]
    reason: Mapped[RefusalReason | None]
    comment: Mapped[str] = mapped_column(String(COMMENT_LENGTH), default="")
    """Comment of the operator, shown to the partner."""
    language: Mapped[Language]
    """Language of the employee who made the request, for the letter about the decision."""
    created_at: Mapped[datetime]
    created_by: Mapped[int] = mapped_column(ForeignKey(Employee.id))
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey(Employee.id))
    changed_at: Mapped[datetime]


class RequestedRegister(Base):
    """A register of a request; ``granted_at`` = when it was transferred to the partner."""

    __tablename__ = "access_request_registers"

    request_id: Mapped[int] = mapped_column(
        ForeignKey(AccessRequest.id), primary_key=True, autoincrement=False
    )
    serial_number: Mapped[str] = mapped_column(
        SerialNumber, primary_key=True, autoincrement=False, index=True
    )
    granted_at: Mapped[datetime | None]


class ConsentFile(Base):
    """A file of a signed consent; ``request_id`` None = not sent with a request yet.

    The content is stored in the database and not in a folder: so it exists exactly when its row
    does, every process of the server can read it on any machine, and one backup has both.  There
    are few files, each read once or twice.
    """

    __tablename__ = "consent_files"
    __table_args__ = (Index(None, "partner_id", "request_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    request_id: Mapped[int | None] = mapped_column(ForeignKey(AccessRequest.id), index=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    """Name given by the sender: only displayed, never used as a path or in a header."""
    kind: Mapped[FileKind]
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    uploaded_at: Mapped[datetime] = mapped_column(index=True)
    uploaded_by: Mapped[int] = mapped_column(ForeignKey(Employee.id))
