"""Table of a simulated register's answers to ``read_register`` (KKT-PC 3.3)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from protocol.kktpc import registers
from simulator.register.factory_data import MAKES
from simulator.register.failures import Failure, ResultCode
from simulator.register.reading import ffd_version
from simulator.register.state import SHIFT_LIMIT, RegisterState
from simulator.register.till import PAYMENTS, Document, TotalKind, taxes_of

Fields = dict[str, Any]
LINE_CHARACTERS: Final = 42
LINE_PIXELS: Final = 576
HEAD_TEMPERATURE: Final = 31
FOUR_DIGITS: Final = 10_000
SIX_DIGITS: Final = 1_000_000
SUM_ROOM: Final = 10**12
"""Modulus of a sum's counter: it starts again from 0 when its digits are used up."""
FFD_CODES: Final = {version: code for code, version in registers.FFD_VERSIONS.items()}


def read(register: RegisterState, fields: Fields, now: datetime) -> Fields:
    """Return the data of one register; raise ``Failure`` for an unknown register number.

    The counter of an unknown receipt type, payment or tax is 0.
    """
    row = registers.BY_NUMBER.get(fields["register"])
    if row is None:
        raise Failure(ResultCode.WRONG_REGISTER)
    chosen = fields["parameter_1"], fields["parameter_2"]
    return {"data": registers.encode_register(row, **_VALUES[row.name](register, now, *chosen))}


def last_closed_shift(register: RegisterState) -> int:
    """Return the last four digits of the last closed shift's number."""
    return (register.shift_number - (register.shift_opened_at is not None)) % FOUR_DIGITS


def version_of(text: str) -> Fields:
    """Return ``major.minor.build`` as the fields of a version on the wire."""
    numbers = [*text.split("."), "0", "0"]
    return {
        "major": int(numbers[0]),
        "minor": int(numbers[1]),
        "language": 0,
        "build": numbers[2].zfill(4),
    }


def _shift_state(register: RegisterState, now: datetime, *_: int) -> Fields:
    opened_at = register.shift_opened_at
    ends_at = register.shift_closed_at if opened_at is None else opened_at + SHIFT_LIMIT
    return {
        "open": int(opened_at is not None),
        "ends_at": ends_at and register.shop.local(ends_at),
    }


def _receipt_state(register: RegisterState, now: datetime, *_: int) -> Fields:
    receipt = register.till.receipt
    return {
        "type": receipt.kind if receipt else 0,
        "state": 1 if receipt else 0,
        "receipt_number": register.till.receipt_number % FOUR_DIGITS,
        "document": register.drive.documents,
    }


def _receipt_sums(register: RegisterState, now: datetime, *_: int) -> Fields:
    receipt = register.till.receipt
    if receipt is None:
        return {"sum": 0, "rest": 0, "change": register.till.change}
    return {"sum": receipt.total, "rest": receipt.rest, "change": receipt.change}


def _last_receipt(register: RegisterState, now: datetime, *_: int) -> Fields:
    last = register.till.last_receipt or _receipts_before_host(register)
    return {
        "document": last.number,
        "type": last.receipt_type,
        "sum": last.total,
        "made_at": register.shop.local(last.made_at),
        "sign": last.sign,
    }


def _receipts_before_host(register: RegisterState) -> Document:
    """Return the drive's last document as a sale receipt when no host has made one."""
    drive = register.drive
    return Document(drive.documents, 3, drive.last_document_at, drive.last_sign, 1)


def _exchange_errors(register: RegisterState, now: datetime, *_: int) -> Fields:
    return {
        "network_error": register.network_error,
        "ofd_error": register.faults.ofd_error,
        "fiscal_drive_error": int(register.drive.error(now)),
        "document_number": register.drive.documents if register.network_error else 0,
        "fiscal_drive_command": 0,
    }


def _ffd(register: RegisterState, now: datetime, *_: int) -> Fields:
    code = FFD_CODES[ffd_version(register)]
    drive_code = FFD_CODES[MAKES[register.platform].ffd_version]
    return {"register": code, "fiscal_drive": max(code, drive_code), "rest": bytes(4)}


def _shift_documents(register: RegisterState, now: datetime, *_: int) -> Fields:
    return {"first": bytes(5), "count": register.till.shift_documents, "rest": b""}


def _temperature(register: RegisterState, now: datetime, *_: int) -> Fields:
    return {"degrees": HEAD_TEMPERATURE}


def _of_shift(total: TotalKind, name: str, by_type: bool = True) -> "Values":
    def value(register: RegisterState, now: datetime, kind: int, number: int) -> Fields:
        room = SUM_ROOM if name == "sum" else FOUR_DIGITS
        return {name: register.till.totals[total, kind if by_type else 0, 0] % room}

    return value


def _by_number(total: TotalKind) -> "Values":
    """Return a reader of a shift total chosen by receipt type and by payment or tax number."""

    def value(register: RegisterState, now: datetime, kind: int, number: int) -> Fields:
        return {"sum": register.till.totals[total, kind, number] % SUM_ROOM}

    return value


def _paid_ever(register: RegisterState, kind: int, payments: range | tuple[int, ...]) -> Fields:
    ever = register.till.lifetime_totals
    return {"sum": sum(ever[TotalKind.PAID, kind, payment] for payment in payments)}


def _shift_total(register: RegisterState, now: datetime, kind: int, _: int) -> Fields:
    return {"sum": register.till.paid(frozenset({kind}))}


def _revenue(register: RegisterState, now: datetime, *_: int) -> Fields:
    revenue = register.till.revenue()
    return {"negative": revenue < 0, "sum": abs(revenue) % SUM_ROOM}


def _discounts(register: RegisterState, now: datetime, kind: int, _: int) -> Fields:
    totals = register.till.totals
    return {
        "discounts": totals[TotalKind.DISCOUNT, kind, 0] % SUM_ROOM,
        "surcharges": totals[TotalKind.SURCHARGE, kind, 0] % SUM_ROOM,
    }


def _receipts(register: RegisterState, now: datetime, kind: int, _: int) -> Fields:
    totals = register.till.totals
    return {
        "count": totals[TotalKind.RECEIPTS, kind, 0],
        "cancelled": totals[TotalKind.CANCELLED_RECEIPTS, kind, 0],
    }


def _receipt_tax(register: RegisterState, now: datetime, tax: int, _: int) -> Fields:
    receipt = register.till.receipt
    return {"sum": taxes_of(receipt)[tax] if receipt else 0}


def _receipt_bytes(register: RegisterState, now: datetime, *_: int) -> Fields:
    receipt = register.till.receipt
    return {"bytes": sum(len(item.name) + 32 for item in receipt.items) if receipt else 0}


def _registration(register: RegisterState, now: datetime, *_: int) -> Fields:
    """Return taxation types, FFD version and registrations made, one byte each.

    How a real register packs them is not public.
    """
    ffd = FFD_CODES[ffd_version(register)]
    return {"data": bytes((register.taxation_types, ffd, register.drive.registrations_made))}


def _last_document(register: RegisterState, now: datetime, *_: int) -> Fields:
    drive = register.drive
    return {
        "document": drive.documents,
        "made_at": register.shop.local(drive.last_document_at),
        "sign": drive.last_sign,
    }


def _validity(register: RegisterState, now: datetime, *_: int) -> Fields:
    drive = register.drive
    return {
        "registrations_made": drive.registrations_made,
        "registrations_left": drive.registrations_left,
        "valid_until": drive.valid_until.date(),
    }


Values = Callable[[RegisterState, datetime, int, int], Fields]
# fmt: off
_VALUES: Final[Mapping[str, Values]] = {
    "registrations_sum": _of_shift(TotalKind.REGISTERED, "sum"),
    "payments_sum": _by_number(TotalKind.PAID),
    "cash_in_sum": _of_shift(TotalKind.CASH_IN, "sum", by_type=False),
    "cash_out_sum": _of_shift(TotalKind.CASH_OUT, "sum", by_type=False),
    "registrations_count": _of_shift(TotalKind.ITEMS, "count"),
    "cash_in_count": _of_shift(TotalKind.CASH_IN_COUNT, "count", by_type=False),
    "cash_out_count": _of_shift(TotalKind.CASH_OUT_COUNT, "count", by_type=False),
    "cash": lambda register, *_: {"sum": register.till.cash},
    "revenue": _revenue,
    "shift_total": _shift_total,
    "clock": lambda register, now, *_: {"clock": register.local_clock(now)},
    "shift_state": _shift_state,
    "receipt_state": _receipt_state,
    "receipt_sums": _receipt_sums,
    "last_closed_shift": lambda register, *_: {"shift": last_closed_shift(register)},
    "serial_number": lambda register, *_: {"serial_number": register.serial_number},
    "line_length": lambda *_: {"characters": LINE_CHARACTERS, "pixels": LINE_PIXELS},
    "fiscal_drive_validity": _validity,
    "registration_info": _registration,
    "cutter_cuts": lambda register, *_: {"count": register.cuts},
    "step_motor_resource": lambda register, *_: {"count": register.printed_cm // 100},
    "print_head_resource": lambda register, *_: {"count": register.printed_cm // 100},
    "control_unit_version": lambda register, *_: version_of(MAKES[register.platform].control_unit),
    "print_head_temperature": _temperature,
    "total": lambda register, _, kind, __: _paid_ever(register, kind, PAYMENTS),
    "discounts": _discounts,
    "last_exchange_errors": _exchange_errors,
    "unsent_documents": lambda register, *_: {"count": register.drive.unsent % SIX_DIGITS},
    "cancelled_sum": _of_shift(TotalKind.CANCELLED, "sum"),
    "last_registration": lambda register, *_: {
        "document": register.drive.registered_document,
        "made_at": register.shop.local(register.drive.registered_at),
    },
    "shift_registration": _registration,
    "last_receipt": _last_receipt,
    "last_document": _last_document,
    "fiscal_drive_shift": lambda register, *_: {
        "receipt": register.till.receipt_number % SIX_DIGITS,
        "shift": register.shift_number % SIX_DIGITS,
    },
    "ffd_versions": _ffd,
    "extended_error": lambda *_: {"command": bytes(2), "error": 0, "rest": bytes(4)},
    "total_by_payment": lambda register, _, kind, payment: _paid_ever(register, kind, (payment,)),
    "last_sent_at": lambda register, *_: {
        "sent_at": register.shop.local(register.ofd_last_contact_at)
    },
    "shift_documents": _shift_documents,
    "capabilities": _registration,
    "shift_tax": _by_number(TotalKind.TAX),
    "receipt_tax": _receipt_tax,
    "fiscal_drive_numbers": lambda register, *_: {"data": register.drive.number.encode("ascii")},
    "receipts_count": _receipts,
    "receipt_bytes": _receipt_bytes,
    "uptime": lambda register, now, *_: {"uptime_h": register.uptime_h(now)},
}
# fmt: on
