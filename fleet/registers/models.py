"""The registers: whose they are, and what they last said of themselves."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, Integer, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from fleet.accounts.models import Employee, Partner
from fleet.kit.database import Base, BigId, SerialNumber
from fleet.registers.rules import NEVER_SEEN
from protocol.platforms import Platform

LISTED_BY = (
    "model",
    "platform",
    "firmware_version",
    "ffd_version",
    "owner_inn",
    "owner_name",
    "shown_address",
    "group_id",
    "silent_since",
    "condition_mask",
)
"""Columns that the list is filtered or sorted by, an index for each."""

OF_MODEL = ("firmware_version", "ffd_version", "silent_since")
"""Orders with an index of their own for each model.  A serial number begins with the model, so
under one value of these the registers of a model stand together, perhaps at the far end."""

UNGROUPED = ("owner_inn", "owner_name", "shown_address")
"""Orders with an index of the registers in no group: groups are made by client and place."""

WHOLE_NUMBERS = ("registration_number", "fiscal_drive_number")
"""What a search for a whole number asks first, besides the owner's INN."""

SEARCH_NAMES_LENGTH = 1280
"""The owner's name, the address it says, and the one people say, each of 256 characters; a capital
of theirs may become two small letters."""

RARE = {"blocked": "blocked", "fresh": "NOT fiscalised"}
"""Name of an index -> the few registers that it holds."""


class CashRegister(Base):
    """A register (ККТ) that somebody enrolled or that called by itself.

    ``partner_id`` None = unclaimed: it proved its key but belongs to nobody yet.  Texts are
    empty, and ``platform`` None, until the first telemetry; ``model`` is in the serial number.
    """

    __tablename__ = "registers"
    # What the list asks for: a partner's registers, hidden or not, with one value of a filter or
    # in the order of a sort.  Whatever is asked then costs a walk in the order, or the rows of
    # the filter, whichever is shorter.  Rows are written when something about a register
    # changes, never by an ordinary check-in; each index costs such a write some microseconds.
    # PostgreSQL has two more, of trigrams of what the search looks through (migration 0019).
    __table_args__ = (
        Index(None, "partner_id", "hidden", "serial_number"),
        *(Index(None, "partner_id", "hidden", name, "serial_number") for name in LISTED_BY),
        *(Index(None, "partner_id", "hidden", name) for name in WHOLE_NUMBERS),
        *(
            Index(
                f"ix_registers_{name}",
                "partner_id",
                "hidden",
                "serial_number",
                postgresql_where=text(condition),
                sqlite_where=text(condition),
            )
            for name, condition in RARE.items()
        ),
        *(
            Index(
                f"ix_registers_model_{name}", "partner_id", "hidden", "model", name, "serial_number"
            )
            for name in OF_MODEL
        ),
        *(
            Index(
                f"ix_registers_ungrouped_{name}",
                "partner_id",
                "hidden",
                name,
                "serial_number",
                postgresql_where=text("group_id IS NULL"),
                sqlite_where=text("group_id IS NULL"),
            )
            for name in UNGROUPED
        ),
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
    """Where it says that it stands: of its registration."""
    installed_address: Mapped[str] = mapped_column(String(256), server_default="")
    """Where people say that it stands; empty = as it says itself."""
    shown_address: Mapped[str] = mapped_column(String(256), server_default="")
    """``installed_address``, else ``address``: what lists show."""
    address_id: Mapped[int | None] = mapped_column(BigId)
    """Where ``installed_address`` stands in the partner's address book, which lies above."""
    group_id: Mapped[int | None] = mapped_column(BigId)
    """The partner's group of registers that it is in; groups lie above."""
    notices: Mapped[bool] = mapped_column(server_default=text("true"))
    """People are told by e-mail what breaks (the card's switch of monitoring)."""
    condition_mask: Mapped[int] = mapped_column(Integer, server_default="0")
    """A copy of the latest state's, written when it changes."""
    silent_since: Mapped[datetime] = mapped_column(default=NEVER_SEEN)
    """The last call of a register that is offline, ``NEVER_SEEN``, or ``CALLING`` (``rules``).
    A job keeps it, so it may be late by the time between two of its runs."""
    key_generation: Mapped[int | None] = mapped_column(SmallInteger)
    channel: Mapped[int | None] = mapped_column(SmallInteger)
    """The link of its last HELLO (``protocol.conversation.messages.LinkChannel``)."""
    utc_offset_min: Mapped[int | None] = mapped_column(SmallInteger)
    search_numbers: Mapped[str] = mapped_column(String(96), server_default="")
    search_names: Mapped[str] = mapped_column(String(SEARCH_NAMES_LENGTH), server_default="")
    """What the search looks through (``rules.searched``)."""

    enrolled_at: Mapped[datetime | None]
    first_seen_at: Mapped[datetime | None]
    profile_at: Mapped[datetime | None]
    """When what it says of itself last changed."""


class ListView(Base):
    """How an employee looks at the list of registers."""

    __tablename__ = "register_list_views"

    employee_id: Mapped[int] = mapped_column(
        ForeignKey(Employee.id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    columns: Mapped[list[str]] = mapped_column(JSON(none_as_null=True))
    """Names of columns in the order that they are shown in."""
    compact: Mapped[bool]
