"""Start times of operations: the time asked for, the register's clock, and the earliest start."""

from datetime import datetime
from typing import Any

from fleet.operations.errors import IN_THE_PAST, PAST_AT_REGISTER, TWO_TIMES, ZONE_UNKNOWN
from fleet.operations.rules import offset_text, to_utc
from fleet.operations.types.contract import Objection, OperationType
from fleet.registers.models import CashRegister


def check_times(
    scheduled_for: datetime | None, scheduled_local: datetime | None, now: datetime
) -> None:
    """Raise ``TWO_TIMES`` if both times are given, ``IN_THE_PAST`` for a past moment."""
    if scheduled_for is not None and scheduled_local is not None:
        raise TWO_TIMES()
    if scheduled_for is not None and scheduled_for <= now:
        raise IN_THE_PAST()


def wall_time_objection(
    register: CashRegister, wall_time: datetime | None, now: datetime
) -> Objection | None:
    """Object to a wall time that has passed at the register or whose zone is unknown."""
    offset_min = register.utc_offset_min
    if wall_time is None:
        return None
    if offset_min is None:
        return Objection(ZONE_UNKNOWN)
    if to_utc(wall_time, offset_min) <= now:
        return Objection(PAST_AT_REGISTER, {"offset": offset_text(offset_min)})
    return None


def asked_start(
    register: CashRegister, scheduled_for: datetime | None, scheduled_local: datetime | None
) -> datetime | None:
    """Return the moment that was asked for; a wall time is read by the register's clock.

    Return ``None`` when no time was asked for, or for a wall time in an unknown zone.
    """
    if scheduled_local is None or register.utc_offset_min is None:
        return scheduled_for
    return to_utc(scheduled_local, register.utc_offset_min)


def earliest_start(operation_type: OperationType[Any], params: Any, asked: datetime) -> datetime:
    """Return the moment asked for, or a later one that the parameters name."""
    return max(asked, operation_type.earliest_start(params) or asked)
