"""Questions of the protocol (KKT-PC 3.1, 3.3, 3.4) that the driver's answers can fill.

Values that the driver does not report are zero: the cashier, the hall, the open receipt.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from gateway.assistant.driver.registration import last_registration
from gateway.assistant.driver.translation import (
    CommandAnswer,
    CommandTranslation,
    DriverRequest,
    QueryTasks,
    RegisterFacts,
    answer_with,
    date_alone,
    document_of,
    with_last_document,
)
from gateway.assistant.driver.vocabulary import (
    FFD_CODES,
    PHASES,
    Body,
    TaskResult,
    flag,
    number,
    part,
    text,
    wall,
    warnings,
)
from protocol.conversation.messages import StepRefusal
from protocol.errors import LocalError
from protocol.fields import Fields
from protocol.kktpc import fiscal_drive, registers

Results = Sequence[TaskResult]

_INFO: Final[Body] = {"type": "getDeviceInfo"}
_STATUS: Final[Body] = {"type": "getDeviceStatus"}
_SHIFT: Final[Body] = {"type": "getShiftStatus"}
_DRIVE: Final[Body] = {"type": "getFnInfo"}
_DRIVE_NOW: Final[Body] = {"type": "getFnStatus"}
_EXCHANGE: Final[Body] = {"type": "ofdExchangeStatus"}
_DRAWER: Final[Body] = {"type": "getCashDrawerStatus"}
_LICENCES: Final[Body] = {"type": "getLicenses"}

_NO_MODE: Final = {"mode": 0, "submode": 0}
_FOUR_DIGITS, _SIX_DIGITS = 10_000, 1_000_000
FIRMWARE, RELEASE, CONFIGURATION = 0x01, 0x11, 0x91
"""Sources of command 9D."""


def _answer_if_it_fits(name: str, fields: Mapping[str, Any]) -> CommandAnswer:
    """Return a good answer, or ``UNSUPPORTED`` if the driver's value does not fit its field."""
    try:
        return answer_with(name, **fields)
    except LocalError:
        return StepRefusal.UNSUPPORTED


# ---- state and versions -------------------------------------------------------------------------


def _read_state(_: Fields, known: RegisterFacts) -> DriverRequest:
    def then(told: Results) -> DriverRequest:
        info, status, shift, drive = (each.result for each in told)
        return _answer_if_it_fits("read_state", _state(known, info, status, shift, drive))

    return QueryTasks((_INFO, _STATUS, _SHIFT, _DRIVE_NOW), then)


def _state(known: RegisterFacts, info: Body, status: Body, shift: Body, drive: Body) -> Fields:
    status = part(status, "deviceStatus")
    return {
        "cashier": 0,
        "hall": 0,
        "clock": wall(status, "currentDateTime"),
        "flags": {
            "battery_low": False,
            "fiscal_drive_activated": flag(status, "fnFiscal"),
            "cover_open": flag(status, "coverOpened"),
            "paper_present": flag(status, "paperPresent"),
            "drawer_closed": not flag(status, "cashDrawerOpened"),
            "shift_open": _shift_is_open(shift),
            "fiscalised": flag(status, "fiscal"),
        },
        "short_serial": known.serial_number[-8:],
        "model": known.model,
        "version": text(part(info, "deviceInfo"), "firmwareVersion").replace(".", "")[:2],
        "mode": _NO_MODE,
        "receipt_number": number(part(drive, "fnStatus"), "fiscalReceiptNumber") % _FOUR_DIGITS,
        "last_closed_shift": _last_closed_shift(shift),
        "receipt_state": 0,
        "receipt_sum": 0,
        "decimal_point": 2,
        "port": 0,
    }


def _shift_is_open(shift: Body) -> bool:
    return text(part(shift, "shiftStatus"), "state") in ("opened", "expired")


def _last_closed_shift(shift: Body) -> int:
    told = number(part(shift, "shiftStatus"), "number")
    return max(told - _shift_is_open(shift), 0) % _FOUR_DIGITS


_PRINTER: Final = (
    "paper_near_end",
    "printer_error",
    "overheated",
    "cutter_error",
    "mechanical_error",
    "printer_missing",
)


def _read_state_code(_: Fields, __: RegisterFacts) -> DriverRequest:
    def then(told: Results) -> DriverRequest:
        paper = part(told[0].result, "deviceStatus").get("paperPresent")
        flags = {**dict.fromkeys(_PRINTER, False), "no_paper": paper is False}
        return _answer_if_it_fits("read_state_code", {"mode": _NO_MODE, "flags": flags})

    return QueryTasks((_STATUS,), then)


def _read_version(fields: Fields, _: RegisterFacts) -> DriverRequest:
    names = {
        FIRMWARE: "firmwareVersion",
        RELEASE: "configurationVersion",
        CONFIGURATION: "configurationVersion",
    }
    name = names.get(fields["source"])
    if name is None:
        return StepRefusal.UNSUPPORTED
    return QueryTasks(
        (_INFO,),
        lambda told: _answer_if_it_fits(
            "read_version", _version(text(part(told[0].result, "deviceInfo"), name))
        ),
    )


def _version(written: str) -> Fields:
    major, _, rest = written.partition(".")
    minor, _, build = rest.partition(".")
    digits = all(each.isascii() and each.isdecimal() for each in (major, minor, build))
    parts = {"major": int(major), "minor": int(minor)} if digits else {}
    return {**parts, "language": 0, "build": build}


def _read_protection_code(fields: Fields, _: RegisterFacts) -> DriverRequest:
    def then(told: Results) -> DriverRequest:
        listed = told[0].result.get("licenses")
        held = [text(each, "id") for each in listed or () if isinstance(each, dict)]
        return _answer_if_it_fits(
            "read_protection_code", {"entered": str(fields["number"]) in held}
        )

    return QueryTasks((_LICENCES,), then)


# ---- registers ----------------------------------------------------------------------------------


def _read_register(fields: Fields, known: RegisterFacts) -> DriverRequest:
    row = registers.BY_NUMBER.get(fields["register"])
    if row is None or row.name not in _REGISTERS:
        return StepRefusal.UNSUPPORTED
    found = _REGISTERS[row.name]
    if callable(found):
        return found(known)
    task, values = found
    return QueryTasks((task,), lambda told: _register(row, values(told[0].result)))


def _register(row: registers.InternalRegister, values: Fields) -> CommandAnswer:
    try:
        return answer_with("read_register", data=registers.encode_register(row, **values))
    except LocalError:
        return StepRefusal.UNSUPPORTED


def _serial_number(known: RegisterFacts) -> DriverRequest:
    row = registers.internal_register_named("serial_number")
    return _register(row, {"serial_number": known.serial_number})


def _last_document(known: RegisterFacts) -> DriverRequest:
    def then(last: int, tags: Body) -> DriverRequest:
        found = document_of(last, tags, known.memory.document)
        row = registers.internal_register_named("last_document")
        return _register(
            row, {"document": found.number, "made_at": found.made_at, "sign": found.sign}
        )

    return with_last_document(then)


def _validity(told: Body) -> Fields:
    drive = part(told, "fnInfo")
    until = wall(drive, "validityDate")
    return {
        "registrations_made": number(drive, "numberOfRegistrations"),
        "registrations_left": number(drive, "registrationsRemaining"),
        "valid_until": until.date() if until else None,
    }


def _exchange_errors(told: Body) -> Fields:
    errors = part(told, "errors")
    return {
        "network_error": number(part(errors, "network"), "code"),
        "ofd_error": number(part(errors, "ofd"), "code"),
        "fiscal_drive_error": number(part(errors, "fn"), "code"),
        "document_number": number(errors, "documentNumber"),
        "fiscal_drive_command": number(errors, "fnCommandCode"),
    }


def _ffd_versions(told: Body) -> Fields:
    info = part(told, "deviceInfo")
    return {
        "register": FFD_CODES.get(text(info, "ffdVersion"), 0),
        "fiscal_drive": FFD_CODES.get(text(info, "fnFfdVersion"), 0),
        "rest": b"",
    }


def _cash(told: Body) -> Fields:
    roubles = part(told, "counters").get("cashSum")
    said = isinstance(roubles, int | float) and not isinstance(roubles, bool)
    return {"sum": round(roubles * 100)} if said and roubles is not None else {}


_Query = tuple[Body, Callable[[Body], Fields]]
_REGISTERS: Final[Mapping[str, Callable[[RegisterFacts], DriverRequest] | _Query]] = {
    "cash": (_DRAWER, _cash),
    "clock": (_STATUS, lambda it: {"clock": wall(part(it, "deviceStatus"), "currentDateTime")}),
    "last_closed_shift": (_SHIFT, lambda it: {"shift": _last_closed_shift(it)}),
    "serial_number": _serial_number,
    "fiscal_drive_validity": (_DRIVE, _validity),
    "last_exchange_errors": (_EXCHANGE, _exchange_errors),
    "unsent_documents": (
        _EXCHANGE,
        lambda it: {"count": number(part(it, "status"), "notSentCount") % _SIX_DIGITS},
    ),
    "last_registration": last_registration,
    "last_document": _last_document,
    "ffd_versions": (_INFO, _ffd_versions),
}

# ---- the fiscal drive ---------------------------------------------------------------------------


def _ask_drive(fields: Fields, known: RegisterFacts) -> DriverRequest:
    question = fiscal_drive.BY_NUMBER.get(fields["question"])
    if question is None or question.name not in _DRIVE_QUESTIONS:
        return StepRefusal.UNSUPPORTED
    tasks, values = _DRIVE_QUESTIONS[question.name]

    def then(told: Results) -> DriverRequest:
        return _drive_answer(question, values(*(each.result for each in told)))

    if question.name != "status":
        return QueryTasks(tasks, then)
    return with_last_document(
        lambda last, tags: QueryTasks(
            tasks, lambda told: _status(question, told, last, tags, known)
        ),
    )


def _drive_answer(question: fiscal_drive.DriveQuestion, values: Fields) -> CommandAnswer:
    try:
        data = fiscal_drive.encode_answer(question, **values)
    except LocalError:
        return StepRefusal.UNSUPPORTED
    return answer_with("ask_fiscal_drive", data=data)


def _status(
    question: fiscal_drive.DriveQuestion, told: Results, last: int, tags: Body, known: RegisterFacts
) -> CommandAnswer:
    values = _status_now(*(each.result for each in told))
    made_at: datetime | None = document_of(last, tags, known.memory.document).made_at
    return _drive_answer(question, {**values, "last_document": last, "last_document_at": made_at})


def _status_now(drive: Body, shift: Body) -> Fields:
    drive = part(drive, "fnInfo")
    standing = warnings(part(drive, "warnings"))
    phases = {name: code for code, name in fiscal_drive.PHASES.items()}
    return {
        "phase": phases.get(PHASES.get(text(drive, "livePhase"), ""), 0),
        "document": 0,
        "document_data": 0,
        "shift_open": int(_shift_is_open(shift)),
        "warnings": {name: name in standing for name in _DRIVE_WARNINGS},
        "number": text(drive, "serial"),
    }


_DRIVE_WARNINGS: Final = (
    "critical_error",
    "ofd_timeout",
    "memory_full",
    "resource_ending",
    "replace_urgently",
)


def _exchange(told: Body) -> Fields:
    status = part(told, "status")
    return {
        "status": 0,
        "reading": 0,
        "unsent_documents": min(number(status, "notSentCount"), 0xFFFF),
        "first_unsent_document": number(status, "notSentFirstDocNumber"),
        "first_unsent_at": wall(status, "notSentFirstDocDateTime"),
    }


def _drive_validity(told: Body) -> Fields:
    values = _validity(told)
    return {**values, "valid_until": date_alone(wall(part(told, "fnInfo"), "validityDate"))}


_DRIVE_QUESTIONS: Final[Mapping[str, tuple[tuple[Body, ...], Callable[..., Fields]]]] = {
    "exchange": ((_EXCHANGE,), _exchange),
    "number": ((_DRIVE,), lambda it: {"number": text(part(it, "fnInfo"), "serial")}),
    "status": ((_DRIVE, _SHIFT), _status_now),
    "validity": ((_DRIVE,), _drive_validity),
}

ROWS: Final = {
    "read_state": CommandTranslation(_read_state),
    "read_state_code": CommandTranslation(_read_state_code),
    "read_version": CommandTranslation(_read_version),
    "read_protection_code": CommandTranslation(_read_protection_code),
    "read_register": CommandTranslation(_read_register),
    "ask_fiscal_drive": CommandTranslation(_ask_drive),
}
