"""Pure rules of addresses: "city, street, house" as people type it."""

from typing import Final, NamedTuple

from fleet.kit.search import fold_case

MAX_LENGTH: Final = 256
SORT_KEY_LENGTH: Final = 64


class AddressTexts(NamedTuple):
    """Texts of an address: displayed, searched, sorted by."""

    text: str
    search_text: str
    sort_key: str


def address_texts(typed: str) -> AddressTexts:
    """Return the texts of an address; single spaces only, so that the book has no address twice."""
    text = normalise_spaces(typed)
    return AddressTexts(text, text.lower(), fold_case(text)[:SORT_KEY_LENGTH])


def normalise_spaces(typed: str) -> str:
    return " ".join(typed.split())
