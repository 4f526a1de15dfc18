"""How letters are worded and how long they wait."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.kit import smtp_url
from fleet.kit.config import FleetConfig
from fleet.kit.language import Language
from fleet.notifications.rules import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    MAX_REASON,
    pause_after,
    redact,
    render,
)
from fleet.notifications.templates import TEMPLATES, Wording


def names_in(wording: Wording) -> set[str]:
    texts = (wording.subject, *wording.paragraphs)
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("template", TEMPLATES)
def test_letters_use_the_same_parameters_in_both_languages(template: str) -> None:
    russian, english = (TEMPLATES[template][language] for language in Language)
    assert names_in(russian) == names_in(english)
    params = {name: f"<{name}>" for name in names_in(russian)}
    for language in Language:
        text = render(template, language, params)
        assert "\n" not in text.subject and text.plain and "<<" not in text.html
        for name in params:
            assert f"<{name}>" in text.subject + text.plain and f"<{name}>" not in text.html


def test_a_paragraph_with_an_empty_parameter_is_left_out() -> None:
    params = {"client": "ООО «Юг» (ИНН 7701)", "serial_numbers": "1, 2", "comment": ""}
    silent, told = (
        render("access_granted", Language.RU, {**params, "comment": comment}).plain
        for comment in ("", "Проверено")
    )
    assert "ООО «Юг»" in silent and "Комментарий" not in silent and "{" not in silent
    assert "Комментарий поддержки: Проверено" in told


def test_quotes_of_an_organisation_are_not_doubled() -> None:
    params = {"name": "Анна", "partner": "ООО «Сервис-Плюс»", "login": "anna", "link": "https://x"}
    text = render("invitation", Language.RU, params).plain
    assert "Организация ООО «Сервис-Плюс» открыла вам доступ" in text


def test_a_name_cannot_add_paragraphs() -> None:
    names = {
        "name": "Anna!\r\n\nPay\u2028here:\thttps://evil.example",
        "login": "a",
        "partner": "b",
    }
    text = render("invitation", Language.EN, {**names, "link": "https://cash.example/#x"})
    assert text.plain.split("\n\n")[0] == "Hello, Anna! Pay here: https://evil.example!"


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_pauses_grow_and_vary_randomly(attempts: int, jitter: float) -> None:
    pause = pause_after(attempts, jitter)
    assert FIRST_PAUSE * 0.5 <= pause <= LONGEST_PAUSE * 1.5
    assert pause <= pause_after(attempts + 1, jitter)


@given(st.text(), st.text(min_size=1))
def test_the_stored_reason_does_not_contain_the_link(said: str, token: str) -> None:
    link = f"https://cash.example/password#{token}"
    kept = redact(f"554 {link}{said}", {"link": link})
    assert link not in kept and len(kept) <= MAX_REASON and "\n" not in kept


GOOD = {
    "smtp://relay.example": ("", "relay.example", 587, False),
    "smtp://cash@mail.example:2525": ("cash", "mail.example", 2525, False),
    "smtps://cash%40example.org@mail.example": ("cash@example.org", "mail.example", 465, True),
}


@pytest.mark.parametrize("url", GOOD)
def test_a_mail_server_url_is_parsed(url: str) -> None:
    assert smtp_url.parse(url) == GOOD[url]
    assert FleetConfig(smtp=url).smtp == url


@pytest.mark.parametrize(
    "field",
    [
        {"smtp": "mail.example"},
        {"smtp": "smtp://"},
        {"smtp": "http://mail.example"},
        {"smtp": "smtp://cash:password@mail.example"},
        {"smtp": "smtp://mail.example:99999"},
        {"mail_from": "nobody"},
        {"mail_from": "a@b\r\nBcc: c@d"},
        {"mail_from": "a@b, c@d"},
        {"public_url": "cash.example"},
        {"public_url": "javascript:alert(1)"},
    ],
)
def test_an_invalid_mail_setting_stops_the_start(field: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(field))):
        FleetConfig.model_validate(field)


def test_a_mail_login_always_requires_encryption() -> None:
    for url, must in (
        ("smtp://cash@mail.example", True),
        ("smtp://mail.example", None),
        ("smtps://cash@mail.example", False),
        ("smtp://cash@127.0.0.1", None),
        ("smtp://cash@localhost", None),
    ):
        assert smtp_url.parse(url).must_start_tls is must


def test_links_in_letters_begin_with_the_public_url() -> None:
    assert (
        FleetConfig(public_url="https://cash.example/").links_begin_with == "https://cash.example"
    )
    assert FleetConfig(http="127.0.0.1:81").links_begin_with == "http://127.0.0.1:81"
