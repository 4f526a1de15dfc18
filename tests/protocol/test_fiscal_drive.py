"""The questions to a fiscal drive: each answer round-trips, foreign bytes are refused."""

from datetime import datetime
from typing import Any

import pytest

from protocol.errors import RemoteError
from protocol.fiscal_drive import BY_NAME, QUESTIONS, encode_answer, parse_answer

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
}


def test_every_question_has_an_example() -> None:
    assert set(ANSWERS) == set(BY_NAME)
    assert len({question.number for question in QUESTIONS}) == len(QUESTIONS)


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_round_trip(name: str) -> None:
    data, fields = ANSWERS[name]
    question = BY_NAME[name]
    assert parse_answer(question, bytes.fromhex(data)) == fields
    assert encode_answer(question, **fields).hex() == data


@pytest.mark.parametrize("name", ANSWERS)
def test_a_byte_more_or_less_is_refused(name: str) -> None:
    data = bytes.fromhex(ANSWERS[name][0])
    for wrong in (data[:-1], data + b"\0", b""):
        with pytest.raises(RemoteError):
            parse_answer(BY_NAME[name], wrong)


def test_a_date_that_is_none() -> None:
    empty = bytes.fromhex("0000000000000000" + "0000000000")
    assert parse_answer(BY_NAME["exchange"], empty)["first_unsent_at"] is None
    with pytest.raises(RemoteError):
        parse_answer(BY_NAME["validity"], bytes.fromhex("1b0d14" + "1c02"))
