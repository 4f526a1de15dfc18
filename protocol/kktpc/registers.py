# ruff: noqa: E501
"""TABLE of the values that `read_register` (91) returns (KKT-PC 3.3).

Sums are kopecks.  A row with the layout `_UNKNOWN` has contents that no source explains.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from construct import Byte, Bytes, Construct, GreedyBytes, Int8sb, Int16ub, Int32ul, Mapping

from protocol.errors import LocalError
from protocol.fields import (
    Fields,
    bcd_calendar,
    bcd_digits,
    bcd_int,
    bcd_int_or_none,
    build,
    parse,
    whole,
)
from protocol.kktpc.command_tables.parts import VERSION

# Tag 1209 of the fiscal data format; register 36 uses the same numbers.
FFD_VERSIONS = {1: "1.0", 2: "1.05", 3: "1.1", 4: "1.2"}


@dataclass(frozen=True, slots=True, eq=False)
class InternalRegister:
    """One register; `layout` is the layout of the answer's data.

    The two parameters go into the request: those of the row, unless `chosen_by` says what they
    choose (receipt types are `receipt_state` of command 3F, payments count from 1).
    """

    number: int
    name: str
    layout: Construct
    parameter_1: int = 0
    parameter_2: int = 0
    chosen_by: str = ""
    note: str = ""


_RECEIPT = "receipt type"
_AND_PAYMENT = "receipt type, payment"
_AND_TAX = "receipt type, tax"
_MOMENT = bcd_calendar(datetime, "day month year hour minute second")
_MINUTE = bcd_calendar(datetime, "day month year hour minute")
_COUNT = whole("count" / Int32ul)
_UNKNOWN = whole("data" / GreedyBytes)


def _number(name: str, length: int) -> Construct:
    return whole(name / bcd_int(length))


# fmt: off
REGISTERS: tuple[InternalRegister, ...] = (
    InternalRegister(0x01, "registrations_sum", _number("sum", 6), parameter_1=1, chosen_by=_RECEIPT),
    InternalRegister(0x03, "payments_sum", _number("sum", 6), parameter_1=1, parameter_2=1, chosen_by=_AND_PAYMENT),
    InternalRegister(0x04, "cash_in_sum", _number("sum", 6)),
    InternalRegister(0x05, "cash_out_sum", _number("sum", 6)),
    InternalRegister(0x06, "registrations_count", _number("count", 2), parameter_1=1, chosen_by=_RECEIPT),
    InternalRegister(0x08, "cash_in_count", _number("count", 2)),
    InternalRegister(0x09, "cash_out_count", _number("count", 2)),
    InternalRegister(0x0A, "cash", _number("sum", 7), note="in the drawer"),
    InternalRegister(0x0B, "revenue", whole("negative" / Mapping(Byte, {False: 0, True: 1}), "sum" / bcd_int(6)), note="the sign stands first; its values are inferred"),
    InternalRegister(0x0C, "shift_total", _number("sum", 7), parameter_1=1, chosen_by=_RECEIPT),
    InternalRegister(0x11, "clock", whole("clock" / _MOMENT)),
    InternalRegister(0x12, "shift_state", whole("open" / Byte, "ends_at" / _MOMENT), parameter_2=1, note="ends_at: 24 hours after the opening; of a closed shift, when it was closed"),
    InternalRegister(0x13, "receipt_state", whole("type" / Byte, "state" / Byte, "receipt_number" / bcd_int(2), "document" / bcd_int(4)), note="the second byte is inferred"),
    InternalRegister(0x14, "receipt_sums", whole("sum" / bcd_int(5), "rest" / bcd_int(5), "change" / bcd_int(5))),
    InternalRegister(0x15, "last_closed_shift", whole("shift" / bcd_int(2))),
    InternalRegister(0x16, "serial_number", whole("serial_number" / bcd_digits(7))),
    InternalRegister(0x18, "line_length", whole("characters" / bcd_int(1), "pixels" / bcd_int_or_none(2))),
    InternalRegister(0x1A, "fiscal_drive_validity", whole("registrations_made" / Byte, "registrations_left" / Byte, "valid_until" / bcd_calendar(date, "day month year"))),
    InternalRegister(0x1B, "registration_info", _UNKNOWN),
    InternalRegister(0x21, "cutter_cuts", _COUNT, parameter_1=1),
    InternalRegister(0x22, "step_motor_resource", _COUNT, parameter_1=1),
    InternalRegister(0x23, "print_head_resource", _COUNT, parameter_1=1),
    InternalRegister(0x24, "control_unit_version", whole(*VERSION), note="laid out as 9D: inferred"),
    InternalRegister(0x27, "print_head_temperature", whole("degrees" / Int8sb), note="Celsius in one byte: inferred"),
    InternalRegister(0x28, "total", _number("sum", 7), parameter_1=1, chosen_by=_RECEIPT, note="since the fiscal drive was registered; never nullified"),
    InternalRegister(0x2A, "discounts", whole("discounts" / bcd_int(6), "surcharges" / bcd_int(6)), parameter_1=1, chosen_by=_RECEIPT),
    InternalRegister(0x2B, "last_exchange_errors", whole("network_error" / Byte, "ofd_error" / Byte, "fiscal_drive_error" / Byte, "document_number" / bcd_int(5), "fiscal_drive_command" / Byte)),
    InternalRegister(0x2C, "unsent_documents", whole("count" / bcd_int(3))),
    InternalRegister(0x2E, "cancelled_sum", _number("sum", 7), parameter_1=1, chosen_by=_RECEIPT),
    InternalRegister(0x30, "last_registration", whole("document" / bcd_int(5), "made_at" / _MINUTE)),
    InternalRegister(0x32, "shift_registration", _UNKNOWN, note="asked after fiscal documents"),
    InternalRegister(0x33, "last_receipt", whole("document" / bcd_int(5), "type" / Byte, "sum" / bcd_int(7), "made_at" / _MINUTE, "sign" / bcd_digits(5))),
    InternalRegister(0x34, "last_document", whole("document" / bcd_int(5), "made_at" / _MINUTE, "sign" / bcd_digits(5))),
    InternalRegister(0x35, "fiscal_drive_shift", whole("receipt" / bcd_int(3), "shift" / bcd_int(3))),
    # More bytes may follow the two that are known.
    InternalRegister(0x36, "ffd_versions", whole("register" / Byte, "fiscal_drive" / Byte, "rest" / GreedyBytes)),
    InternalRegister(0x37, "extended_error", whole("command" / Bytes(2), "error" / Int16ub, "rest" / GreedyBytes), note="asked after result code EEh (hex)"),
    InternalRegister(0x38, "total_by_payment", _number("sum", 7), parameter_1=1, parameter_2=1, chosen_by=_AND_PAYMENT, note="never nullified"),
    InternalRegister(0x39, "last_sent_at", whole("sent_at" / _MOMENT), note="when a document last went to the OFD"),
    InternalRegister(0x3A, "shift_documents", whole("first" / Bytes(5), "count" / bcd_int(5), "rest" / GreedyBytes), note="what stands before the count is not known"),
    InternalRegister(0x3B, "capabilities", _UNKNOWN),
    InternalRegister(0x3C, "shift_tax", _number("sum", 6), parameter_1=1, parameter_2=1, chosen_by=_AND_TAX),
    InternalRegister(0x3D, "receipt_tax", _number("sum", 5), parameter_1=1, chosen_by="tax"),
    InternalRegister(0x40, "fiscal_drive_numbers", _UNKNOWN),
    InternalRegister(0x41, "receipts_count", whole("count" / bcd_int(5), "cancelled" / bcd_int(5)), parameter_1=1, chosen_by=_RECEIPT),
    InternalRegister(0x42, "receipt_bytes", _number("bytes", 5), note="room that the open receipt takes"),
    InternalRegister(0x43, "uptime", whole("uptime_h" / bcd_int(5))),
)
# fmt: on

BY_NUMBER = {register.number: register for register in REGISTERS}
BY_NAME = {register.name: register for register in REGISTERS}


def internal_register_named(name: str) -> InternalRegister:
    """Return the register of that name; raise LocalError if there is none."""
    if name not in BY_NAME:
        raise LocalError("unsupported", f"no register is called {name}")
    return BY_NAME[name]


def request_fields(register: InternalRegister) -> Fields:
    """Return the fields of a `read_register` with the row's parameters."""
    return {
        "register": register.number,
        "parameter_1": register.parameter_1,
        "parameter_2": register.parameter_2,
    }


def parse_register(register: InternalRegister, data: bytes) -> Fields:
    """Return the fields in an answer's data; raise RemoteError unless they fit exactly."""
    return parse(register.layout, data, f"register {register.name}")


def encode_register(register: InternalRegister, /, **fields: Any) -> bytes:
    """Return the data of an answer; raise LocalError for an invalid field."""
    return build(register.layout, fields, f"register {register.name}")
