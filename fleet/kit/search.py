"""How texts are looked for, and what is typed to find them."""

from typing import Annotated

from pydantic import StringConstraints

from fleet.kit.input import VISIBLE


def folded(text: str) -> str:
    """In small letters, as the databases agree on no letter case but ours; ё as е, as people
    write either for both."""
    return text.lower().replace("ё", "е")


Searched = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64, pattern=VISIBLE)]
"""What somebody looks for; the spaces that a copied text brings along do not count."""
