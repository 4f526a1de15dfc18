"""Table of the images that operations may name."""

from datetime import datetime

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from fleet.kit.database import Base, BigId
from protocol.platforms import Platform


class FirmwareImage(Base):
    """An image that passed the check when it was added; the file stays in its folder."""

    __tablename__ = "firmware_images"
    __table_args__ = (UniqueConstraint("model", "version"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    model: Mapped[int]
    platform: Mapped[Platform]
    version: Mapped[str] = mapped_column(String(32))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(128))
    block_size: Mapped[int]
    published_at: Mapped[datetime]
    added_at: Mapped[datetime]
    added_by: Mapped[int | None] = mapped_column(BigId)

    @property
    def image(self) -> str:
        """Return the name that operations use: model/version."""
        return f"{self.model}/{self.version}"
