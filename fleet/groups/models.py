"""Table of the groups of registers."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from fleet.accounts.models import Partner
from fleet.kit.database import Base, BigId

NAME_LENGTH = 128


class Group(Base):
    """A group of a partner's registers, or of its subgroups; ``parent_id`` None = at the root.

    ``CashRegister.group_id`` refers to the group of a register.
    """

    __tablename__ = "register_groups"
    # A name is unique among siblings.  The constraint does not apply at the root, since NULL
    # parents are all different; the partial index does.
    __table_args__ = (
        UniqueConstraint("partner_id", "parent_id", "name"),
        Index(
            "ix_register_groups_root_name",
            "partner_id",
            "name",
            unique=True,
            postgresql_where=text("parent_id IS NULL"),
            sqlite_where=text("parent_id IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("register_groups.id"), index=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    description: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
