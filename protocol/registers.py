# ruff: noqa: E501
"""TABLE of the values that `read_register` (91) returns (KKT-PC 3.3)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from construct import Byte, Construct, GreedyBytes, Int32ul

from protocol.errors import LocalError
from protocol.fields import Fields, bcd_calendar, bcd_digits, bcd_int, build, parse, whole

# Tag 1209 of the fiscal data format; register 36 uses the same numbers.
FFD_VERSIONS = {1: "1.0", 2: "1.05", 3: "1.1", 4: "1.2"}


@dataclass(frozen=True, slots=True, eq=False)
class Register:
    """`parameter_1` goes into the request; the answer's data is laid out as `layout`."""

    number: int
    name: str
    layout: Construct
    parameter_1: int = 0


_COUNT = whole("count" / Int32ul)

# fmt: off
REGISTERS: tuple[Register, ...] = (
    Register(0x11, "clock", whole("clock" / bcd_calendar(datetime, "day month year hour minute second"))),
    Register(0x15, "last_closed_shift", whole("shift" / bcd_int(2))),
    Register(0x16, "serial_number", whole("serial_number" / bcd_digits(7))),
    Register(0x1A, "fiscal_drive_validity", whole("registrations_made" / Byte, "registrations_left" / Byte, "valid_until" / bcd_calendar(date, "day month year"))),
    Register(0x21, "cutter_cuts", _COUNT, parameter_1=1),
    Register(0x22, "step_motor_resource", _COUNT, parameter_1=1),
    Register(0x23, "print_head_resource", _COUNT, parameter_1=1),
    Register(0x2B, "last_exchange_errors", whole("network_error" / Byte, "ofd_error" / Byte, "fiscal_drive_error" / Byte, "document_number" / bcd_int(5), "fiscal_drive_command" / Byte)),
    Register(0x2C, "unsent_documents", whole("count" / bcd_int(3))),
    Register(0x30, "last_registration", whole("document" / bcd_int(5), "made_at" / bcd_calendar(datetime, "day month year hour minute"))),
    Register(0x34, "last_document", whole("document" / bcd_int(5), "made_at" / bcd_calendar(datetime, "day month year hour minute"), "sign" / bcd_digits(5))),
    # More bytes may follow the two that are known.
    Register(0x36, "ffd_versions", whole("register" / Byte, "fiscal_drive" / Byte, "rest" / GreedyBytes)),
    Register(0x43, "uptime", whole("uptime_h" / bcd_int(5))),
)
# fmt: on

BY_NUMBER = {register.number: register for register in REGISTERS}
BY_NAME = {register.name: register for register in REGISTERS}


def register_named(name: str) -> Register:
    """The register of that name; LocalError if there is none."""
    if name not in BY_NAME:
        raise LocalError("unsupported", f"no register is called {name}")
    return BY_NAME[name]


def parse_register(register: Register, data: bytes) -> Fields:
    """The fields in an answer's data; RemoteError unless they fit exactly."""
    return parse(register.layout, data, f"register {register.name}")


def encode_register(register: Register, /, **fields: Any) -> bytes:
    """The data of an answer; LocalError for a field that cannot be sent."""
    return build(register.layout, fields, f"register {register.name}")
