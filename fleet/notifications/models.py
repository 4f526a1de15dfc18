"""The outbox: letters that wait, and for some time those that were sent or given up."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from fleet.kit.database import Base, BigId
from fleet.kit.language import Language
from fleet.notifications.rules import GivingUpCause


class Letter(Base):
    """One letter to one address.

    It waits while ``due_at`` is set.  A worker leases a letter by moving ``due_at`` into the future
    before it sends it.  When ``sent_at`` or ``given_up_at`` is set, ``due_at`` and ``params`` are
    emptied, because ``params`` may hold the secret of a link.
    """

    __tablename__ = "letters"
    __table_args__ = (Index(None, "about", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    to: Mapped[str] = mapped_column(String(254))
    template: Mapped[str] = mapped_column(String(64))
    language: Mapped[Language]
    about: Mapped[str] = mapped_column(String(64), server_default="", default="")
    """Kind and key of the object that it concerns, ``employee:7``; empty = none."""
    params: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(index=True)
    expires_at: Mapped[datetime | None]
    """The time when its link stops working; later it is not sent any more."""
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    cause: Mapped[GivingUpCause | None]
    """The reason why it was given up."""
    reason: Mapped[str] = mapped_column(String(256), default="")
    """The error of the last failed attempt."""
