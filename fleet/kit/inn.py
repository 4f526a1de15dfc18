"""ИНН, the taxpayer's number, and its check digits."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from fleet.kit.validation import describe_pattern

_WEIGHTS: Final = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
"""The weights of the last check digit; the last but one is computed without the first weight."""


def is_person_inn(text: str) -> bool:
    """Tell whether the text is a person's ИНН: 12 digits, the last two of them check digits."""
    if len(text) != 12 or not (text.isascii() and text.isdecimal()):
        return False
    digits = [int(digit) for digit in text]
    return digits[10:] == [_check(digits, _WEIGHTS[1:]), _check(digits, _WEIGHTS)]


def is_inn(text: str) -> bool:
    """Tell whether the text is the ИНН of a person or of an organisation.

    The ИНН of an organisation has 10 digits, of which the last is a check digit.
    """
    if len(text) != 10 or not (text.isascii() and text.isdecimal()):
        return is_person_inn(text)
    digits = [int(digit) for digit in text]
    return digits[9] == _check(digits[:9], _WEIGHTS[2:])


def _check(digits: Sequence[int], weights: Sequence[int]) -> int:
    pairs = zip(weights, digits, strict=False)
    return sum(weight * digit for weight, digit in pairs) % 11 % 10


def _validate_person(text: str) -> str:
    if not is_person_inn(text):
        raise PydanticCustomError("inn", "a check digit is wrong")
    return text


PERSON_INN_PATTERN = describe_pattern(
    r"^[0-9]{12}$", "нужен ИНН физического лица — 12 цифр.", "must be a person's INN: 12 digits."
)
INN_PATTERN = describe_pattern(
    r"^([0-9]{10}|[0-9]{12})$",
    "нужен ИНН: 10 цифр у организации, 12 — у физического лица или ИП.",
    "must be an INN: 10 digits for an organisation, 12 for a person.",
)

PersonInn = Annotated[str, Field(pattern=PERSON_INN_PATTERN), AfterValidator(_validate_person)]
"""The ИНН of a person or a sole trader."""


def _validate_any(text: str) -> str:
    if not is_inn(text):
        raise PydanticCustomError("inn", "a check digit is wrong")
    return text


NamedInn = Annotated[str, Field(pattern=INN_PATTERN)]
"""An ИНН whose check digits are not checked: registers on trial report owners with wrong ones."""

Inn = Annotated[NamedInn, AfterValidator(_validate_any)]
"""The ИНН of an organisation or of a person."""
