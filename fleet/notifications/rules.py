"""Rules of letters: how one is worded, and when a failed one is tried again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from html import escape
from typing import NamedTuple

from fleet.kit.language import Language
from fleet.notifications.templates import LINK, TEMPLATES

LEASE = timedelta(minutes=5)
"""Longer than a worker may spend on its portion: only a worker that died lets it lapse."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
MAX_REASON = 256
KEPT_FOR = timedelta(days=30)
"""A letter that was sent or given up is remembered so long."""


class Text(NamedTuple):
    """A letter in words: the same paragraphs in two forms."""

    subject: str
    plain: str
    html: str


def word(template: str, language: Language, params: Mapping[str, str]) -> Text:
    """The letter in words; ``KeyError`` for an unknown template or a parameter not given."""
    wording = TEMPLATES[template][language]
    plain = [paragraph.format_map(params) for paragraph in wording.paragraphs]
    safe = {name: escape(value) for name, value in params.items()}
    html = [_in_html(paragraph, safe) for paragraph in wording.paragraphs]
    subject = " ".join(wording.subject.format_map(params).split())
    return Text(subject, "\n\n".join(plain) + "\n", "\n".join(html) + "\n")


def _in_html(paragraph: str, safe: Mapping[str, str]) -> str:
    text = paragraph.format_map(safe)
    return f'<p><a href="{text}">{text}</a></p>' if paragraph == LINK else f"<p>{text}</p>"


def compose(text: Text, sender: str, to: str, name: str, at: datetime) -> EmailMessage:
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
