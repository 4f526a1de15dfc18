"""Table of the clients of partners."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from fleet.accounts.models import Partner
from fleet.clients.rules import SORT_KEY_LENGTH
from fleet.kit.database import Base

NAME_LENGTH = 256


class Client(Base):
    """A partner's client by ИНН: an organisation or a person.

    Registers of the partner report it as their owner, or an employee entered it; ``typed_at`` None
    = nobody entered anything.  The row of a client that only registers report is deleted when no
    register reports it any more.
    """

    __tablename__ = "clients"
    __table_args__ = (Index(None, "partner_id", "sort_key", "inn"),)

    partner_id: Mapped[int] = mapped_column(
        ForeignKey(Partner.id), primary_key=True, autoincrement=False
    )
    inn: Mapped[str] = mapped_column(String(12), primary_key=True)
    reported_name: Mapped[str] = mapped_column(String(NAME_LENGTH), server_default="")
    """Name that a register reported last."""
    name: Mapped[str] = mapped_column(String(NAME_LENGTH), server_default="")
    """Name entered by an employee."""
    emails: Mapped[list[str]] = mapped_column(JSON, server_default="[]")
    """Addresses for summaries."""
    phone: Mapped[str] = mapped_column(String(32), server_default="")
    contact: Mapped[str] = mapped_column(String(NAME_LENGTH), server_default="")
    comment: Mapped[str] = mapped_column(Text, server_default="")
    typed_at: Mapped[datetime | None]
    sort_key: Mapped[str] = mapped_column(String(SORT_KEY_LENGTH))
    """Sort key of the list (``rules.sort_key``)."""
    search_text: Mapped[str] = mapped_column(Text)
    """Text in which the search looks (``rules.search_text``)."""

    @property
    def shown_name(self) -> str:
        return self.name or self.reported_name
