"""Rules of clients."""

import re
from collections.abc import Iterable
from typing import Final

from fleet.kit.search import fold_case

SORT_KEY_LENGTH: Final = 64
"""Enough to sort names by; a page mark holds it."""

MAX_EMAILS: Final = 10

_INN = re.compile(r"[0-9]{10}|[0-9]{12}")


def is_client(inn: str) -> bool:
    """Whether what a register says of its owner's ИНН names a client.

    Test drives carry numbers with wrong check digits; they are shown as they are.
    """
    return _INN.fullmatch(inn) is not None


def sort_key(name: str) -> str:
    return fold_case(name)[:SORT_KEY_LENGTH]


def search_text(parts: Iterable[str]) -> str:
    """Texts of a client as the search sees them; no search has a line end in it."""
    return fold_case("\n".join(part for part in parts if part))
