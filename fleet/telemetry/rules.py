# ruff: noqa: E501
"""Conditions that a reading shows as broken: one bit each, so that a change is one comparison."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from protocol.telemetry import BLOCK

BATTERY_LOW_MV: Final = 2300
"""A CR2032 battery below this voltage loses the clock."""

UNSENT_MANY: Final = 100
"""Number of unsent documents that means more than a slow link."""

PRINTER_FAULTS: Final = 0b0111_1111
"""All printer bits except «paper near end»."""

Values = Sequence[Any]
"""Values of a block as sent, in the order of ``protocol.telemetry.FIELDS``."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a register that can be broken; ``bit`` is stored, so it never changes."""

    name: str
    bit: int
    broken: Callable[[Values], bool]
    label_ru: str
    label_en: str


_DRIVE_ERROR = BLOCK.index("fiscal_drive_error")
_DRIVE_WARNINGS = BLOCK.index("fiscal_drive_warnings")
_NETWORK_ERROR = BLOCK.index("network_error")
_OFD_ERROR = BLOCK.index("ofd_error")
_UNSENT = BLOCK.index("unsent_documents")
_HARDWARE_ERROR = BLOCK.index("hardware_error")
_PRINTER = BLOCK.index("printer")
_BATTERY_MV = BLOCK.index("battery_mv")
_SHIFT_STATE = BLOCK.index("shift_state")
_SHIFT_EXPIRED = 2

# fmt: off
CONDITIONS: Final = (
    Condition("fiscal_drive_error", 0, lambda v: v[_DRIVE_ERROR] != 0, "Ошибка ФН", "Fiscal drive error"),
    Condition("fiscal_drive_warning", 1, lambda v: v[_DRIVE_WARNINGS] != 0, "Предупреждение ФН", "Fiscal drive warning"),
    Condition("ofd_link_error", 2, lambda v: v[_NETWORK_ERROR] != 0 or v[_OFD_ERROR] != 0, "Ошибка связи с ОФД", "OFD link error"),
    Condition("unsent_documents", 3, lambda v: v[_UNSENT] >= UNSENT_MANY, "Много неотправленных чеков", "Many unsent documents"),
    Condition("hardware_error", 4, lambda v: v[_HARDWARE_ERROR] != 0, "Ошибка оборудования", "Hardware error"),
    Condition("printer_fault", 5, lambda v: v[_PRINTER] & PRINTER_FAULTS != 0, "Неисправность принтера", "Printer fault"),
    Condition("battery_low", 6, lambda v: 0 < v[_BATTERY_MV] < BATTERY_LOW_MV, "Разряжена батарея RTC", "RTC battery low"),
    Condition("shift_expired", 7, lambda v: v[_SHIFT_STATE] == _SHIFT_EXPIRED, "Смена превысила 24 часа", "Shift is over 24 hours"),
)
# fmt: on

BY_NAME: Final = {condition.name: condition for condition in CONDITIONS}


def condition_mask(values: Values) -> int:
    """Return the mask of the conditions that these values show as broken."""
    mask = 0
    for condition in CONDITIONS:
        if condition.broken(values):
            mask |= 1 << condition.bit
    return mask


def broken_conditions(mask: int) -> tuple[str, ...]:
    """Return the names of the conditions in a mask."""
    return tuple(condition.name for condition in CONDITIONS if mask >> condition.bit & 1)
