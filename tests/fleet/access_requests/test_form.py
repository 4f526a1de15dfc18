"""The consent form: the manual's words, and what is known filled in."""

import io

import pytest
from pypdf import PdfReader

from fleet.access_requests.form import CLAUSES, PREAMBLE, TITLE, Organisation, Owner, consent_form
from tests.fleet.conftest import START

PARTNER = Organisation("ООО «Сервис»", "7736050003", "000042")
CLIENT = Owner("7707083893", "ООО «Ёлочка»")


def words(pdf: bytes) -> str:
    """The text of all pages, whatever its lines are."""
    pages = PdfReader(io.BytesIO(pdf)).pages
    return " ".join(" ".join(page.extract_text().split()) for page in pages)


def test_form_has_the_text_of_the_manual() -> None:
    text = words(consent_form(PARTNER, CLIENT, START))
    known = {
        "name": CLIENT.name,
        "inn": CLIENT.inn,
        "person": "_" * 40,
        "basis": "_" * 30,
        "partner": PARTNER.name,
        "partner_inn": PARTNER.inn,
        "partner_code": PARTNER.code,
    }
    for paragraph in (*TITLE, PREAMBLE, *CLAUSES):
        assert " ".join(paragraph.format_map(known).split()) in text


def test_unknown_data_is_left_blank_on_the_form() -> None:
    text = words(consent_form(PARTNER._replace(inn=""), Owner(), START))
    assert f"{'_' * 60} (далее – Клиент), ИНН {'_' * 14}, в лице" in text
    assert f"(ИНН {'_' * 14}, КОД ОРГАНИЗАЦИИ* 000042)" in text


def test_form_is_one_a4_page_with_an_embedded_font() -> None:
    reader = PdfReader(io.BytesIO(consent_form(PARTNER, CLIENT, START)))
    (page,) = reader.pages
    assert [round(float(side) / 72 * 25.4) for side in page.mediabox.upper_right] == [210, 297]
    assert reader.metadata is not None and reader.metadata.creation_date == START
    for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
        inner = font.get_object()["/DescendantFonts"][0].get_object()
        assert "/FontFile2" in inner["/FontDescriptor"].get_object()


def test_character_missing_in_the_font_becomes_a_question_mark() -> None:
    text = words(consent_form(PARTNER, Owner("", "ООО «漢 Ёлки» ₽ 😀\u202e\x07"), START))
    assert "ООО «? Ёлки» ₽ ??? (далее – Клиент)" in text


@pytest.mark.parametrize("name", ["{inn}", "ж" * 5000, "😀 \x01 \n **x**", "A\tБ"])
def test_form_accepts_unusual_names(name: str) -> None:
    text = words(consent_form(PARTNER, Owner("", name), START))
    assert "6. Настоящее Согласие может быть отозвано" in text
