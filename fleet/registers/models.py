"""The registers: whose they are, and what they last said of themselves."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from fleet.accounts.models import Partner
from fleet.kit.database import Base, SerialNumber
from protocol.platforms import Platform


class CashRegister(Base):
    """A register (ККТ) that somebody enrolled or that called by itself.

    ``partner_id`` None = unclaimed: it proved its key but belongs to nobody yet.  Texts are
    empty, and ``platform`` None, until the first telemetry; ``model`` is in the serial number.
    """

    __tablename__ = "registers"
    # What lists ask for: a partner's registers, hidden or not, in the order of a sort.
    __table_args__ = (
        Index(None, "partner_id", "hidden", "serial_number"),
        Index(None, "partner_id", "hidden", "firmware_version", "serial_number"),
        Index(None, "partner_id", "model", "serial_number"),
    )

    serial_number: Mapped[str] = mapped_column(SerialNumber, primary_key=True, autoincrement=False)
    partner_id: Mapped[int | None] = mapped_column(ForeignKey(Partner.id))
    hidden: Mapped[bool] = mapped_column(server_default=text("false"))
    blocked: Mapped[bool] = mapped_column(server_default=text("false"))
    """The gateway refuses its conversations."""

    model: Mapped[int] = mapped_column(SmallInteger)
    """ATOL's code of the model (``protocol.models``)."""
    platform: Mapped[Platform | None]
    firmware_version: Mapped[str] = mapped_column(String(32), server_default="")
    ffd_version: Mapped[str] = mapped_column(String(16), server_default="")
    fiscalised: Mapped[bool] = mapped_column(server_default=text("false"))
    registration_number: Mapped[str] = mapped_column(String(32), server_default="")
    fiscal_drive_number: Mapped[str] = mapped_column(String(32), server_default="")
    owner_inn: Mapped[str] = mapped_column(String(12), server_default="")
    owner_name: Mapped[str] = mapped_column(String(256), server_default="")
    address: Mapped[str] = mapped_column(String(256), server_default="")
    key_generation: Mapped[int | None] = mapped_column(SmallInteger)
    channel: Mapped[int | None] = mapped_column(SmallInteger)
    """The link of its last HELLO (``protocol.messages.LinkChannel``)."""
    utc_offset_min: Mapped[int | None] = mapped_column(SmallInteger)
    search_text: Mapped[str] = mapped_column(String(768), server_default="")
    """What the search looks through (``rules.search_text``)."""

    enrolled_at: Mapped[datetime | None]
    first_seen_at: Mapped[datetime | None]
    profile_at: Mapped[datetime | None]
    """When what it says of itself last changed."""
