"""The questions to a fiscal drive: each answer round-trips, foreign bytes are refused."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import LocalError, RemoteError
from protocol.kktpc.commands import parse_request
from protocol.kktpc.fiscal_drive import (
    BY_NAME,
    QUESTIONS,
    DriveQuestion,
    encode_answer,
    encode_question,
    exchange_flags,
    parse_answer,
    parse_question,
)

WARNINGS = {
    "critical_error": False,
    "ofd_timeout": True,
    "memory_full": False,
    "resource_ending": False,
    "replace_urgently": True,
}
# name -> data of an answer (KKT-PC 3.4: little-endian numbers, binary dates), its fields
ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "exchange": (
        "00000300" + "2a000000" + "1a0114091e",
        {
            "status": 0,
            "reading": 0,
            "unsent_documents": 3,
            "first_unsent_document": 42,
            "first_unsent_at": datetime(2026, 1, 20, 9, 30),
        },
    ),
    "status": (
        "03000001" + "09" + "1a0114091e" + b"9999078900000001".hex() + "2b000000",
        {
            "phase": 3,
            "document": 0,
            "document_data": 0,
            "shift_open": 1,
            "warnings": WARNINGS,
            "last_document_at": datetime(2026, 1, 20, 9, 30),
            "number": "9999078900000001",
            "last_document": 43,
        },
    ),
    "validity": (
        "1b0614" + "1c02",
        {"valid_until": datetime(2027, 6, 20), "registrations_left": 28, "registrations_made": 2},
    ),
    "shift": ("01" + "5901" + "0c00", {"open": 1, "shift": 345, "receipt": 12}),
    "number": (b"9999078900000001".hex(), {"number": "9999078900000001"}),
    "version": (
        b"fn_v_1_1_2       "[:16].hex() + "01",
        {"version": "fn_v_1_1_2      ", "release": 1},
    ),
    "errors": ("02" + "0102", {"blocks": 2, "data": b"\1\2"}),
    "document": ("03" + "01" + "0102", {"type": 3, "confirmed": 1, "data": b"\1\2"}),
    "ticket": (
        "1a0114091e" + "11" * 18 + "2a000000",
        {"received_at": datetime(2026, 1, 20, 9, 30), "sign": b"\x11" * 18, "document": 42},
    ),
    "unconfirmed": ("0300", {"count": 3}),
    "registration": (
        "1a0114091e" + b"7709364346  ".hex() + b"0000000001012345    ".hex() + "21" + "02" + "0000",
        {
            "made_at": datetime(2026, 1, 20, 9, 30),
            "inn": "7709364346  ",
            "registration_number": "0000000001012345    ",
            "taxation_types": 0x21,
            "work_mode": 2,
            "rest": b"\0\0",
        },
    ),
    "read_document": ("0300" + "6400", {"type": 3, "length": 100}),
    "next_tlv": ("fa03" + "0400" + b"7709".hex(), {"tag": 1018, "value": b"7709"}),
}
OPEN_ENDED = {"errors", "document", "registration"}

# name -> request as hosts send it (KKT-PC 3.4), its parameters
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "shift": ("a410", {}),
    "exchange": ("a420", {}),
    "status": ("a430", {}),
    "number": ("a431", {}),
    "validity": ("a432", {}),
    "version": ("a433", {}),
    "errors": ("a43500", {"block": 0}),
    "document": ("a44000000000", {"document": 0}),
    "ticket": ("a44107000000", {"document": 7}),
    "unconfirmed": ("a442", {}),
    "registration": ("a44301", {"report": 1}),
    "read_document": ("a4452a000000", {"document": 42}),
    "next_tlv": ("a446", {}),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_questions_are_encoded_as_hosts_send_them(name: str) -> None:
    request, parameters = REQUESTS[name]
    assert encode_question(BY_NAME[name], **parameters).hex() == request
    command, fields = parse_request(bytes.fromhex(request))
    assert command.name == "ask_fiscal_drive"
    assert parse_question(fields) == (BY_NAME[name], parameters)


def test_the_registration_is_where_hosts_read_it() -> None:
    """KKT-PC 3.4: INN at 7..18, RNM at 19..38, tax systems at 39, mode at 40 of the answer."""
    answer = bytes.fromhex("5500" + ANSWERS["registration"][0])
    assert answer[7:19] == b"7709364346  "
    assert answer[19:39] == b"0000000001012345    "
    assert (answer[39], answer[40]) == (0x21, 2)


@pytest.mark.parametrize(
    "request_", ["a411", "a4", "a43001", "a435", "a440000000", "a4410000000000", "a443", "a44600"]
)
def test_impossible_questions_are_a_remote_error(request_: str) -> None:
    with pytest.raises(RemoteError):
        parse_question(parse_request(bytes.fromhex(request_))[1])


def test_impossible_parameters_are_a_local_error() -> None:
    for parameters in ({}, {"document": -1}, {"document": 1 << 32}, {"document": 1, "more": 2}):
        with pytest.raises(LocalError):
            encode_question(BY_NAME["document"], **parameters)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: str(question.name))
@given(data=st.binary(max_size=80))
def test_hostile_answers_round_trip_or_are_refused(question: DriveQuestion, data: bytes) -> None:
    try:
        fields = parse_answer(question, data)
    except RemoteError:
        return
    assert parse_answer(question, encode_answer(question, **fields)) == fields


@given(data=st.binary(max_size=20))
def test_hostile_questions_round_trip_or_are_refused(data: bytes) -> None:
    try:
        question, parameters = parse_question(parse_request(b"\xa4" + data)[1])
    except RemoteError:
        return
    assert encode_question(question, **parameters) == b"\xa4" + data


def test_each_bit_of_the_exchange_sets_its_flag() -> None:
    names = ["connected", "has_message", "waits_for_ticket", "ofd_command", "settings_changed"]
    for bit, name in enumerate([*names, "waits_for_answer"]):
        flags = exchange_flags(1 << bit)
        assert [set_ for set_, value in flags.items() if value] == [name]


def test_every_question_has_an_example() -> None:
    assert set(ANSWERS) == set(REQUESTS) == set(BY_NAME)
    assert len({question.number for question in QUESTIONS}) == len(QUESTIONS)


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_round_trip(name: str) -> None:
    data, fields = ANSWERS[name]
    question = BY_NAME[name]
    assert parse_answer(question, bytes.fromhex(data)) == fields
    assert encode_answer(question, **fields).hex() == data


@pytest.mark.parametrize("name", sorted(set(ANSWERS) - OPEN_ENDED))
def test_an_answer_of_another_length_is_refused(name: str) -> None:
    data = bytes.fromhex(ANSWERS[name][0])
    for wrong in (data[:-1], data + b"\0", b""):
        with pytest.raises(RemoteError):
            parse_answer(BY_NAME[name], wrong)


def test_an_empty_date_is_none_and_an_impossible_one_is_refused() -> None:
    empty = bytes.fromhex("0000000000000000" + "0000000000")
    assert parse_answer(BY_NAME["exchange"], empty)["first_unsent_at"] is None
    with pytest.raises(RemoteError):
        parse_answer(BY_NAME["validity"], bytes.fromhex("1b0d14" + "1c02"))
