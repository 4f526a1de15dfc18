"""Tables of the registers: their partner, and their latest profile."""

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
"""Columns that the list is filtered or sorted by, each with an index."""

OF_MODEL = ("firmware_version", "ffd_version", "silent_since")
"""Orders that also have an index by model.

A serial number begins with the model, so within one value of these columns the registers of a model
are adjacent, possibly at the far end.
"""

UNGROUPED = ("owner_inn", "owner_name", "shown_address")
"""Orders that also have an index of registers without a group: groups follow clients and places."""

WHOLE_NUMBERS = ("registration_number", "fiscal_drive_number")
"""Columns that a search for a whole number looks at first, besides the owner's INN."""

SEARCH_NAMES_LENGTH = 1280
"""Maximum length of the owner's name, the reported address and the installed address together.

Each has up to 256 characters; one capital may become two small letters.
"""

RARE = {"blocked": "blocked", "fresh": "NOT fiscalised"}
"""Name of a partial index -> its condition, which few registers meet."""


class CashRegister(Base):
    """A register (ККТ) that a partner enrolled or that connected by itself.

    ``partner_id`` None = unclaimed: it proved its key but belongs to no partner yet.  Texts are
    empty, and ``platform`` is None, until the first telemetry; ``model`` is in the serial number.
    """

    __tablename__ = "registers"
    # The list selects a partner's registers, hidden or not, with one value of a filter or in one
    # order.  With these indexes a query costs the shorter of a walk in the order and the rows of
    # the filter.  Rows are written when data of a register changes, never by an ordinary check-in;
    # each index costs such a write some microseconds.  PostgreSQL has two more, of trigrams of the
    # searched texts (migration 0019).
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
    """True if the gateway refuses the register's conversations."""

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
    """Address of its fiscal registration, as it reports it."""
    installed_address: Mapped[str] = mapped_column(String(256), server_default="")
    """Address set by people; empty = the reported one."""
    shown_address: Mapped[str] = mapped_column(String(256), server_default="")
    """``installed_address``, else ``address``; lists show it."""
    address_id: Mapped[int | None] = mapped_column(BigId)
    """Id of ``installed_address`` in the partner's address book, a feature above."""
    group_id: Mapped[int | None] = mapped_column(BigId)
    """Id of the partner's group that it is in; groups are a feature above."""
    notices: Mapped[bool] = mapped_column(server_default=text("true"))
    """True if people get e-mails about broken conditions (the card's switch of monitoring)."""
    condition_mask: Mapped[int] = mapped_column(Integer, server_default="0")
    """Copy of the latest state's mask, written when it changes."""
    silent_since: Mapped[datetime] = mapped_column(default=NEVER_SEEN)
    """Last check-in of an offline register, ``NEVER_SEEN`` or ``ONLINE_NOW`` (``rules``).

    A job updates it, so it may be late by the interval of the job.
    """
    key_generation: Mapped[int | None] = mapped_column(SmallInteger)
    channel: Mapped[int | None] = mapped_column(SmallInteger)
    """Channel of its last HELLO (``protocol.conversation.messages.LinkChannel``)."""
    utc_offset_min: Mapped[int | None] = mapped_column(SmallInteger)
    search_numbers: Mapped[str] = mapped_column(String(96), server_default="")
    search_names: Mapped[str] = mapped_column(String(SEARCH_NAMES_LENGTH), server_default="")
    """Texts in which the search looks (``rules.search_texts``)."""

    enrolled_at: Mapped[datetime | None]
    first_seen_at: Mapped[datetime | None]
    profile_at: Mapped[datetime | None]
    """Moment when the reported data last changed."""


class ListView(Base):
    """An employee's view of the list of registers."""

    __tablename__ = "register_list_views"

    employee_id: Mapped[int] = mapped_column(
        ForeignKey(Employee.id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    columns: Mapped[list[str]] = mapped_column(JSON(none_as_null=True))
    """Names of columns in the order in which they are shown."""
    compact: Mapped[bool]
