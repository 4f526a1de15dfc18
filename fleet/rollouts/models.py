"""Tables of roll-outs and of the registers in their waves."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from fleet.kit.database import Base, BigId, SerialNumber
from fleet.operations.rules import Channel
from fleet.rollouts.rules import RolloutStatus, StopReason


class Rollout(Base):
    """One operation for many registers.

    ``wave`` counts from 0; the registers of it and of the waves before it have their operations or
    get them.
    """

    __tablename__ = "rollouts"
    __table_args__ = (Index(None, "partner_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    partner_id: Mapped[int] = mapped_column(BigId)
    created_by: Mapped[int] = mapped_column(BigId)
    type: Mapped[str] = mapped_column(String(40))
    channel: Mapped[Channel]
    params: Mapped[dict[str, Any]] = mapped_column(JSON(none_as_null=True))
    failure_percent: Mapped[int]
    pass_percent: Mapped[int]
    status: Mapped[RolloutStatus] = mapped_column(index=True)
    reason: Mapped[StopReason | None]
    wave: Mapped[int]
    wave_count: Mapped[int]
    resumed_at: Mapped[datetime | None]
    """Last resumption by a person; earlier failures do not count."""
    resumed_by: Mapped[int | None] = mapped_column(BigId)
    withdrawing: Mapped[bool]
    """True: operations that have not begun are still to be cancelled."""
    looked_at: Mapped[datetime]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    @property
    def ordered_by(self) -> int:
        """Return the employee in whose name it orders: who resumed it last, else its author."""
        return self.resumed_by or self.created_by


class RolloutTarget(Base):
    """A register of a roll-out; without operation and refusal it waits for its turn."""

    __tablename__ = "rollout_targets"
    __table_args__ = (Index(None, "rollout_id", "wave", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rollout_id: Mapped[int] = mapped_column(ForeignKey(Rollout.id))
    wave: Mapped[int]
    serial_number: Mapped[str] = mapped_column(SerialNumber)
    operation_id: Mapped[int | None] = mapped_column(BigId, index=True)
    refusal: Mapped[str | None] = mapped_column(String(64))
    """Code of the refusal of a register that does not get the operation."""
    why: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    """Text of the refusal by language, as it was at that time."""
    due_at: Mapped[datetime]
    """Moment before which the operation is not ordered for this register."""
