"""What comes in: strict bodies, storable values, moments, page marks."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr, ValidationError

from fleet.kit.errors import DomainError, ErrorKind, Refusal
from fleet.kit.input import VISIBLE, Input, Moment, SerialText, is_storable
from fleet.kit.language import BilingualText, Language
from fleet.kit.paging import PageQuery, page_of, read_cursor, to_cursor
from fleet.kit.validation import BROKEN_JSON, INVALID_INPUT, SENTENCES, refuse_input


class Thing(Input):
    number: int = 0
    yes: bool = False
    at: Moment | None = None
    choice: Language = Language.RU
    secret: SecretStr = SecretStr("")
    pin: SecretStr = Field(default=SecretStr(""), min_length=1, max_length=4)
    serial: SerialText = "00106900000001"
    few: dict[str, int] = Field(default={}, max_length=1)
    name: str = Field(default="x", pattern=VISIBLE)
    params: dict[str, Any] = {}


class Place(Input):
    number: int
    text: str


def refusal(body: bytes) -> DomainError:
    with pytest.raises(ValidationError) as caught:
        Thing.model_validate_json(body, strict=True)
    return refuse_input(caught.value)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"number": "5"}', "number"),
        (b'{"number": 5.0}', "number"),
        (b'{"number": true}', "number"),
        (b'{"number": 9223372036854775808}', "number"),
        (b'{"yes": 1}', "yes"),
        (b'{"at": 1767225600}', "at"),
        (b'{"at": "2026-03-02T09:00:00"}', "at"),
        (b'{"at": "1999-12-31T23:59:59Z"}', "at"),
        (b'{"at": "0001-01-01T00:00:00+14:00"}', "at"),
        (b'{"params": {"a": {"b": ["\\u0000"]}}}', "params"),
        (b'{"params": {"\\u0000": 1}}', "params"),
        (b'{"params": {"a": NaN}}', "params"),
        (b'{"params": {"a": -9223372036854775809}}', "params"),
        (b'{"no_such": 1}', "no_such"),
        (b"[]", "body"),
    ],
)
def test_bad_values_name_their_field(body: bytes, field: str) -> None:
    error = refusal(body)
    assert (error.refusal, error.field) == (INVALID_INPUT, field)
    assert [each.field for each in error.errors] == [field]
    for language in Language:
        assert field in error.message(language)


@pytest.mark.parametrize(
    ("body", "ru", "en"),
    [
        (b'{"pin": "12345"}', "не больше 4 символов", "at most 4 characters"),
        (b'{"pin": ""}', "не меньше 1 символа", "at least 1 character."),
        (b'{"choice": "de"}', "допустимые значения: ru, en.", "allowed values: ru, en."),
        (b'{"serial": "1"}', "14 цифр", "14 digits"),
        (b'{"few": {"a": 1, "b": 2}}', "получено больше", "got more"),
        (b'{"name": " "}', "видимый символ", "visible character"),
    ],
)
def test_validation_errors_are_sentences_for_people(body: bytes, ru: str, en: str) -> None:
    error = refusal(body)
    assert ru in error.message(Language.RU) and en in error.message(Language.EN)


def test_bilingual_parameters_use_the_language_of_the_sentence() -> None:
    role = Refusal(ErrorKind.FORBIDDEN, "x", ru="роль {role}", en="role {role}")
    words = BilingualText("инженер", "engineer")
    assert role.message(Language.RU, role=words) == "роль инженер"
    assert role.message(Language.EN, role=words) == "role engineer"


def test_broken_json_is_distinguished_from_invalid_values() -> None:
    error = refusal(b'{"number": ')
    assert error.refusal is BROKEN_JSON and "EOF" in error.message(Language.EN)
    assert "в строке 1, символ 11" in error.message(Language.RU)


def test_a_moment_is_converted_to_utc() -> None:
    thing = Thing.model_validate_json(b'{"at": "2026-03-02T12:00:00+03:00"}', strict=True)
    assert thing.at == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert thing.at is not None and thing.at.tzinfo is UTC


def test_strict_json_accepts_texts_for_choices_and_moments() -> None:
    thing = Thing.model_validate_json(b'{"choice": "en"}', strict=True)
    assert thing.choice is Language.EN
    assert refusal(b'{"choice": "de"}').errors[0].refusal.code == "wrong_choice"


def test_a_secret_is_validated_but_not_shown() -> None:
    error = refusal(b'{"secret": "top\\u0000secret"}')
    assert error.field == "secret" and "top" not in error.message(Language.EN)


def test_every_validation_sentence_exists_in_both_languages() -> None:
    for refusal in SENTENCES.values():
        assert refusal.ru and refusal.en and refusal.ru != refusal.en


@given(st.text())
def test_a_text_is_storable_when_utf8_can_hold_it_without_nul(text: str) -> None:
    try:
        fits = b"\0" not in text.encode()
    except UnicodeEncodeError:
        fits = False
    assert is_storable(text) == is_storable([{"a": text}]) == is_storable({text: 1}) == fits


def test_a_lone_surrogate_is_not_storable() -> None:
    assert not is_storable("\ud800") and not is_storable({"\udfff": 1})


@given(st.integers(), st.text())
def test_a_cursor_returns_its_position(number: int, text: str) -> None:
    if not is_storable(text) or not is_storable(number):
        return
    place = Place(number=number, text=text)
    assert read_cursor(Place, to_cursor(place)) == place


@given(st.text())
def test_an_invalid_cursor_is_refused(mark: str) -> None:
    with pytest.raises(DomainError, match="bad_cursor"):
        read_cursor(Place, mark)


def test_the_last_page_has_no_cursor() -> None:
    def mark(number: int) -> Place:
        return Place(number=number, text="")

    whole = page_of([1, 2], 2, str, mark)
    assert (whole.items, whole.next) == (["1", "2"], None)
    cut = page_of([1, 2, 3], 2, str, mark)
    assert cut.items == ["1", "2"] and cut.next
    assert read_cursor(Place, cut.next).number == 2
    assert page_of([], 2, str, mark).next is None


def test_a_page_has_at_most_500_items() -> None:
    assert PageQuery(limit=500).limit == 500
    with pytest.raises(ValidationError):
        PageQuery(limit=501)
