"""Rules of letters: how one is worded, and when a failed one is tried again."""

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
"""Longer than a worker may spend on its portion: only a worker that died lets it lapse."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
MAX_REASON = 256
RETENTION = timedelta(days=30)
"""A letter that was sent or given up is remembered so long."""


class GivingUpCause(StrEnum):
    """Why a letter was given up."""

    REFUSED = "refused"
    """The mail server will never take it."""
    UNREADABLE = "unreadable"
    """It cannot be put into words or headers."""
    TOO_LATE = "too_late"
    """It has waited for the mail server too long."""
    EXPIRED = "expired"
    """Its link works no more."""
    WITHDRAWN = "withdrawn"
    """Its link was replaced or used before it left."""


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
    """A letter in words: the same paragraphs in two forms."""

    subject: str
    plain: str
    html: str


def render(template: str, language: Language, params: Mapping[str, str]) -> LetterText:
    """The letter in words; ``KeyError`` for an unknown template or a parameter not given.

    A parameter stays on its line: no name makes paragraphs that look like ours.
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
    """The message; ``ValueError`` or ``HeaderParseError`` when an address fits no header.

    Its Message-ID is the letter's ``name``, so that a repetition is known for what it is.
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
    """How long a letter waits after so many failures; ``jitter`` 0..1 spreads it to ±50 %."""
    doubled: timedelta = min(FIRST_PAUSE * 2 ** min(attempts - 1, 16), LONGEST_PAUSE)
    return doubled * (0.5 + jitter)


def redact(reason: str, params: Mapping[str, str]) -> str:
    """What a mail server said, without the link: filters quote what they refuse."""
    link = params.get("link", "")
    for secret in (link, link.rpartition("#")[2]):
        if secret:
            reason = reason.replace(secret, "***")
    return " ".join(reason.split())[:MAX_REASON]
