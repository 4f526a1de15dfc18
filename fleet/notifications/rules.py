"""Rules of letters: composing a letter, and the time until a failed one is tried again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from enum import StrEnum
from html import escape
from types import MappingProxyType
from typing import NamedTuple

from fleet.kit.language import BilingualText, Language
from fleet.kit.wording import nest_quotes
from fleet.notifications.templates import LINK, TEMPLATES

LEASE = timedelta(minutes=5)
"""Longer than a worker may spend on a portion, so that only a dead worker's lease expires."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
MAX_REASON = 256
RETENTION = timedelta(days=30)
"""Time for which a letter is kept after its creation, once it was sent or given up."""


class GivingUpCause(StrEnum):
    """The reason why a letter was given up."""

    REFUSED = "refused"
    """The mail server will never accept it."""
    UNREADABLE = "unreadable"
    """It cannot be composed from its template, parameters and address."""
    TOO_LATE = "too_late"
    """It has waited too long for the mail server."""
    EXPIRED = "expired"
    """Its link has expired."""
    WITHDRAWN = "withdrawn"
    """Its link was replaced or used before it was sent."""


WAITING = BilingualText("Письмо ждёт отправки.", "The letter is waiting to be sent.")
FAILED_ONCE = BilingualText(
    "Последняя попытка отправить письмо не удалась, сервер повторит её сам.",
    "The last attempt to send the letter failed; the server will try again.",
)
SENT = BilingualText(
    "Письмо отправлено. Если его нет во входящих, проверьте адрес и папку «Спам».",
    "The mail server has accepted the letter. If it is not in the inbox, check the address and "
    "the spam folder.",
)
GIVEN_UP: Mapping[GivingUpCause, BilingualText] = MappingProxyType(
    {
        GivingUpCause.REFUSED: BilingualText(
            "Почтовый сервер не принял письмо. Проверьте адрес и отправьте письмо ещё раз.",
            "The mail server rejected the letter. Check the address and send the letter again.",
        ),
        GivingUpCause.UNREADABLE: BilingualText(
            "На этот адрес письмо отправить нельзя. Исправьте адрес и отправьте письмо ещё раз.",
            "A letter cannot be sent to this address. Correct it and send the letter again.",
        ),
        GivingUpCause.TOO_LATE: BilingualText(
            "Письмо не удалось отправить за отведённое время. Попросите администратора сервера "
            "проверить почту и отправьте письмо ещё раз.",
            "The letter could not be sent in time. Ask the server's administrator to check the "
            "mail, then send the letter again.",
        ),
        GivingUpCause.EXPIRED: BilingualText(
            "Письмо не удалось отправить, пока действовала ссылка в нём. Попросите "
            "администратора сервера проверить почту и отправьте письмо ещё раз.",
            "The letter was not sent before its link expired. Ask the server's administrator to "
            "check the mail, then send the letter again.",
        ),
        GivingUpCause.WITHDRAWN: BilingualText(
            "Письмо не отправлено: ссылка в нём больше не действует. Если она нужна, отправьте "
            "новую.",
            "The letter was not sent: its link is no longer valid. Send a new one if needed.",
        ),
    }
)


class LetterText(NamedTuple):
    """The text of a letter: its subject, and the same paragraphs as plain text and as HTML."""

    subject: str
    plain: str
    html: str


def render(template: str, language: Language, params: Mapping[str, str]) -> LetterText:
    """Return the text of a letter; raise ``KeyError`` for an unknown template or missing parameter.

    Line breaks in a parameter are removed, so that no name can add paragraphs to a letter.
    """
    wording = TEMPLATES[template][language]
    given = {name: " ".join(value.split()) for name, value in params.items()}
    empty = {f"{{{name}}}" for name, value in given.items() if not value}
    said = [each for each in wording.paragraphs if not any(mark in each for mark in empty)]
    plain = [nest_quotes(paragraph.format_map(given)) for paragraph in said]
    safe = {name: escape(value) for name, value in given.items()}
    html = [_in_html(paragraph, safe) for paragraph in said]
    subject = wording.subject.format_map(given)
    return LetterText(subject, "\n\n".join(plain) + "\n", "\n".join(html) + "\n")


def _in_html(paragraph: str, safe: Mapping[str, str]) -> str:
    text = nest_quotes(paragraph.format_map(safe))
    return f'<p><a href="{text}">{text}</a></p>' if paragraph == LINK else f"<p>{text}</p>"


def build_message(text: LetterText, sender: str, to: str, name: str, at: datetime) -> EmailMessage:
    """Return the message; raise ``ValueError`` or ``HeaderParseError`` for an invalid address.

    Its Message-ID is made from the letter's ``name``, so that a repetition can be recognised.
    """
    message = EmailMessage(policy=SMTP)
    origin = Address(addr_spec=sender)
    message["From"] = origin
    message["To"] = Address(addr_spec=to)
    message["Subject"] = text.subject
    message["Date"] = at
    message["Message-ID"] = f"<{name}@{origin.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text.plain, cte="base64")
    message.add_alternative(text.html, subtype="html", cte="base64")
    return message


def pause_after(attempts: int, jitter: float) -> timedelta:
    """Return the pause after so many failed attempts; ``jitter`` 0..1 varies it by ±50 %."""
    doubled: timedelta = min(FIRST_PAUSE * 2 ** min(attempts - 1, 16), LONGEST_PAUSE)
    return doubled * (0.5 + jitter)


def redact(reason: str, params: Mapping[str, str]) -> str:
    """Return a mail server's message without the link, which spam filters may quote."""
    link = params.get("link", "")
    for secret in (link, link.rpartition("#")[2]):
        if secret:
            reason = reason.replace(secret, "***")
    return " ".join(reason.split())[:MAX_REASON]
