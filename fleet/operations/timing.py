"""When an operation begins: what was asked for, the register's clock, and what it must wait for."""

from datetime import datetime
from typing import Any

from fleet.operations.errors import IN_THE_PAST, NO_TIME, PAST_THERE, TWO_TIMES, ZONE_UNKNOWN
from fleet.operations.rules import moment_there, offset_text
from fleet.operations.types.contract import OperationType
from fleet.registers.models import CashRegister


def refuse_untimely(
    scheduled_for: datetime | None, scheduled_local: datetime | None, now: datetime
) -> None:
    """Refuses two times, and a moment that has passed."""
    if scheduled_for is not None and scheduled_local is not None:
        raise TWO_TIMES()
    if scheduled_for is not None and scheduled_for <= now:
        raise IN_THE_PAST()


def not_before(operation_type: OperationType[Any], params: Any, asked: datetime) -> datetime:
    """The moment asked for, or a later one that the parameters name."""
    return max(asked, operation_type.not_before(params) or asked)


def there(register: CashRegister, wall_time: datetime | None, now: datetime) -> datetime:
    """The moment at which the register's clock shows it; refuses one that has passed there."""
    if wall_time is None:
        raise NO_TIME()
    serial = register.serial_number
    if register.utc_offset_min is None:
        raise ZONE_UNKNOWN(serial_number=serial)
    begins = moment_there(wall_time, register.utc_offset_min)
    if begins <= now:
        raise PAST_THERE(serial_number=serial, offset=offset_text(register.utc_offset_min))
    return begins
