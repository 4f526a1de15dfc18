"""Comparison of firmware versions by numbers, never by letters."""

import re

_NUMBER = re.compile("[0-9]+")


def numbers_of(version: str) -> tuple[int, ...]:
    """Return the numbers of ``5.8.14`` or ``5.4.3-rc4``; an empty tuple for an unknown version.

    >>> numbers_of("5.10.0") > numbers_of("5.8.14")
    True
    """
    return tuple(int(number) for number in _NUMBER.findall(version.partition("-")[0]))


def build_of(version: str) -> int:
    """Return the build of platform 2.5: the last number of ``3.0.3689`` or ``3689``; 0: unknown."""
    return numbers_of(version)[-1] if numbers_of(version) else 0
