"""Normalisation of texts for search and sorting, and the type of a search text."""

from typing import Annotated

from pydantic import AfterValidator, Field

from fleet.kit.input import VISIBLE


def fold_case(text: str) -> str:
    """Return the text in lower case, with ё replaced by е.

    The case is folded here because the databases fold Cyrillic letters differently; ё is replaced
    because people write е for it.
    """
    return text.lower().replace("ё", "е")


def _trimmed(text: str) -> str:
    return text.strip(" \t\r\n\xa0")


MAX_SEARCH_LENGTH = 64
TRIMMED = AfterValidator(_trimmed)
"""A validator that strips the spaces around a copied text."""
SearchText = Annotated[str, Field(max_length=MAX_SEARCH_LENGTH, pattern=VISIBLE), TRIMMED]
"""A text to search for."""
