"""Every result code speaks both languages."""

import re

import pytest

from protocol.kktpc.result_codes import RESULT_CODES, describe


@pytest.mark.parametrize("code", RESULT_CODES)
def test_each_code_has_both_texts(code: int) -> None:
    assert 0 <= code <= 0xFF
    assert re.search("[А-Яа-я]", describe(code, "ru"))
    english = describe(code, "en")
    assert english and not re.search("[А-Яа-я]", english)


def test_known_codes_have_the_published_texts() -> None:
    assert len(RESULT_CODES) == 144
    assert describe(0, "en") == "No error"
    assert describe(0x9C, "ru") == "Смена открыта, операция невозможна"
    assert describe(0x93, "en") == "Invalid field number"


def test_an_unknown_code_is_named_by_its_number() -> None:
    assert describe(0x5A, "ru") == "Неизвестный код результата 5Ah"
    assert describe(0x5A, "en") == "Unknown result code 5Ah"
