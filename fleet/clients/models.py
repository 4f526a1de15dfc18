"""Clients of partners."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from fleet.accounts.models import Partner
from fleet.clients.rules import SORT_KEY_LENGTH
from fleet.kit.database import Base

NAME_LENGTH = 256


class Client(Base):
    """An organisation or a person by ИНН: whom registers of the partner name as their owner, or
    whom an employee typed; ``typed_at`` None = nobody typed anything.

    The row of a client that only registers know goes when no register names it any more.
    """

    __tablename__ = "clients"
    __table_args__ = (Index(None, "partner_id", "sort_key", "inn"),)

    partner_id: Mapped[int] = mapped_column(
        ForeignKey(Partner.id), primary_key=True, autoincrement=False
    )
    inn: Mapped[str] = mapped_column(String(12), primary_key=True)
    reported_name: Mapped[str] = mapped_column(String(NAME_LENGTH), server_default="")
    """As a register said it last."""
    name: Mapped[str] = mapped_column(String(NAME_LENGTH), server_default="")
    """As typed."""
    emails: Mapped[list[str]] = mapped_column(JSON, server_default="[]")
    """Where summaries go."""
    phone: Mapped[str] = mapped_column(String(32), server_default="")
    contact: Mapped[str] = mapped_column(String(NAME_LENGTH), server_default="")
    comment: Mapped[str] = mapped_column(Text, server_default="")
    typed_at: Mapped[datetime | None]
    sort_key: Mapped[str] = mapped_column(String(SORT_KEY_LENGTH))
    """What the list is sorted by (``rules.sort_key``)."""
    search_text: Mapped[str] = mapped_column(Text)
    """What the search looks through (``rules.search_text``)."""

    @property
    def shown_name(self) -> str:
        return self.name or self.reported_name
