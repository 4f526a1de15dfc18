"""Table of the answers of a simulated fiscal drive to the questions of command A4 (KKT-PC 3.4)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from protocol.errors import LocalError
from protocol.kktpc import fiscal_drive
from simulator.register.failures import Failure, ResultCode
from simulator.register.registration import requisites_of
from simulator.register.state import RegisterState
from simulator.register.till import Document

Fields = dict[str, Any]
DriveAnswer = Callable[[RegisterState, datetime, Fields], Fields]

VERSION: Final = "fn_v_1_1_2_sim".ljust(16)
CONNECTED: Final = 0x01
HAS_MESSAGE: Final = 0x02
REGISTERED, OF_RECEIPT = 1, 3
TICKET_SIGN: Final = 18


def _ask(register: RegisterState, fields: Fields, now: datetime) -> Fields:
    try:
        question, parameters = fiscal_drive.parse_question(fields)
    except LocalError:
        raise Failure(ResultCode.WRONG_FORMAT) from None
    answer = _ANSWERS[question.name](register, now, parameters)
    return {"data": fiscal_drive.encode_answer(question, **answer)}


def _status(register: RegisterState, now: datetime, _: Fields) -> Fields:
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


def _exchange(register: RegisterState, _: datetime, __: Fields) -> Fields:
    drive = register.drive
    first = drive.first_unsent_at
    connected = 0 if register.network_error else CONNECTED
    return {
        "status": connected | HAS_MESSAGE if drive.unsent else 0,
        "reading": 0,
        "unsent_documents": min(drive.unsent, 0xFFFF),
        "first_unsent_document": drive.documents - drive.unsent + 1 if drive.unsent else 0,
        "first_unsent_at": first and register.shop.local(first),
    }


def _validity(register: RegisterState, _: datetime, __: Fields) -> Fields:
    drive = register.drive
    return {
        "valid_until": drive.valid_until,
        "registrations_left": drive.registrations_left,
        "registrations_made": drive.registrations_made,
    }


def _shift(register: RegisterState, _: datetime, __: Fields) -> Fields:
    return {
        "open": int(register.shift_opened_at is not None),
        "shift": register.shift_number & 0xFFFF,
        "receipt": register.till.receipt_number & 0xFFFF,
    }


def _number(register: RegisterState, _: datetime, __: Fields) -> Fields:
    return {"number": register.drive.number}


def _found(register: RegisterState, number: int) -> Document:
    """Return a document of the archive; raise ``Failure`` if the drive has none with that number.

    A document made before a host was connected has only its number, kind, time and fiscal sign.
    """
    drive = register.drive
    kept = register.till.documents.get(number)
    if kept is not None:
        return kept
    if not 0 < number <= drive.documents:
        raise Failure(ResultCode.NOTHING_IN_DRIVE)
    kind = REGISTERED if number == drive.registered_document else OF_RECEIPT
    at = drive.registered_at if kind == REGISTERED else drive.last_document_at
    return Document(number, kind, at, drive.sign_of(number))


def _document(register: RegisterState, _: datetime, parameters: Fields) -> Fields:
    found = _found(register, parameters["document"])
    facts = _moment(register, found) + found.number.to_bytes(4, "little") + _sign(found)
    if found.total:
        facts += bytes((found.receipt_type,)) + found.total.to_bytes(5, "little")
    return {"type": found.kind, "confirmed": int(_confirmed(register, found)), "data": facts}


def _ticket(register: RegisterState, _: datetime, parameters: Fields) -> Fields:
    found = _found(register, parameters["document"])
    if not _confirmed(register, found):
        raise Failure(ResultCode.NOTHING_IN_DRIVE)
    return {
        "received_at": register.shop.local(found.made_at),
        "sign": _sign(found).rjust(TICKET_SIGN, b"\0"),
        "document": found.number,
    }


def _confirmed(register: RegisterState, document: Document) -> bool:
    return document.number <= register.drive.documents - register.drive.unsent


def _moment(register: RegisterState, document: Document) -> bytes:
    local = register.shop.local(document.made_at)
    return bytes((local.year - 2000, local.month, local.day, local.hour, local.minute))


def _sign(document: Document) -> bytes:
    return int(document.sign).to_bytes(4, "little")


def _registration(register: RegisterState, _: datetime, __: Fields) -> Fields:
    requisites = requisites_of(register)
    return {
        "made_at": register.shop.local(register.drive.registered_at),
        "inn": requisites[1018].decode("ascii"),
        "registration_number": requisites[1037].decode("ascii"),
        "taxation_types": register.taxation_types,
        "work_mode": 0,
        "rest": b"",
    }


def _read_document(register: RegisterState, _: datetime, parameters: Fields) -> Fields:
    found = _found(register, parameters["document"])
    register.till.reading = _tlvs(register, found)
    size = sum(4 + len(value) for _, value in register.till.reading)
    return {"type": found.kind, "length": size}


def _tlvs(register: RegisterState, document: Document) -> list[tuple[int, bytes]]:
    """Return the fiscal data tags and values of a document.

    Every document has the same four tags; a receipt has its type and its sum as well.
    """
    seconds = int(document.made_at.timestamp()) + register.shop.utc_offset_min * 60
    tlvs = [
        (1012, seconds.to_bytes(4, "little")),
        (1040, document.number.to_bytes(4, "little")),
        (1041, register.drive.number.encode("ascii")),
        (1077, b"\0\0" + int(document.sign).to_bytes(4, "big")),
    ]
    if document.receipt_type:
        tlvs.append((1054, bytes((document.receipt_type,))))
        tlvs.append((1020, document.total.to_bytes(6, "little").rstrip(b"\0") or b"\0"))
    return tlvs


def _next_tlv(register: RegisterState, _: datetime, __: Fields) -> Fields:
    if not register.till.reading:
        raise Failure(ResultCode.NOTHING_IN_DRIVE)
    tag, value = register.till.reading.pop(0)
    return {"tag": tag, "value": value}


_PHASES: Final = {name: code for code, name in fiscal_drive.PHASES.items()}
_WARNINGS: Final = (
    "critical_error",
    "ofd_timeout",
    "memory_full",
    "resource_ending",
    "replace_urgently",
)
_ANSWERS: Final[Mapping[str, DriveAnswer]] = {
    "shift": _shift,
    "exchange": _exchange,
    "status": _status,
    "number": _number,
    "validity": _validity,
    "version": lambda *_: {"version": VERSION, "release": 1},
    "errors": lambda *_: {"blocks": 0, "data": b""},
    "document": _document,
    "ticket": _ticket,
    "unconfirmed": lambda register, *_: {"count": min(register.drive.unsent, 0xFFFF)},
    "registration": _registration,
    "read_document": _read_document,
    "next_tlv": _next_tlv,
}
HANDLERS: Final = {"ask_fiscal_drive": _ask}
