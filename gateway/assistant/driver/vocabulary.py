"""Names of the driver (KKT-PC 6.2) and their equivalents in our telemetry and protocol.

A value that a service of another version omits or writes in another way counts as missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from protocol.conversation.messages import StepRefusal

Body = Mapping[str, Any]

TAXATION: Final = {
    "osn": "osn",
    "usnIncome": "usn_income",
    "usnIncomeOutcome": "usn_income_outcome",
    "envd": "envd",
    "esn": "esn",
    "patent": "patent",
}
CHANNELS: Final = {
    "usb": "eou",
    "ethernet": "ethernet",
    "wifi": "wifi",
    "gsm": "gsm",
    "proto": "eot",
    "tcpipOsStack": "os_stack",
}
PHASES: Final = {
    "init": "setup",
    "configured": "ready",
    "fiscalMode": "fiscal",
    "postFiscalMode": "post_fiscal",
    "accessArchive": "archive_read",
}
WARNINGS: Final = {
    "needReplacement": "replace_urgently",
    "resourceExhausted": "resource_ending",
    "memoryOverflow": "memory_full",
    "ofdTimeout": "ofd_timeout",
    "criticalError": "critical_error",
}
SHIFTS: Final = {"closed": "closed", "opened": "open", "expired": "expired"}
PORTS: Final = {"com": "rs232", "usb": "usb", "bluetooth": "bluetooth", "tcp": "ethernet"}
FFD_CODES: Final = {"1.0": 1, "1.05": 2, "1.1": 3, "1.2": 4}
"""Codes of register 36 and tag 1209."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """Result of one task of the driver.

    ``code`` is 0 if it is done; ``canceled`` means that it was never begun.
    """

    code: int
    result: Body
    canceled: bool = False


REFUSALS: Final[Mapping[int, StepRefusal]] = {
    11: StepRefusal.UNSUPPORTED,
    55: StepRefusal.BUSY,
    82: StepRefusal.BUSY,
    83: StepRefusal.SHIFT_OPEN,
    132: StepRefusal.LOW_BATTERY,
    139: StepRefusal.RECEIPTS_UNSENT,
    200: StepRefusal.BUSY,
    226: StepRefusal.BUSY,
}
"""Errors of the driver after which the task may be repeated later, or is unsupported."""

REGISTER_UNREACHABLE: Final = frozenset({1, 2, 3, 4, 241, 262})
"""Errors that mean that the driver does not reach the register."""

RESULT_CODES: Final[Mapping[int, int]] = {
    12: 0x66,
    13: 0x13,
    26: 0x13,
    27: 0x14,
    44: 0x67,
    71: 0x8C,
    104: 0xD2,
    116: 0xD3,
    117: 0xD4,
    118: 0xD5,
    119: 0xD6,
    120: 0xD7,
    121: 0xD8,
    122: 0xD9,
    123: 0xDA,
    133: 0xE7,
    134: 0xE8,
    135: 0xE9,
    136: 0xEA,
    137: 0xEB,
    138: 0xEC,
    140: 0xEF,
    141: 0xF0,
    142: 0xF1,
    161: 0x13,
    501: 0x13,
}
"""The register's result code for an error of the driver, by the texts of both lists."""

WRONG_VALUE: Final = 0x13
EXTENDED: Final = 0xEE
"""Result code for an error without its own code."""


def part(told: Body, *names: str) -> Body:
    """Return an object inside objects; empty if there is none."""
    for name in names:
        found = told.get(name)
        told = found if isinstance(found, dict) else {}
    return told


def text(told: Body, name: str) -> str:
    """Return a text, or an empty one if there is none."""
    found = told.get(name)
    return found if isinstance(found, str) else ""


def number(told: Body, name: str) -> int:
    """Return a whole number above 0, or 0 if there is none."""
    found = told.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0


def flag(told: Body, name: str) -> bool:
    """Return True only if the value is true."""
    return told.get(name) is True


def words(told: Body, name: str, known: Mapping[str, str]) -> list[str]:
    """Return our names for a list of the driver's names; unknown ones are omitted."""
    found = told.get(name)
    return [known[each] for each in known if each in found] if isinstance(found, list) else []


def warnings(told: Body) -> list[str]:
    """Return the active warnings of the fiscal drive."""
    return [ours for theirs, ours in WARNINGS.items() if flag(told, theirs)]


def moment(told: Body, name: str) -> datetime | None:
    """Return an aware time, or None.

    The driver writes "never" as 1970, and the telemetry's times end with 2105.
    """
    try:
        found = datetime.fromisoformat(text(told, name))
    except ValueError:
        return None
    if found.tzinfo is None or not 1970 < found.year < 2106:
        return None
    return found


def wall(told: Body, name: str) -> datetime | None:
    """Return the time as the register's local clock shows it (naive), or None."""
    found = moment(told, name)
    return found and found.replace(tzinfo=None)


def offset_minutes(found: datetime | None) -> int:
    """Return the offset from UTC in minutes; 0 without a time."""
    offset = found.utcoffset() if found else None
    return int((offset or timedelta()) / timedelta(minutes=1))


def first_fault(told: Sequence[TaskResult]) -> int:
    """Return the error of the first task that was not done; 0 if all were."""
    return next((each.code for each in told if each.code), 0)
