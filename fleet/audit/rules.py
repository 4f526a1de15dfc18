"""Rules of the audit log: masking of secrets, and the text for its search."""

from collections.abc import Iterator, Mapping
from typing import Any

from fleet.kit.search import fold_case

SECRET_WORDS = frozenset({"password", "secret", "token", "hash", "key", "pin"})
"""Last words (after ``_``) of the names of fields that hold a secret."""
MASK = "***"


def mask_secrets(value: Any) -> Any:
    """Return ``value`` (JSON-like) with every secret replaced by ``MASK``, at any depth."""
    if isinstance(value, Mapping):
        return {
            name: MASK if _is_secret(name) and item else mask_secrets(item)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [mask_secrets(item) for item in value]
    return value


def _is_secret(name: str) -> bool:
    return name.lower().rpartition("_")[2] in SECRET_WORDS


def search_text(*parts: Any) -> str:
    """Return all texts, numbers and names inside ``parts`` (JSON-like, masked) for the search."""
    return fold_case(" ".join(_words(parts)))


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield str(name)
            yield from _words(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _words(item)
    elif value is not None and value != "":
        yield str(value)
