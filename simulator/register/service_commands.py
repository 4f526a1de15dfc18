"""Handlers of the commands that set up a simulated register: clock, restart, reset (KKT-PC 3.1)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from protocol.platforms import Platform
from simulator.register.failures import Failure, ResultCode
from simulator.register.settings_memory import ACCESS_PASSWORD, Tables
from simulator.register.state import RegisterState

Fields = dict[str, Any]
CommandHandler = Callable[[RegisterState, Fields, datetime], Fields]

OFF, RESTART = 0x00, 0x41
NO_PASSWORD: Final = "0000"


def access_password(register: RegisterState) -> str:
    """Return the four digits that precede each request; platform 5.0 has no cell for them."""
    if register.platform is Platform.V5_0:
        return NO_PASSWORD
    return str(register.memory.value(ACCESS_PASSWORD)).zfill(len(NO_PASSWORD))


def _set_clock(register: RegisterState, fields: Fields, now: datetime) -> Fields:
    if fields["clock"] is None:
        raise Failure(ResultCode.WRONG_DATE)
    _turn(register, fields["clock"], now)
    return {}


def _set_date(register: RegisterState, fields: Fields, now: datetime) -> Fields:
    if fields["date"] is None:
        raise Failure(ResultCode.WRONG_DATE)
    clock = register.local_clock(now).replace(tzinfo=None)
    _turn(register, datetime.combine(fields["date"], clock.time()), now)
    return {}


def _turn(register: RegisterState, clock: datetime, now: datetime) -> None:
    """Set the local clock, which must not fall behind the drive's last document.

    Raise ``Failure`` in that case and while a shift is open.
    """
    if register.shift_opened_at is not None:
        raise Failure(ResultCode.SHIFT_OPEN)
    last = register.shop.local(register.drive.last_document_at).replace(tzinfo=None)
    if clock < last.replace(second=0, microsecond=0):
        raise Failure(ResultCode.CLOCK_BEHIND_DRIVE)
    right = register.shop.local(now).replace(tzinfo=None)
    register.faults.clock_skew_s = round((clock - right).total_seconds())


def _power(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    """Switch off or request a restart; off leads into the loader, which can start the firmware.

    The loader starts the firmware on a command (KKT-PC 3.2).
    """
    if fields["function"] not in (OFF, RESTART):
        raise Failure(ResultCode.WRONG_FORMAT)
    register.mode = 0
    register.restart_due = fields["function"] == RESTART
    return {}


def _initialise_tables(register: RegisterState, _: Fields, __: datetime) -> Fields:
    _require_rest(register)
    register.memory = Tables()
    return {}


def _reset(register: RegisterState, _: Fields, __: datetime) -> Fields:
    """Reset the settings and counters; the fiscal drive and its archive stay."""
    _require_rest(register)
    register.memory = Tables()
    register.forget_till()
    return {}


def _require_rest(register: RegisterState) -> None:
    if register.mode:
        raise Failure(ResultCode.WRONG_MODE)
    register.till.require_no_receipt()
    if register.shift_opened_at is not None:
        raise Failure(ResultCode.SHIFT_OPEN)


def _read_last_error(register: RegisterState, _: Fields, __: datetime) -> Fields:
    return {"code": register.last_error, "extended": 0}


HANDLERS_BOTH: Final[Mapping[str, CommandHandler]] = {
    "set_clock": _set_clock,
    "set_date": _set_date,
    "power": _power,
    "read_last_error": _read_last_error,
}
HANDLERS_2_5: Final[Mapping[str, CommandHandler]] = {
    **HANDLERS_BOTH,
    "initialise_tables": _initialise_tables,
    "reset": _reset,
}
