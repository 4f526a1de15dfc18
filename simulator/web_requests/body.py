"""Readers of a task's fields; an invalid field is the driver's error 501 with the field's name."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

from simulator.web_requests.failures import UNREADABLE, DriverFailure

Body = Mapping[str, Any]
T = TypeVar("T")

MAX_KOPECKS: Final = 10**10 - 1
"""The largest sum in five BCD bytes."""


def required(body: Body, name: str, kind: type[T]) -> T:
    """Return a required field."""
    if name not in body:
        raise DriverFailure(UNREADABLE, f'Поле "{name}" отсутствует')
    return _of(body[name], name, kind)


def optional(body: Body, name: str, kind: type[T], default: T) -> T:
    """Return an optional field, or the default."""
    return _of(body[name], name, kind) if name in body else default


def objects(body: Body, name: str) -> list[Body]:
    """Return a field that is a list of objects, at least one."""
    found = required(body, name, list)
    if not found or not all(isinstance(each, dict) for each in found):
        raise DriverFailure(UNREADABLE, f'Некорректное значение поля "{name}"')
    return found


def kopecks(body: Body, name: str) -> int:
    """Return a sum in kopecks from a JSON number of roubles with at most two decimals."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DriverFailure(UNREADABLE, f'Некорректное значение поля "{name}"')
    amount = Decimal(str(value)) * 100
    if not (amount.is_finite() and amount == int(amount) and 0 <= amount <= MAX_KOPECKS):
        raise DriverFailure(UNREADABLE, f'Некорректное значение поля "{name}"')
    return int(amount)


def roubles(amount: int) -> int | float:
    """Return the sum in roubles, as an integer if there are no kopecks."""
    return amount // 100 if amount % 100 == 0 else amount / 100


def _of(value: Any, name: str, kind: type[T]) -> T:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise DriverFailure(UNREADABLE, f'Некорректное значение поля "{name}"')
    return value
