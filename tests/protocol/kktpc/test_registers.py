"""Registers: every row round-trips, vectors hold, hostile bytes are refused."""

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import LocalError, RemoteError
from protocol.kktpc.commands import encode_request
from protocol.kktpc.registers import (
    BY_NAME,
    BY_NUMBER,
    FFD_VERSIONS,
    REGISTERS,
    InternalRegister,
    encode_register,
    internal_register_named,
    parse_register,
    request_fields,
)
from tests.protocol.vectors import VECTORS as VECTORS_OF_WIRE

CLOCK = datetime(2026, 11, 20, 12, 34, 56)
RAW = {"data": b"\x01\x02"}
AT_HALF_PAST_NINE = datetime(2026, 1, 20, 9, 30)

each_register = pytest.mark.parametrize("register", REGISTERS, ids=lambda entry: str(entry.name))

# name -> (data, fields)
VECTORS: dict[str, tuple[str, dict[str, Any]]] = {
    "clock": ("201126123456", {"clock": CLOCK}),
    "last_closed_shift": ("0345", {"shift": 345}),
    "serial_number": ("00106101234567", {"serial_number": "00106101234567"}),
    "fiscal_drive_validity": (
        "010b311227",
        {
            "registrations_made": 1,
            "registrations_left": 11,
            "valid_until": date(2027, 12, 31),
        },
    ),
    "cutter_cuts": ("10270000", {"count": 10000}),
    "step_motor_resource": ("01000000", {"count": 1}),
    "print_head_resource": ("00000001", {"count": 1 << 24}),
    "last_exchange_errors": (
        "010203000000123420",
        {
            "network_error": 1,
            "ofd_error": 2,
            "fiscal_drive_error": 3,
            "document_number": 1234,
            "fiscal_drive_command": 0x20,
        },
    ),
    "last_registration": (
        "0000000001200126" + "0930",
        {"document": 1, "made_at": AT_HALF_PAST_NINE},
    ),
    "last_document": (
        "0000000042200126" + "0930" + "0123456789",
        {"document": 42, "made_at": AT_HALF_PAST_NINE, "sign": "0123456789"},
    ),
    "unsent_documents": ("000017", {"count": 17}),
    "ffd_versions": ("020200", {"register": 2, "fiscal_drive": 2, "rest": b"\0"}),
    "uptime": ("0000012345", {"uptime_h": 12345}),
    "registrations_sum": ("000000123456", {"sum": 123_456}),
    "payments_sum": ("000000123456", {"sum": 123_456}),
    "cash_in_sum": ("000000010000", {"sum": 10_000}),
    "cash_out_sum": ("000000010000", {"sum": 10_000}),
    "registrations_count": ("0017", {"count": 17}),
    "cash_in_count": ("0001", {"count": 1}),
    "cash_out_count": ("0002", {"count": 2}),
    "cash": ("00000012345678", {"sum": 12_345_678}),
    "revenue": ("01" + "000000000100", {"negative": True, "sum": 100}),
    "shift_total": ("00000012345678", {"sum": 12_345_678}),
    "shift_state": ("01" + "201126123456", {"open": 1, "ends_at": CLOCK}),
    "receipt_state": (
        "0100" + "0012" + "00001234",
        {"type": 1, "state": 0, "receipt_number": 12, "document": 1234},
    ),
    "receipt_sums": (
        "0000010000" + "0000002500" + "0000000000",
        {"sum": 10_000, "rest": 2_500, "change": 0},
    ),
    "line_length": ("42" + "0576", {"characters": 42, "pixels": 576}),
    "registration_info": ("0102", RAW),
    "control_unit_version": (
        "03000056" + "52",
        {"major": 3, "minor": 0, "language": 0, "build": "5652"},
    ),
    "print_head_temperature": ("fb", {"degrees": -5}),
    "total": ("00000012345678", {"sum": 12_345_678}),
    "discounts": ("000000000100" + "000000000200", {"discounts": 100, "surcharges": 200}),
    "cancelled_sum": ("00000000000500", {"sum": 500}),
    "shift_registration": ("0102", RAW),
    "last_receipt": (
        "0000000042" + "01" + "00000000018518" + "2001260930" + "0123456789",
        {
            "document": 42,
            "type": 1,
            "sum": 18_518,
            "made_at": AT_HALF_PAST_NINE,
            "sign": "0123456789",
        },
    ),
    "fiscal_drive_shift": ("000012" + "000345", {"receipt": 12, "shift": 345}),
    "extended_error": (
        "ec03" + "0123" + "00000000",
        {"command": b"\xec\x03", "error": 0x123, "rest": bytes(4)},
    ),
    "total_by_payment": ("00000012345678", {"sum": 12_345_678}),
    "last_sent_at": ("201126123456", {"sent_at": CLOCK}),
    "shift_documents": (
        "0000000000" + "0000000017",
        {"first": bytes(5), "count": 17, "rest": b""},
    ),
    "capabilities": ("0102", RAW),
    "shift_tax": ("000000001667", {"sum": 1_667}),
    "receipt_tax": ("0000001667", {"sum": 1_667}),
    "fiscal_drive_numbers": ("0102", RAW),
    "receipts_count": ("0000000100" + "0000000001", {"count": 100, "cancelled": 1}),
    "receipt_bytes": ("0000000512", {"bytes": 512}),
}


def test_register_numbers_and_names_are_unique() -> None:
    assert len(BY_NUMBER) == len(BY_NAME) == len(REGISTERS)
    assert set(VECTORS) == set(BY_NAME)


@each_register
def test_registers_round_trip(register: InternalRegister) -> None:
    data, fields = VECTORS[register.name]
    assert parse_register(register, bytes.fromhex(data)) == fields
    assert encode_register(register, **fields).hex() == data


# KKT-PC 3.3.
NUMBERS = """01 03 04 05 06 08 09 0a 0b 0c 11 12 13 14 15 16 18 1a 1b 21 22 23 24 27 28 2a 2b 2c 2e
    30 32 33 34 35 36 37 38 39 3a 3b 3c 3d 40 41 42 43"""


def test_every_register_of_the_specification_is_in_the_table() -> None:
    assert set(BY_NUMBER) == set(bytes.fromhex(NUMBERS))


def test_every_register_that_the_driver_reads_is_in_the_table() -> None:
    asked = {vector.data[6] for vector in VECTORS_OF_WIRE if vector.data[5:6] == b"\x91"}
    assert len(asked) > 40 and asked <= set(BY_NUMBER)


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("serial_number", "91160000"),
        ("registrations_sum", "91010100"),
        ("payments_sum", "91030101"),
        ("shift_total", "910c0100"),
        ("shift_state", "91120001"),
        ("cutter_cuts", "91210100"),
        ("shift_tax", "913c0101"),
    ],
)
def test_registers_are_requested_with_their_parameters(name: str, request_: str) -> None:
    fields = request_fields(internal_register_named(name))
    assert encode_request("read_register", **fields).hex() == request_


def test_a_line_length_may_come_without_its_pixels() -> None:
    register = internal_register_named("line_length")
    assert parse_register(register, b"\x42") == {"characters": 42, "pixels": None}
    assert encode_register(register, characters=42, pixels=None) == b"\x42"
    for wrong in (b"\x42\x05", b"\x42\x05\x76\x00", b"\x42\x0a\x00"):
        with pytest.raises(RemoteError):
            parse_register(register, wrong)
    with pytest.raises(LocalError):
        encode_register(register, characters=42, pixels=10_000)


KNOWN = [register for register in REGISTERS if VECTORS[register.name][1] != RAW]


@pytest.mark.parametrize("register", KNOWN, ids=lambda entry: str(entry.name))
def test_short_values_are_a_remote_error(register: InternalRegister) -> None:
    least = 0 if len(VECTORS[register.name][0]) == 2 or register.name == "line_length" else 1
    with pytest.raises(RemoteError):
        parse_register(register, bytes.fromhex(VECTORS[register.name][0])[:least])


@each_register
@given(data=st.binary(max_size=12))
def test_hostile_values_round_trip_or_are_refused(register: InternalRegister, data: bytes) -> None:
    try:
        fields = parse_register(register, data)
    except RemoteError:
        return
    assert encode_register(register, **fields) == data


def test_an_empty_date_is_none() -> None:
    validity = parse_register(internal_register_named("fiscal_drive_validity"), bytes(5))
    assert validity["valid_until"] is None


def test_unknown_registers_are_a_local_error() -> None:
    with pytest.raises(LocalError):
        internal_register_named("serial")
    assert FFD_VERSIONS[2] == "1.05"
