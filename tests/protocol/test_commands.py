"""Commands and registers: every entry round-trips, vectors hold, hostile bytes are refused."""

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.commands import (
    BY_CODE,
    BY_NAME,
    COMMANDS,
    Command,
    CommandFailed,
    encode_answer,
    encode_failure,
    encode_request,
    parse_answer,
    parse_request,
    split_password,
    with_password,
)
from protocol.errors import LocalError, RemoteError
from protocol.registers import BY_NAME as REGISTERS_BY_NAME
from protocol.registers import BY_NUMBER as REGISTERS_BY_NUMBER
from protocol.registers import (
    FFD_VERSIONS,
    REGISTERS,
    Register,
    encode_register,
    parse_register,
    register_named,
)

CLOCK = datetime(2026, 11, 20, 12, 34, 56)
VERSION = {"major": 3, "minor": 0, "language": 0, "build": "3689"}
STATE: dict[str, Any] = {
    "cashier": 30,
    "hall": 1,
    "clock": CLOCK,
    "flags": {
        "battery_low": False,
        "fiscal_drive_activated": True,
        "cover_open": False,
        "unused": 0,
        "paper_present": True,
        "drawer_closed": True,
        "shift_open": True,
        "fiscalised": True,
    },
    "short_serial": "01234567",
    "model": 61,
    "version": "30",
    "mode": {"submode": 0, "mode": 1},
    "receipt_number": 12,
    "last_closed_shift": 345,
    "receipt_state": 0,
    "receipt_sum": 1234567890,
    "decimal_point": 2,
    "port": 6,
}
STATE_CODE: dict[str, Any] = {
    "mode": {"submode": 2, "mode": 4},
    "flags": {
        "unused": 0,
        "paper_near_end": True,
        "printer_error": False,
        "overheated": False,
        "cutter_error": False,
        "mechanical_error": False,
        "printer_missing": False,
        "no_paper": True,
    },
}
CELL = {"table": 19, "row": 1, "field": 9}
DONE = {"reserved": 0}
OFFER = {
    "size": 2300,
    "sha256": bytes(range(32)),
    "signature": bytes(range(64)),
    "block_size": 256,
    "model": 61,
    "platform": 50,
    "version": "5.9.1",
}

# name -> fields of a request, fields of an answer
EXAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "read_state": ({}, STATE),
    "read_state_code": ({}, STATE_CODE),
    "read_table": (CELL, {"value": bytes(64)}),
    "leave_mode": ({}, DONE),
    "write_table": ({**CELL, "value": b"ks.atol.ru".ljust(64, b"\0")}, DONE),
    "enter_mode": ({"mode": 4, "password": "00000030"}, DONE),
    "read_register": (
        {"register": 0x21, "parameter_1": 1, "parameter_2": 0},
        {"data": b"\x01\x02\x03\x04"},
    ),
    "read_version": ({"source": 1}, VERSION),
    "read_type": (
        {},
        {"protocol": 1, "type": 1, "model": 61, "mode_bits": 0, **VERSION, "name": "АТОЛ"},
    ),
    "enter_protection_code": ({"number": 3, "code": bytes(range(1, 9))}, DONE),
    "read_protection_code": ({"number": 3}, {"entered": True}),
    "ask_fiscal_drive": ({"question": 0x31, "parameters": b""}, {"data": b"9999078900000001"}),
    "fiscalise": ({}, DONE),
    "close_archive": ({}, DONE),
    "write_licence": ({"kind": 1, "licence": b"licence"}, DONE),
    "rotate_key": ({"generation": 2, "key": bytes(32)}, DONE),
    "print_receipts": ({"enabled": False}, DONE),
    "write_requisite": (
        {"print": 1, "blocks": b"\x01", "block": b"\0", "tag": 1062, "value": b"\x21"},
        DONE,
    ),
    "write_setting": ({"number": 279, "value": bytes.fromhex("00000050")}, DONE),
    "read_setting": ({"number": 278}, {"value": b"ks.atol.ru"}),
    "template_begin": (
        {"kind": 1, "tape_width_mm": 57, "size": 65536, "sha256": bytes(range(32))},
        {"next": 3},
    ),
    "template_block": ({"number": 3, "data": b"\x00template"}, {"next": 4}),
    "template_apply": ({}, DONE),
    "firmware": ({"function": 3, "body": {"blocks": 9, **OFFER}}, {"reserved": 0, "next": 4}),
    "firmware_begin": (OFFER, {"next": 70_000}),
    "firmware_block": ({"number": 70_000, "data": b"block"}, DONE),
    "firmware_install": ({}, DONE),
}
each_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
each_register = pytest.mark.parametrize("register", REGISTERS, ids=lambda entry: str(entry.name))


def test_codes_and_names_are_unique() -> None:
    assert len(BY_CODE) == len(BY_NAME) == len(COMMANDS)
    assert set(EXAMPLES) == set(BY_NAME)


@each_command
def test_requests_round_trip(command: Command) -> None:
    fields = EXAMPLES[command.name][0]
    data = encode_request(command, **fields)
    assert data[0] == command.code
    assert encode_request(command.name, **fields) == data
    assert parse_request(data) == (command, fields)
    assert 0 < command.timeout_s <= 120 and command.note


@each_command
def test_answers_round_trip(command: Command) -> None:
    fields = EXAMPLES[command.name][1]
    assert parse_answer(command, encode_answer(command, **fields)) == fields


@each_command
def test_failures_round_trip(command: Command) -> None:
    if command.failure is None:
        with pytest.raises(LocalError):
            encode_failure(command, 0x66)
    else:
        answer = encode_failure(command, 0x66)
        assert parse_answer(command, answer) == CommandFailed(0x66)


@pytest.mark.parametrize("code", [0, -1, 256])
def test_a_failure_has_a_code(code: int) -> None:
    with pytest.raises(LocalError):
        encode_failure(BY_NAME["read_table"], code)


# Bodies of frames that the manufacturer's driver sent or accepted, without password and frame.
REQUEST_VECTORS = [
    ("a5", "read_type", {}),
    ("45", "read_state_code", {}),
    ("91160000", "read_register", {"register": 0x16, "parameter_1": 0, "parameter_2": 0}),
    ("91210100", "read_register", {"register": 0x21, "parameter_1": 1, "parameter_2": 0}),
    ("4613000109", "read_table", {"table": 19, "row": 1, "field": 9}),
    ("461300010a", "read_table", {"table": 19, "row": 1, "field": 10}),
    (
        "501300010a1f90",
        "write_table",
        {"table": 19, "row": 1, "field": 10, "value": (8080).to_bytes(2, "big")},
    ),
    (
        "50130001096b732e61746f6c2e7275" + "00" * 54,
        "write_table",
        {"table": 19, "row": 1, "field": 9, "value": b"ks.atol.ru" + bytes(54)},
    ),
    ("5602" + "00000030", "enter_mode", {"mode": 2, "password": "00000030"}),
    ("48", "leave_mode", {}),
    ("6d030102030405060708", "enter_protection_code", {"number": 3, "code": bytes(range(1, 9))}),
    (
        "e801010026040100" + "21",
        "write_requisite",
        {"print": 1, "blocks": b"\x01", "block": b"\0", "tag": 1062, "value": b"\x21"},
    ),
    ("a6", "fiscalise", {}),
    ("a7", "close_archive", {}),
    ("9d11", "read_version", {"source": 0x11}),
    ("3f", "read_state", {}),
]


@pytest.mark.parametrize(("data", "name", "fields"), REQUEST_VECTORS)
def test_requests_as_the_driver_sends_them(data: str, name: str, fields: dict[str, Any]) -> None:
    assert encode_request(name, **fields).hex() == data
    assert parse_request(bytes.fromhex(data)) == (BY_NAME[name], fields)


def answer_to(name: str, data: str) -> Any:
    return parse_answer(BY_NAME[name], bytes.fromhex(data))


def test_answers_as_the_driver_takes_them() -> None:
    kind = answer_to("read_type", "0001013d000003000036 8980928e8b")
    assert (kind["model"], kind["name"], kind["build"]) == (61, "АТОЛ", "3689")
    version = answer_to("read_version", "5500 0300005652")
    assert "{major}.{minor}.{build}".format(**version) == "3.0.5652"
    cell = answer_to("read_table", "5500 736572766963652e61746f6c2e7275002f6b6b74" + "00" * 44)
    assert cell["value"] == b"service.atol.ru\0/kkt".ljust(64, b"\0")
    serial = answer_to("read_register", "5500 00106101234567")
    assert parse_register(register_named("serial_number"), serial["data"]) == {
        "serial_number": "00106101234567"
    }


def test_the_state_answers_in_thirty_bytes() -> None:
    answer = encode_answer("read_state", **STATE)
    assert len(answer) == 30
    assert answer == bytes.fromhex(
        "44 30 01 261120123456 4f 01234567 3d 3330 01 0012 0345 00 1234567890 02 06"
    )


def test_the_reserved_byte_may_be_missing() -> None:
    assert answer_to("leave_mode", "5500") == {"reserved": None}


def test_each_way_to_fail() -> None:
    assert answer_to("write_table", "55 66 00") == CommandFailed(0x66)
    assert answer_to("read_register", "55 6c") == CommandFailed(0x6C)
    assert answer_to("read_state", "55 8c 00") == CommandFailed(0x8C)
    assert answer_to("read_type", "66") == CommandFailed(0x66)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("read_state", ""),
        ("read_state", "44"),
        ("read_state", "55"),
        ("read_state", "5500"),
        ("read_state_code", "550400 00"),
        ("read_table", "5500"),
        ("write_table", "55"),
        ("write_table", "55000000"),
        ("leave_mode", "a300"),
        ("read_version", "5500 03 00 00 56 5a"),
        ("read_version", "5500 03 00 00 56"),
        ("read_version", "5500 03 00 00 56 52 00"),
        ("read_type", "00 01 01 3d"),
        ("read_state", "44 3001261320123456 4f 01234567 3d 3330 01 0012 0345 00 1234567890 02 06"),
        ("read_state", "44 3001261120123456 4f 01234567 3d ff30 01 0012 0345 00 1234567890 02 06"),
    ],
)
def test_broken_answers_are_the_peer_s_fault(name: str, data: str) -> None:
    with pytest.raises(RemoteError):
        answer_to(name, data)


@pytest.mark.parametrize(
    "data",
    ["", "00", "ff", "45 00", "46", "46 13 00 01", "4613000109 00", "50 13 00 01 09", "56 01"],
)
def test_broken_requests_are_the_peer_s_fault(data: str) -> None:
    with pytest.raises(RemoteError):
        parse_request(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("read_tables", {}),
        ("read_table", {"table": 19, "row": 1}),
        ("read_table", {"table": 19, "row": 1, "field": 9, "rows": 1}),
        ("read_table", {"table": 19, "row": 65536, "field": 9}),
        ("read_table", {"table": "19", "row": 1, "field": 9}),
        ("write_table", {"table": 19, "row": 1, "field": 9, "value": b""}),
        ("write_table", {"table": 19, "row": 1, "field": 9, "value": None}),
        ("enter_mode", {"mode": 4, "password": "123456789"}),
        ("enter_mode", {"mode": 4, "password": "abc"}),
        ("enter_mode", {"mode": 4, "password": 30}),
        ("write_setting", {"number": -1, "value": b""}),
    ],
)
def test_impossible_requests_are_our_fault(name: str, fields: dict[str, Any]) -> None:
    with pytest.raises(LocalError) as refusal:
        encode_request(name, **fields)
    assert "123456789" not in str(refusal.value)


def test_a_year_outside_the_century_cannot_be_sent() -> None:
    with pytest.raises(LocalError):
        encode_answer("read_state", **{**STATE, "clock": CLOCK.replace(year=1999)})


@each_command
@given(data=st.binary(max_size=40))
def test_hostile_answers(command: Command, data: bytes) -> None:
    for answer in (data, command.success + data):
        try:
            parsed = parse_answer(command, answer)
        except RemoteError:
            continue
        assert isinstance(parsed, dict | CommandFailed)


@given(data=st.binary(max_size=40), code=st.sampled_from(sorted(BY_CODE)))
@example(data=b"", code=0x46)
def test_hostile_requests(data: bytes, code: int) -> None:
    for request in (data, bytes([code]) + data):
        try:
            command, fields = parse_request(request)
        except RemoteError:
            continue
        assert encode_request(command, **fields) == request


def test_the_password_stands_in_front() -> None:
    assert with_password(b"\xa5").hex() == "0000a5"
    assert with_password(b"\xa5", "1234").hex() == "1234a5"
    assert split_password(bytes.fromhex("1234a5")) == ("1234", b"\xa5")


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x0a\x00\xa5"])
def test_a_broken_password_is_the_peer_s_fault(data: bytes) -> None:
    with pytest.raises(RemoteError):
        split_password(data)


@pytest.mark.parametrize("password", ["12345", "12a4", "-123"])
def test_an_impossible_password_is_ours_and_stays_hidden(password: str) -> None:
    with pytest.raises(LocalError) as refusal:
        with_password(b"\xa5", password)
    assert password not in str(refusal.value)


# name -> (data, fields)
REGISTER_VECTORS: dict[str, tuple[str, dict[str, Any]]] = {
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
        {"document": 1, "made_at": datetime(2026, 1, 20, 9, 30)},
    ),
    "last_document": (
        "0000000042200126" + "0930" + "0123456789",
        {"document": 42, "made_at": datetime(2026, 1, 20, 9, 30), "sign": "0123456789"},
    ),
    "unsent_documents": ("000017", {"count": 17}),
    "ffd_versions": ("020200", {"register": 2, "fiscal_drive": 2, "rest": b"\0"}),
    "uptime": ("0000012345", {"uptime_h": 12345}),
}


def test_register_numbers_and_names_are_unique() -> None:
    assert len(REGISTERS_BY_NUMBER) == len(REGISTERS_BY_NAME) == len(REGISTERS)
    assert set(REGISTER_VECTORS) == set(REGISTERS_BY_NAME)


@each_register
def test_registers_round_trip(register: Register) -> None:
    data, fields = REGISTER_VECTORS[register.name]
    assert parse_register(register, bytes.fromhex(data)) == fields
    assert encode_register(register, **fields).hex() == data


@each_register
def test_short_registers_are_the_peer_s_fault(register: Register) -> None:
    with pytest.raises(RemoteError):
        parse_register(register, bytes.fromhex(REGISTER_VECTORS[register.name][0])[:1])


@each_register
@given(data=st.binary(max_size=12))
def test_hostile_registers(register: Register, data: bytes) -> None:
    try:
        fields = parse_register(register, data)
    except RemoteError:
        return
    assert encode_register(register, **fields) == data


def test_no_date_is_none() -> None:
    validity = parse_register(register_named("fiscal_drive_validity"), bytes(5))
    assert validity["valid_until"] is None


def test_unknown_registers_are_ours() -> None:
    with pytest.raises(LocalError):
        register_named("serial")
    assert FFD_VERSIONS[2] == "1.05"
