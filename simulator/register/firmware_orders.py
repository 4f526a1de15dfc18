"""What a simulated register does with the orders of a firmware transfer (KKT-PC 3.2)."""

from datetime import datetime
from typing import Any, Final

from protocol.conversation.messages import StepRefusal
from protocol.firmware import Image
from protocol.kktpc.firmware_commands import Function
from simulator.register.failures import Failure, PutOff, ResultCode
from simulator.register.registration import require_quiet
from simulator.register.state import RegisterState

Fields = dict[str, Any]

BATTERY_LOW_MV: Final = 2400


def battery_is_low(register: RegisterState) -> bool:
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
    """A new firmware may not know the documents of the old one, nor survive a power cut."""
    if battery_is_low(register):
        raise PutOff(ResultCode.NOT_ENOUGH_POWER, StepRefusal.LOW_BATTERY)
    require_quiet(register)
    register.loader.mark()
    register.restart_due = True
    return {}


_FUNCTIONS: Final = {
    Function.BEGIN: _begin,
    Function.BLOCK: _block,
    Function.VERIFY: _verify,
    Function.START: _install,
}


def _function(register: RegisterState, fields: Fields, now: datetime) -> Fields:
    function = _FUNCTIONS.get(fields["function"])
    if function is None:
        raise Failure(ResultCode.WRONG_FORMAT)
    return function(register, fields["body"], now)


FIRMWARE_2_5: Final = {"firmware": _function}
FIRMWARE_5_0: Final = {
    "firmware_begin": _begin,
    "firmware_block": _block,
    "firmware_install": _install,
}
