"""Handlers of a simulated register for the commands of a firmware transfer (KKT-PC 3.2)."""

from datetime import datetime
from typing import Any, Final

from protocol.conversation.messages import StepRefusal
from protocol.firmware import Image
from protocol.kktpc.firmware_commands import EcFunction
from simulator.register.failures import CommandPostponed, Failure, ResultCode
from simulator.register.registration import require_quiet_drive
from simulator.register.state import RegisterState

Fields = dict[str, Any]

BATTERY_LOW_MV: Final = 2400


def battery_is_low(register: RegisterState) -> bool:
    """Tell whether the battery's voltage, or that of the low-battery fault, is below the limit."""
    return (register.faults.low_battery_mv or register.battery_mv) < BATTERY_LOW_MV


def _begin(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    if fields.keys() == {"blocks"}:
        register.loader.begin_unsigned(fields["blocks"])
        return {}
    image = Image.offered(fields)
    return {"next": register.loader.begin(image, register.model, register.platform)}


def _block(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    register.loader.write(fields["number"], fields["data"])
    return {}


def _verify(register: RegisterState, _: Fields, __: datetime) -> Fields:
    register.loader.verify()
    return {}


def _install(register: RegisterState, _: Fields, __: datetime) -> Fields:
    """Mark the new firmware for the next restart and request that restart.

    Raise ``CommandPostponed`` while the battery is low, a shift is open or documents are unsent:
    the new firmware may not know the old one's documents, and a power cut may happen.
    """
    if battery_is_low(register):
        raise CommandPostponed(ResultCode.NOT_ENOUGH_POWER, StepRefusal.LOW_BATTERY)
    require_quiet_drive(register)
    register.loader.mark_for_boot()
    register.restart_due = True
    return {}


_FUNCTIONS: Final = {
    EcFunction.BEGIN: _begin,
    EcFunction.BLOCK: _block,
    EcFunction.VERIFY: _verify,
    EcFunction.START: _install,
}


def _function(register: RegisterState, fields: Fields, now: datetime) -> Fields:
    function = _FUNCTIONS.get(fields["function"])
    if function is None:
        raise Failure(ResultCode.WRONG_FORMAT)
    return function(register, fields["body"], now)


HANDLERS_2_5: Final = {"firmware": _function}
HANDLERS_5_0: Final = {
    "firmware_begin": _begin,
    "firmware_block": _block,
    "firmware_install": _install,
}
