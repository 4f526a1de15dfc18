"""Orders about the fiscal drive: register again, close its archive, ask it (KKT-PC 3.4, 3.5).

A mode is a matter of platform 2.5; the rules of the drive are those of ``fiscal_drive``.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from protocol import fiscal_drive
from protocol.messages import StepRefusal
from protocol.platforms import Platform
from simulator.failures import Failure, PutOff, ResultCode
from simulator.fiscal_drive import DriveError
from simulator.state import RECEIPT_CM, RegisterState

Fields = dict[str, Any]

REGISTRATION: Final = 1
FISCAL_DRIVE: Final = 6
REASON, TAXATION_TYPES, CASHIER, CASHIER_INN, CHANGES = 1101, 1062, 1021, 1203, 1205
"""FFD tags."""

_LENGTHS: Final = {
    REASON: (1,),
    TAXATION_TYPES: (1,),
    CASHIER: range(1, 65),
    CASHIER_INN: (12,),
    CHANGES: (4,),
}
_CODES: Final = {
    DriveError.WRONG_STATE: ResultCode.DRIVE_STATE,
    DriveError.FAILURE: ResultCode.DRIVE_FAILURE,
    DriveError.LIFE_EXPIRED: ResultCode.DRIVE_EXPIRED,
    DriveError.ARCHIVE_FULL: ResultCode.DRIVE_FULL,
    DriveError.STORAGE_EXHAUSTED: ResultCode.DRIVE_STORAGE,
    DriveError.OFD_WAIT_EXHAUSTED: ResultCode.DRIVE_OFD_WAIT,
}


def require_quiet(register: RegisterState) -> None:
    """Nothing is done to the drive while a shift is open or the OFD has not taken everything."""
    if register.shift_opened_at is not None:
        raise PutOff(ResultCode.SHIFT_OPEN, StepRefusal.SHIFT_OPEN)
    if register.drive.unsent:
        raise PutOff(ResultCode.UNSENT, StepRefusal.RECEIPTS_UNSENT)


def _write_requisite(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    _require_mode(register, REGISTRATION)
    if fields["tag"] not in _LENGTHS:
        raise Failure(ResultCode.WRONG_FORMAT)
    if len(fields["value"]) not in _LENGTHS[fields["tag"]]:
        raise Failure(ResultCode.WRONG_LENGTH)
    register.requisites[fields["tag"]] = fields["value"]
    return {}


def _fiscalise(register: RegisterState, _: Fields, now: datetime) -> Fields:
    _require_mode(register, FISCAL_DRIVE)
    require_quiet(register)
    if not register.requisites.keys() >= {REASON, TAXATION_TYPES}:
        raise Failure(ResultCode.WRONG_FORMAT)
    _signed(register, register.drive.register_again(now))
    register.taxation_types = register.requisites[TAXATION_TYPES][0]
    register.requisites.clear()
    return {}


def _close_archive(register: RegisterState, _: Fields, now: datetime) -> Fields:
    _require_mode(register, FISCAL_DRIVE)
    require_quiet(register)
    _signed(register, register.drive.close_archive(now))
    return {}


def _require_mode(register: RegisterState, mode: int) -> None:
    if register.platform is Platform.V2_5 and register.mode != mode:
        raise Failure(ResultCode.WRONG_MODE)


def _signed(register: RegisterState, error: DriveError) -> None:
    """A document was made, unless the drive says why not."""
    if error:
        raise Failure(_CODES[error])
    register.printed_cm += RECEIPT_CM
    register.cuts += 1


def _ask_fiscal_drive(register: RegisterState, fields: Fields, now: datetime) -> Fields:
    question = fiscal_drive.BY_NUMBER.get(fields["question"])
    if question is None:
        raise Failure(ResultCode.WRONG_FORMAT)
    answer = _ANSWERS[question.name](register, now)
    return {"data": fiscal_drive.encode_answer(question, **answer)}


def _status(register: RegisterState, now: datetime) -> Fields:
    drive, warnings = register.drive, set(register.drive.warnings(now))
    return {
        "phase": _PHASES[drive.phase],
        "document": 0,
        "document_data": 0,
        "shift_open": int(register.shift_opened_at is not None),
        "warnings": {name: name in warnings for name in _WARNINGS},
        "last_document_at": register.shop.local(drive.last_document_at),
        "number": drive.number,
        "last_document": drive.documents,
    }


def _exchange(register: RegisterState, _: datetime) -> Fields:
    drive = register.drive
    first = drive.first_unsent_at
    return {
        "status": 0,
        "reading": 0,
        "unsent_documents": min(drive.unsent, 0xFFFF),
        "first_unsent_document": drive.documents - drive.unsent + 1 if drive.unsent else 0,
        "first_unsent_at": first and register.shop.local(first),
    }


def _validity(register: RegisterState, _: datetime) -> Fields:
    drive = register.drive
    return {
        "valid_until": drive.valid_until,
        "registrations_left": drive.registrations_left,
        "registrations_made": drive.registrations_made,
    }


_PHASES: Final = {name: code for code, name in fiscal_drive.PHASES.items()}
_WARNINGS: Final = (
    "critical_error",
    "ofd_timeout",
    "memory_full",
    "resource_ending",
    "replace_urgently",
)
_ANSWERS: Final[Mapping[str, Callable[[RegisterState, datetime], Fields]]] = {
    "status": _status,
    "exchange": _exchange,
    "validity": _validity,
}

ORDERS: Final[Mapping[str, Callable[[RegisterState, Fields, datetime], Fields]]] = {
    "write_requisite": _write_requisite,
    "fiscalise": _fiscalise,
    "close_archive": _close_archive,
    "ask_fiscal_drive": _ask_fiscal_drive,
}
"""Of both platforms."""
