"""Pure rules of clients."""

import re
from collections.abc import Iterable
from typing import Final

from fleet.kit.search import fold_case

SORT_KEY_LENGTH: Final = 64
"""Characters of a name that are enough to sort by and short enough for a page mark."""

MAX_EMAILS: Final = 10

_INN = re.compile(r"[0-9]{10}|[0-9]{12}")


def is_client(inn: str) -> bool:
    """Tell whether the owner's ИНН that a register reports has the form of one.

    Check digits are not verified: test fiscal drives have wrong ones, which are shown as they are.
    """
    return _INN.fullmatch(inn) is not None


def sort_key(name: str) -> str:
    return fold_case(name)[:SORT_KEY_LENGTH]


def search_text(parts: Iterable[str]) -> str:
    """Return a client's texts for the search, separated by line ends, which no search contains."""
    return fold_case("\n".join(part for part in parts if part))
