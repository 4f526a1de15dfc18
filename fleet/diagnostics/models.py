"""Table of ended conversations."""

from datetime import datetime

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from fleet.kit.database import Base, BigId, SerialNumber


class SeenConversation(Base):
    """A conversation that has ended, as the gateway saw it (``rules.EndedConversation``)."""

    __tablename__ = "conversations"
    __table_args__ = (Index(None, "serial_number", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    serial_number: Mapped[str] = mapped_column(SerialNumber)
    ended_at: Mapped[datetime] = mapped_column(index=True)
    road: Mapped[str] = mapped_column(String(8))
    peer: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(32))
    why: Mapped[str] = mapped_column(String(128))
    reached: Mapped[str] = mapped_column(String(16))
    steps: Mapped[int]
    operations: Mapped[list[int]] = mapped_column(JSON)
    ms: Mapped[int]
