"""Commands: every entry round-trips, vectors hold, hostile bytes are refused."""

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.errors import LocalError, RemoteError
from protocol.kktpc.commands import (
    BY_CODE,
    BY_NAME,
    COMMANDS,
    Command,
    CommandFailed,
    encode_answer,
    encode_failure,
    encode_request,
    may_repeat,
    parse_answer,
    parse_request,
    split_password,
    with_password,
)
from protocol.kktpc.registers import internal_register_named, parse_register

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

ITEM: dict[str, Any] = {
    "flags": 0,
    "name": b"\x8c\xa0\xe1\xab\xae".ljust(64, b"\0"),
    "price": 12_345,
    "quantity": 1_500,
    "discount_type": 1,
    "discount_sign": 0,
    "discount": 100,
    "tax": 1,
    "section": 2,
    "barcode": bytes(16),
    "reserved": b"\0",
}
POSITION: dict[str, Any] = {
    "flags": 0,
    "price": 12_345,
    "quantity": 1_500,
    "cost": 18_518,
    "tax": 1,
    "tax_sum": 0,
    "section": 2,
    "item_kind": 1,
    "payment_method": 4,
    "discount_sign": 0,
    "discount": 0,
    "reserved": b"\0\0",
    "name": b"\x8c\xa0\xe1\xab\xae",
}
RECEIPT = {"flags": 0, "area": 0}

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
    "discount": ({**RECEIPT, "type": 1, "sign": 0, "sum": 100}, DONE),
    "close_receipt": ({"flags": 0, "payment": 1, "sum": 20_000}, DONE),
    "cancel_receipt": ({}, DONE),
    "print_footer": ({}, DONE),
    "open_receipt": ({"flags": 0, "type": 1}, DONE),
    "pay": ({"flags": 0, "payment": 2, "sum": 500}, {"rest": 9_500, "change": 0}),
    "receipt_tax": ({**RECEIPT, "tax": 1, "sum": 1_667}, DONE),
    "item": (ITEM, DONE),
    "begin_item": ({"flags": 1}, DONE),
    "end_item": (POSITION, DONE),
    "cash_in": ({"flags": 0, "sum": 10_000}, DONE),
    "cash_out": ({"flags": 0, "sum": 9_999_999_999}, DONE),
    "read_cash": ({}, {"sum": 12_345_678}),
    "read_last_shift": ({}, {"income": 1_000_000, "outcome": 1}),
    "close_shift": ({}, DONE),
    "print_report": ({"type": 9}, DONE),
    "open_shift": ({"flags": 0, "text": b""}, DONE),
    "beep": ({}, DONE),
    "print_string": ({"text": b"\x8f\xe0\xa8\xa2\xa5\xe2"}, DONE),
    "print_cliche": ({}, DONE),
    "cut": ({"partial": 1}, DONE),
    "read_picture_memory": ({"kind": 2}, {"free_bytes": 65_536, "last": 3}),
    "open_drawer": ({}, DONE),
    "print_demo": ({"printer": 1, "type": 6, "parameter": 0}, DONE),
    "sound": ({"divisor": 64_614, "time": 10}, DONE),
    "send_to_port": ({"port": 1, "data": b"hello"}, DONE),
    "read_picture": ({"number": 1}, {"width_bytes": 48, "height": 200, "state": 1}),
    "set_date": ({"date": date(2026, 11, 20)}, DONE),
    "set_clock": ({"clock": CLOCK}, DONE),
    "reset": ({}, DONE),
    "initialise_tables": ({}, DONE),
    "power": ({"function": 0x41}, DONE),
    "relay": ({"type": 0x20, "value": b"ECHO:hello"}, DONE),
    "ask_journal": ({"question": 9, "parameters": b"\x0a"}, {"data": b""}),
    "read_last_error": ({}, {"code": 0x67, "extended": 0}),
    "read_requisite": ({"tag": 1037, "block": 0}, {"blocks": 1, "data": b"\x0d\x04\0\0"}),
}
each_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))


def test_codes_and_names_are_unique() -> None:
    assert len(BY_CODE) == len(BY_NAME) == len(COMMANDS)
    assert set(EXAMPLES) == set(BY_NAME)


# KKT-PC 1.5, 3.1 and 3.2.
CODES = """3f 45 46 50 56 48 91 a5 9d 74 6d 73 a4 a6 a7 e8 e9 ea eb 92 4a 99 59 9a 5a 67 49 4f 4c 75
    6c 47 88 80 82 43 e6 b8 4d 58 b3 90 7d 8f 64 ed ce 6b 71 ef ec da"""


def test_every_command_of_the_specification_is_in_the_table() -> None:
    assert set(bytes.fromhex(CODES)) <= set(BY_CODE)
    assert {code for code in BY_CODE if code not in bytes.fromhex(CODES)} == {
        command.code for command in COMMANDS if "ours" in command.note and command.code != 0xEC
    }


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
REQUEST_VECTORS: list[tuple[str, str, dict[str, Any]]] = [
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
    ("49" + "00" + "0000010000", "cash_in", {"flags": 0, "sum": 10_000}),
    ("4c8fe0a8a2a5e22c20aca8e0", "print_string", {"text": "Привет, мир".encode("cp866")}),
    ("59", "cancel_receipt", {}),
    ("5a", "close_shift", {}),
    ("6701", "print_report", {"type": 1}),
    ("73", "print_footer", {}),
    ("7401", "read_protection_code", {"number": 1}),
    ("7d02", "read_picture_memory", {"kind": 2}),
    ("9001", "read_picture", {"number": 1}),
    ("920001", "open_receipt", {"flags": 0, "type": 1}),
    ("9a00", "open_shift", {"flags": 0, "text": b""}),
    ("a43500", "ask_fiscal_drive", {"question": 0x35, "parameters": b"\0"}),
    ("82010600", "print_demo", {"printer": 1, "type": 6, "parameter": 0}),
    ("ce00", "power", {"function": 0}),
    ("ce41", "power", {"function": 0x41}),
    ("da1001" + "01", "relay", {"type": 0x10, "value": b"\1"}),
    ("e90d0400", "read_requisite", {"tag": 1037, "block": 0}),
    ("ec030900", "firmware", {"function": 3, "body": {"blocks": 9}}),
    ("ec05", "firmware", {"function": 5, "body": {}}),
    ("ec00", "firmware", {"function": 0, "body": {}}),
    ("ed201126123500", "set_clock", {"clock": datetime(2026, 11, 20, 12, 35)}),
    (
        "ef090a080000007200000000000000000000",
        "ask_journal",
        {"question": 9, "parameters": bytes.fromhex("0a080000007200000000000000000000")},
    ),
]

# Laid out by public implementations, not seen on the wire.
PUBLISHED_LAYOUTS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "43" + "00" + "00" + "01" + "00" + "0000000100",
        "discount",
        {"flags": 0, "area": 0, "type": 1, "sign": 0, "sum": 100},
    ),
    ("4a" + "00" + "01" + "0000020000", "close_receipt", EXAMPLES["close_receipt"][0]),
    ("b8" + "00" + "00" + "01" + "00000000001667", "receipt_tax", EXAMPLES["receipt_tax"][0]),
    ("99" + "00" + "02" + "0000000500", "pay", EXAMPLES["pay"][0]),
    ("64" + "201126", "set_date", EXAMPLES["set_date"][0]),
    (
        "e6" + "00" + ITEM["name"].hex() + "000000012345" + "0000001500"
        "01" + "00" + "000000000100" + "01" + "02" + "00" * 16 + "00",
        "item",
        ITEM,
    ),
    (
        "eb" + "00" + "00000000012345" + "0000001500" + "00000000018518"
        "01"
        + "00000000000000"
        + "02"
        + "01"
        + "04"
        + "00"
        + "00000000000000"
        + "0000"
        + "8ca0e1abae",
        "end_item",
        POSITION,
    ),
]


@pytest.mark.parametrize(("data", "name", "fields"), REQUEST_VECTORS + PUBLISHED_LAYOUTS)
def test_requests_are_encoded_as_hosts_send_them(
    data: str, name: str, fields: dict[str, Any]
) -> None:
    assert encode_request(name, **fields).hex() == data
    assert parse_request(bytes.fromhex(data)) == (BY_NAME[name], fields)


def answer_to(name: str, data: str) -> Any:
    return parse_answer(BY_NAME[name], bytes.fromhex(data))


def test_answers_are_encoded_as_the_driver_reads_them() -> None:
    kind = answer_to("read_type", "0001013d000003000036 8980928e8b")
    assert (kind["model"], kind["name"], kind["build"]) == (61, "АТОЛ", "3689")
    version = answer_to("read_version", "5500 0300005652")
    assert "{major}.{minor}.{build}".format(**version) == "3.0.5652"
    cell = answer_to("read_table", "5500 736572766963652e61746f6c2e7275002f6b6b74" + "00" * 44)
    assert cell["value"] == b"service.atol.ru\0/kkt".ljust(64, b"\0")
    serial = answer_to("read_register", "5500 00106101234567")
    assert parse_register(internal_register_named("serial_number"), serial["data"]) == {
        "serial_number": "00106101234567"
    }


def test_the_state_answer_has_thirty_bytes() -> None:
    answer = encode_answer("read_state", **STATE)
    assert len(answer) == 30
    assert answer == bytes.fromhex(
        "44 30 01 261120123456 4f 01234567 3d 3330 01 0012 0345 00 1234567890 02 06"
    )


def test_the_reserved_byte_may_be_missing() -> None:
    assert answer_to("leave_mode", "5500") == {"reserved": None}


def test_answers_with_a_special_form_are_parsed() -> None:
    assert answer_to("read_cash", "4d 00000012345678") == {"sum": 12_345_678}
    assert answer_to("pay", "5500 0000009500 0000000000") == {"rest": 9_500, "change": 0}
    assert answer_to("read_last_error", "55 67 00") == {"code": 0x67, "extended": 0}
    assert answer_to("read_protection_code", "4c01") == {"entered": True}


def test_a_begin_with_an_incomplete_offer_is_refused() -> None:
    """A faulty offer is refused, not left out."""
    body = {"blocks": 9, **OFFER}
    for wrong in ({**body, "sha256": b""}, {"blocks": 9, "size": 1}, {}):
        with pytest.raises(LocalError):
            encode_request("firmware", function=3, body=wrong)


REPEATABLE = {
    "read_state",
    "read_state_code",
    "read_register",
    "read_version",
    "read_type",
    "read_last_error",
    "read_table",
    "leave_mode",
    "write_table",
    "enter_mode",
    "ask_fiscal_drive",
    "ask_journal",
    "read_cash",
    "read_last_shift",
    "beep",
    "sound",
    "read_picture_memory",
    "read_picture",
    "read_protection_code",
    "write_requisite",
    "read_requisite",
    "firmware_begin",
    "firmware_block",
    "firmware",
    "write_setting",
    "read_setting",
    "rotate_key",
    "print_receipts",
    "template_begin",
}


@each_command
def test_only_repeatable_commands_may_be_repeated(command: Command) -> None:
    """Never what signs, prints, moves money, restarts, writes a licence or sets the clock."""
    assert command.repeatable == (command.name in REPEATABLE)
    assert may_repeat(encode_request(command, **EXAMPLES[command.name][0])) == command.repeatable


@pytest.mark.parametrize(
    ("request_", "repeatable"),
    [
        ("ec030900", True),
        ("ec040000ff", True),
        ("ec05", True),
        ("ec00", False),
        ("a445 01000000", True),
        ("a446", False),
        ("a460", False),
        ("ef00", True),
        ("ef02", False),
        ("ef03", False),
        ("", False),
        ("ff", False),
        ("da0100", False),
    ],
)
def test_some_parameters_make_a_command_unrepeatable(request_: str, repeatable: bool) -> None:
    assert may_repeat(bytes.fromhex(request_)) is repeatable


# KKT-PC 1.4: the time-outs per command of public hosts, where they are not the usual ten.
TIMES_S = {
    0x4A: 20,
    0x59: 20,
    0x5A: 40,
    0x91: 45,
    0xA6: 50,
    0xA7: 20,
    0xE6: 50,
    0xEA: 50,
    0xEB: 50,
    **dict.fromkeys((0xA4, 0xD2, 0xD4, 0xEC), 30),  # longer than a public host needs
}


@each_command
def test_a_host_waits_as_long_as_public_hosts_do(command: Command) -> None:
    assert command.timeout_s == TIMES_S.get(command.code, 10)


def test_each_form_of_failure_is_parsed() -> None:
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
def test_malformed_answers_are_a_remote_error(name: str, data: str) -> None:
    with pytest.raises(RemoteError):
        answer_to(name, data)


@pytest.mark.parametrize(
    "data",
    ["", "00", "ff", "45 00", "46", "46 13 00 01", "4613000109 00", "50 13 00 01 09", "56 01"],
)
def test_malformed_requests_are_a_remote_error(data: str) -> None:
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
def test_impossible_requests_are_a_local_error(name: str, fields: dict[str, Any]) -> None:
    with pytest.raises(LocalError) as refusal:
        encode_request(name, **fields)
    assert "123456789" not in str(refusal.value)


def test_a_year_outside_the_century_cannot_be_sent() -> None:
    with pytest.raises(LocalError):
        encode_answer("read_state", **{**STATE, "clock": CLOCK.replace(year=1999)})


@each_command
@given(data=st.binary(max_size=40))
def test_hostile_answers_are_parsed_or_refused(command: Command, data: bytes) -> None:
    for answer in (data, command.success + data):
        try:
            parsed = parse_answer(command, answer)
        except RemoteError:
            continue
        assert isinstance(parsed, dict | CommandFailed)


@given(data=st.binary(max_size=40), code=st.sampled_from(sorted(BY_CODE)))
@example(data=b"", code=0x46)
def test_hostile_requests_round_trip_or_are_refused(data: bytes, code: int) -> None:
    for request in (data, bytes([code]) + data):
        try:
            command, fields = parse_request(request)
        except RemoteError:
            continue
        assert encode_request(command, **fields) == request


def test_the_password_precedes_the_command() -> None:
    assert with_password(b"\xa5").hex() == "0000a5"
    assert with_password(b"\xa5", "1234").hex() == "1234a5"
    assert split_password(bytes.fromhex("1234a5")) == ("1234", b"\xa5")


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x0a\x00\xa5"])
def test_a_malformed_password_is_a_remote_error(data: bytes) -> None:
    with pytest.raises(RemoteError):
        split_password(data)


@pytest.mark.parametrize("password", ["12345", "12a4", "-123"])
def test_an_impossible_password_is_a_local_error_that_hides_it(password: str) -> None:
    with pytest.raises(LocalError) as refusal:
        with_password(b"\xa5", password)
    assert password not in str(refusal.value)
