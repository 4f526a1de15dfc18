"""How texts are looked for and sorted, and what is typed to find them."""

from typing import Annotated

from pydantic import AfterValidator, Field

from fleet.kit.input import VISIBLE


def fold_case(text: str) -> str:
    """In small letters, as the databases agree on no letter case but ours; ё as е, as people
    write either for both."""
    return text.lower().replace("ё", "е")


def _trimmed(text: str) -> str:
    return text.strip(" \t\r\n\xa0")


MAX_SEARCH_LENGTH = 64
TRIMMED = AfterValidator(_trimmed)
"""The spaces that a copied text brings along do not count."""
SearchText = Annotated[str, Field(max_length=MAX_SEARCH_LENGTH, pattern=VISIBLE), TRIMMED]
"""What somebody looks for."""
