"""The two languages of the interface, and the choice between them."""

import re
from enum import StrEnum
from typing import NamedTuple

MAX_HEADER_LENGTH = 1024
"""Characters of ``Accept-Language`` that are read; browsers send fewer than 200."""

_RANGE = re.compile(r"\s*([A-Za-z*]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q\s*=\s*([0-9.]{1,5})\s*)?\Z")


class Language(StrEnum):
    """A language of the interface."""

    RU = "ru"
    EN = "en"


class BilingualText(NamedTuple):
    """One text in Russian and in English."""

    ru: str
    en: str

    def in_language(self, language: Language) -> str:
        return self.ru if language is Language.RU else self.en


def negotiate(accept_language: str, default: Language) -> Language:
    """Return the best match of an ``Accept-Language`` header (RFC 9110, 12.5.4), or ``default``.

    Invalid parts are skipped; among equal weights the first wins; ``q=0`` excludes a language.
    """
    best, best_weight = default, 0.0
    for part in accept_language[:MAX_HEADER_LENGTH].split(","):
        language, weight = _read_range(part, default)
        if language is not None and weight > best_weight:
            best, best_weight = language, weight
    return best


def _read_range(part: str, default: Language) -> tuple[Language | None, float]:
    match = _RANGE.match(part)
    if match is None:
        return None, 0.0
    name = default.value if match[1] == "*" else match[1].lower()
    try:
        return Language(name), min(float(match[2] or 1), 1.0)
    except ValueError:
        return None, 0.0
