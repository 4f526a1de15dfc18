"""When an operation begins: what was asked for, the register's clock, and what it must wait for."""

from datetime import datetime
from typing import Any

from fleet.operations.errors import IN_THE_PAST, NO_TIME, PAST_AT_REGISTER, TWO_TIMES, ZONE_UNKNOWN
from fleet.operations.rules import offset_text, to_utc
from fleet.operations.types.contract import OperationType
from fleet.registers.models import CashRegister


def check_times(
    scheduled_for: datetime | None, scheduled_local: datetime | None, now: datetime
) -> None:
    """Refuses two times, and a moment that has passed."""
    if scheduled_for is not None and scheduled_local is not None:
        raise TWO_TIMES()
    if scheduled_for is not None and scheduled_for <= now:
        raise IN_THE_PAST()


def earliest_start(operation_type: OperationType[Any], params: Any, asked: datetime) -> datetime:
    """The moment asked for, or a later one that the parameters name."""
    return max(asked, operation_type.earliest_start(params) or asked)


def utc_at_register(register: CashRegister, wall_time: datetime | None, now: datetime) -> datetime:
    """The moment at which the register's clock shows it; refuses one that has passed there."""
    if wall_time is None:
        raise NO_TIME()
    serial = register.serial_number
    if register.utc_offset_min is None:
        raise ZONE_UNKNOWN(serial_number=serial)
    begins = to_utc(wall_time, register.utc_offset_min)
    if begins <= now:
        raise PAST_AT_REGISTER(serial_number=serial, offset=offset_text(register.utc_offset_min))
    return begins
