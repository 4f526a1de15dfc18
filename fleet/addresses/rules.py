"""Rules of addresses: "city, street, house" as people type it."""

from typing import Final, NamedTuple

from fleet.kit.search import folded

MAX_LENGTH: Final = 256
SORT_KEY_LENGTH: Final = 64


class Texts(NamedTuple):
    """An address as it is kept: shown, searched, sorted by."""

    text: str
    search_text: str
    sort_key: str


def texts(typed: str) -> Texts:
    """Spaces are one each and none at the ends, so that a place is not in the book twice."""
    text = tidy(typed)
    return Texts(text, text.lower(), folded(text)[:SORT_KEY_LENGTH])


def tidy(typed: str) -> str:
    return " ".join(typed.split())
