"""The driver's words (KKT-PC 6.2) in those of our telemetry and of the wire.

What a service of another version may leave out or say otherwise is read as nothing said.
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
"""Register 36 and tag 1209."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The driver's word on one task; ``code`` 0 = done.  ``canceled``: it was never begun."""

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
"""Errors of the driver after which the same may be asked again later, or never."""

REGISTER_UNREACHABLE: Final = frozenset({1, 2, 3, 4, 241, 262})
"""The driver does not reach the register."""

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
"""An error that the register's byte has no number for."""


def part(told: Body, *names: str) -> Body:
    """An object inside objects; empty where there is none."""
    for name in names:
        found = told.get(name)
        told = found if isinstance(found, dict) else {}
    return told


def text(told: Body, name: str) -> str:
    """A text, or empty."""
    found = told.get(name)
    return found if isinstance(found, str) else ""


def number(told: Body, name: str) -> int:
    """A whole number not below 0, or 0."""
    found = told.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0


def flag(told: Body, name: str) -> bool:
    """True only where that is said."""
    return told.get(name) is True


def words(told: Body, name: str, known: Mapping[str, str]) -> list[str]:
    """Our words for a list of theirs; theirs that we do not know are left out."""
    found = told.get(name)
    return [known[each] for each in known if each in found] if isinstance(found, list) else []


def warnings(told: Body) -> list[str]:
    """Warnings of the fiscal drive that stand."""
    return [ours for theirs, ours in WARNINGS.items() if flag(told, theirs)]


def moment(told: Body, name: str) -> datetime | None:
    """An aware moment, or ``None``: the driver writes "never" as 1970, and a moment of the
    telemetry ends with 2105."""
    try:
        found = datetime.fromisoformat(text(told, name))
    except ValueError:
        return None
    if found.tzinfo is None or not 1970 < found.year < 2106:
        return None
    return found


def wall(told: Body, name: str) -> datetime | None:
    """The same by the register's own clock, which knows no zone."""
    found = moment(told, name)
    return found and found.replace(tzinfo=None)


def offset_minutes(found: datetime | None) -> int:
    """Minutes from UTC."""
    offset = found.utcoffset() if found else None
    return int((offset or timedelta()) / timedelta(minutes=1))


def first_fault(told: Sequence[TaskResult]) -> int:
    """The error of the first task that was not done, 0 if all were."""
    return next((each.code for each in told if each.code), 0)
