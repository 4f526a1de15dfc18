"""Comparing versions of firmware: by numbers, never by letters."""

import re

_NUMBER = re.compile("[0-9]+")


def numbers_of(version: str) -> tuple[int, ...]:
    """The numbers of ``5.8.14`` or ``5.4.3-rc4``; none of an unknown version.

    >>> numbers_of("5.10.0") > numbers_of("5.8.14")
    True
    """
    return tuple(int(number) for number in _NUMBER.findall(version.partition("-")[0]))


def build_of(version: str) -> int:
    """The build of platform 2.5: the last number of ``3.0.3689`` or ``3689``; 0 if unknown."""
    return numbers_of(version)[-1] if numbers_of(version) else 0
