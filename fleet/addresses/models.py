"""Table of the address book."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from fleet.accounts.models import Partner
from fleet.addresses.rules import MAX_LENGTH, SORT_KEY_LENGTH
from fleet.kit.database import Base, BigId


class Address(Base):
    """An address of a partner's book; ``CashRegister.address_id`` refers to it."""

    __tablename__ = "addresses"
    __table_args__ = (
        UniqueConstraint("partner_id", "search_text"),
        Index(None, "partner_id", "sort_key", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    text: Mapped[str] = mapped_column(String(MAX_LENGTH))
    search_text: Mapped[str] = mapped_column(String(MAX_LENGTH * 2))
    """``text`` in lower case (one capital may become two small letters), unique within the partner.

    A search treats its ё as е.
    """
    sort_key: Mapped[str] = mapped_column(String(SORT_KEY_LENGTH))
    """Beginning of the text with ё as е, short enough for a page mark."""
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
