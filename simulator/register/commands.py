"""Table of the handlers that a simulated register has for application commands (KKT-PC 3.1).

A handler takes the register, the fields of the request and the time. It returns the fields of the
good answer or raises ``Failure``. A command without a handler on a platform is unknown there.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, cast

from protocol.errors import RemoteError
from protocol.kktpc import commands
from protocol.kktpc.setting_types import Cell
from protocol.models import BY_CODE as MODELS
from protocol.platforms import Platform
from simulator.register import drive_commands as drive_orders
from simulator.register import licences, printing, register_values, registration
from simulator.register import service_commands as service_orders
from simulator.register import till_commands as till_orders
from simulator.register.factory_data import MAKES
from simulator.register.failures import Failure, ResultCode
from simulator.register.firmware_commands import HANDLERS_2_5, HANDLERS_5_0, battery_is_low
from simulator.register.fiscal_drive import Phase
from simulator.register.register_values import FOUR_DIGITS, last_closed_shift, version_of
from simulator.register.service_commands import access_password as access_password
from simulator.register.settings_memory import SYSTEM_PASSWORD, NumberedSettings, Tables
from simulator.register.state import RegisterState
from simulator.register.templates import Announced

Fields = dict[str, Any]
CommandHandler = Callable[[RegisterState, Fields, datetime], Fields]

PROGRAMMING: Final = 4
MODES: Final = range(1, 8)
USB: Final = 4


def execute(register: RegisterState, request: bytes, now: datetime) -> bytes:
    """Return the good or bad answer to any request bytes; raise ``CommandPostponed``."""
    try:
        order = _find_handler(register, request)
        command, fields = commands.parse_request(request)
        return commands.encode_answer(command, **order(register, fields, now))
    except RemoteError:
        code = ResultCode.WRONG_LENGTH
    except Failure as failure:
        code = failure.code
    register.last_error = code
    return failed(request, code)


def _find_handler(register: RegisterState, request: bytes) -> CommandHandler:
    """Return the handler of the request's command; raise ``Failure`` if the platform has none.

    The rest of the request is not checked here.
    """
    command = commands.BY_CODE.get(request[0]) if request else None
    order = None if command is None else _HANDLERS[register.platform].get(command.name)
    if order is None:
        raise Failure(ResultCode.WRONG_MODE)
    return order


def failed(request: bytes, code: ResultCode) -> bytes:
    """Return the answer that reports a failed command: its prefix, then the code and a zero byte.

    Most commands fail with prefix 55, also those whose good answer has no such form.
    """
    command = commands.BY_CODE.get(request[0]) if request else None
    prefix = b"\x55" if command is None or command.failure is None else command.failure
    return prefix + bytes((code, 0))


def _read_state(register: RegisterState, _: Fields, now: datetime) -> Fields:
    faults, drive, receipt = register.faults, register.drive, register.receipt
    return {
        "cashier": 30,
        "hall": 1,
        "clock": register.local_clock(now),
        "flags": {
            "battery_low": battery_is_low(register),
            "fiscal_drive_activated": drive.phase is Phase.FISCAL,
            "cover_open": False,
            "paper_present": not faults.paper_out,
            "drawer_closed": True,
            "shift_open": register.shift_opened_at is not None,
            "fiscalised": True,
        },
        "short_serial": register.serial_number[-8:],
        "model": register.model,
        "version": register.loader.firmware.replace(".", "")[:2],
        "mode": {"mode": register.mode, "submode": 0},
        "receipt_number": _receipt_number(register),
        "last_closed_shift": last_closed_shift(register),
        "receipt_state": receipt.kind if receipt else 0,
        "receipt_sum": receipt.total if receipt else 0,
        "decimal_point": 2,
        "port": USB,
    }


def _receipt_number(register: RegisterState) -> int:
    """Return the number of the last receipt of the shift when a host makes the receipts.

    When the shop sells by itself, return the number of the drive's last document.
    """
    count = register.till.receipt_number if register.by_host else register.drive.documents
    return count % FOUR_DIGITS


def _read_state_code(register: RegisterState, _: Fields, __: datetime) -> Fields:
    flags = dict.fromkeys(_PRINTER_FLAGS, False) | {"no_paper": register.faults.paper_out}
    return {"mode": {"mode": register.mode, "submode": 0}, "flags": flags}


_PRINTER_FLAGS: Final = (
    "paper_near_end",
    "printer_error",
    "overheated",
    "cutter_error",
    "mechanical_error",
    "printer_missing",
    "no_paper",
)


def _enter_mode(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    if fields["mode"] not in MODES or register.mode not in (0, fields["mode"]):
        raise Failure(ResultCode.WRONG_MODE)
    if fields["password"] != _tables(register).value(SYSTEM_PASSWORD):
        raise Failure(ResultCode.WRONG_PASSWORD)
    if fields["mode"] == registration.FISCAL_DRIVE:
        registration.require_quiet_drive(register)
    _require_no_receipt(register)
    register.mode = fields["mode"]
    return {}


def _leave_mode(register: RegisterState, _: Fields, __: datetime) -> Fields:
    _require_no_receipt(register)
    register.mode = 0
    return {}


def _require_no_receipt(register: RegisterState) -> None:
    if register.receipt is not None:
        raise Failure(ResultCode.RECEIPT_OPEN)


def _read_table(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    return {"value": _tables(register).read(_cell(fields))}


def _write_table(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    if register.mode != PROGRAMMING:
        raise Failure(ResultCode.WRONG_MODE)
    _tables(register).write(_cell(fields), fields["value"])
    return {}


def _read_setting(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    return {"value": _numbered(register).read(fields["number"])}


def _write_setting(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    _numbered(register).write(fields["number"], fields["value"])
    return {}


def _template_begin(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    return {"next": register.templates.begin(Announced(**fields))}


def _template_block(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    return {"next": register.templates.take(fields["number"], fields["data"])}


def _template_apply(register: RegisterState, _: Fields, __: datetime) -> Fields:
    register.templates.apply()
    return {}


def _read_version(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    make = MAKES[register.platform]
    versions = {
        0x01: register.loader.firmware,
        0x03: make.loader,
        0x11: make.configuration,
        0x91: make.configuration,
        0xA0: make.templates,
    }
    if fields["source"] not in versions:
        raise Failure(ResultCode.WRONG_FORMAT)
    return version_of(versions[fields["source"]])


def _read_type(register: RegisterState, _: Fields, __: datetime) -> Fields:
    model = MODELS.get(register.model)
    return {
        "protocol": 1,
        "type": 1,
        "model": register.model,
        "mode_bits": 0,
        **version_of(register.loader.firmware),
        "name": model.name if model else "АТОЛ",
    }


def _cell(fields: Fields) -> Cell:
    return Cell(fields["table"], fields["row"], fields["field"])


def _tables(register: RegisterState) -> Tables:
    return cast(Tables, register.memory)


def _numbered(register: RegisterState) -> NumberedSettings:
    return cast(NumberedSettings, register.memory)


_BOTH: Final[Mapping[str, CommandHandler]] = {
    "read_state": _read_state,
    "read_state_code": _read_state_code,
    "read_register": register_values.read,
    "read_version": _read_version,
    "read_type": _read_type,
    "template_begin": _template_begin,
    "template_block": _template_block,
    "template_apply": _template_apply,
    **registration.HANDLERS,
    **drive_orders.HANDLERS,
    **till_orders.HANDLERS,
    **printing.HANDLERS,
}
_HANDLERS: Final[Mapping[Platform, Mapping[str, CommandHandler]]] = {
    Platform.V2_5: {
        **_BOTH,
        "enter_mode": _enter_mode,
        "leave_mode": _leave_mode,
        "read_table": _read_table,
        "write_table": _write_table,
        **service_orders.HANDLERS_2_5,
        **HANDLERS_2_5,
        **licences.HANDLERS_2_5,
    },
    Platform.V5_0: {
        **_BOTH,
        "read_setting": _read_setting,
        "write_setting": _write_setting,
        **service_orders.HANDLERS_BOTH,
        **HANDLERS_5_0,
        **licences.HANDLERS_5_0,
    },
}
