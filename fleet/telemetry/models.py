"""Tables of the readings that registers send.

The key is the serial number itself (14 digits, a BIGINT): the gateway needs no look-up to write a
reading, and the state of a register without a partner is stored as any other.  There is no foreign
key to ``registers``: this table is written by the hot path and its feature lies below.
"""

from datetime import datetime

from sqlalchemy import Column, Index, Integer, LargeBinary, SmallInteger, Table
from sqlalchemy.orm import Mapped, mapped_column

from fleet.kit.database import Base, SerialNumber, UtcDateTime


class RegisterState(Base):
    """Latest reading of each register: one row per register, updated in place.

    No index covers a changing column and pages keep free room, so that PostgreSQL updates the row
    within its page (HOT).
    """

    __tablename__ = "register_states"
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)

    serial_number: Mapped[str] = mapped_column(SerialNumber, primary_key=True, autoincrement=False)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    condition_mask: Mapped[int] = mapped_column(Integer)
    """Broken conditions (``fleet.telemetry.rules``), one bit each; 0 = none."""
    profile_crc: Mapped[int] = mapped_column(Integer)
    """CRC-32 (as a signed number) of the data that seldom changes; if it differs, the profile is
    new."""
    was_condition_mask: Mapped[int | None] = mapped_column(Integer)
    was_profile_crc: Mapped[int | None] = mapped_column(Integer)
    """Values of the reading before the latest, only on PostgreSQL (``dialect.Replacement``)."""
    block_version: Mapped[int] = mapped_column(SmallInteger)
    block: Mapped[bytes] = mapped_column(LargeBinary)
    """The telemetry block as sent (``protocol.telemetry``), with its TLV tail."""


READINGS = Table(
    "readings",
    Base.metadata,
    Column("serial_number", SerialNumber, nullable=False),
    Column("accepted_at", UtcDateTime, nullable=False),
    Column("block_version", SmallInteger, nullable=False),
    Column("block", LargeBinary, nullable=False),
    Index("ix_readings_serial_number_accepted_at", "serial_number", "accepted_at"),
    # Rows are inserted in the order of time: a block-range index finds the old ones at little cost.
    Index("ix_readings_accepted_at", "accepted_at", postgresql_using="brin"),
)
"""History: every accepted reading, until retention deletes it.

It is not unique on purpose: a clock that was set back must never cause the refusal of a reading.
"""
