"""Code pages: what can be said comes back, what cannot is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.kktpc.text import (
    CP866,
    INTERNAL,
    CodePage,
    TextError,
    cp866_to_internal,
    decode_cp866,
    decode_internal,
    encode_cp866,
    encode_internal,
)

PAGES = pytest.mark.parametrize("page", [INTERNAL, CP866], ids=lambda page: str(page.name))


def test_the_internal_code_page_is_the_published_one() -> None:
    assert encode_internal("АЯ 7№$ая€—Ёё") == bytes.fromhex("001f203724a0809fa1a2f0f1")


def test_cp866_decodes_a_recorded_name() -> None:
    assert decode_cp866(bytes.fromhex("80928e8b")) == "АТОЛ"
    assert encode_cp866("АТОЛ") == bytes.fromhex("80928e8b")


@PAGES
def test_every_character_has_one_code(page: CodePage) -> None:
    assert len(page.codes) == len(page.characters)
    text = "".join(page.characters.values())
    assert page.decode(page.encode(text)) == text


@PAGES
@pytest.mark.parametrize("text", ["日", "a\0", "\n", "\ud800", "\ufffd"])
def test_a_character_missing_in_a_code_page_is_refused(page: CodePage, text: str) -> None:
    with pytest.raises(TextError) as refusal:
        page.encode("ab" + text)
    assert refusal.value.code == "text"
    assert "position" in str(refusal.value)


@PAGES
@given(raw=st.binary(max_size=64))
def test_decoding_never_fails(page: CodePage, raw: bytes) -> None:
    assert len(page.decode(raw)) == len(raw)


@given(st.text(sorted(set(CP866.codes) & set(INTERNAL.codes)), max_size=64))
def test_a_written_text_is_read_back(text: str) -> None:
    assert decode_internal(cp866_to_internal(encode_cp866(text))) == text


def test_reading_back_keeps_padding_and_marks_the_impossible() -> None:
    assert cp866_to_internal(encode_cp866("я│") + b"\0\0") == bytes.fromhex("9f3f0000")
