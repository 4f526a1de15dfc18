"""Pure rules of registers: serial numbers, presence, search texts, term of the fiscal drive."""

import re
from calendar import monthrange
from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from fleet.kit.search import fold_case
from fleet.kit.verdicts import RefusedItem, Verdicts, judge_each
from fleet.registers.errors import REGISTER_NOT_FOUND, SERIAL_NUMBER_REPEATED, SERIAL_NUMBER_UNFIT
from protocol.telemetry import excerpt

MAX_REGISTERS = 500
"""Maximum number of serial numbers in one request (ATOL Connect manual)."""

ONLINE_WITHIN = timedelta(minutes=30)
"""Time since the last check-in in which a register is online (ATOL Connect manual)."""

NEVER_SEEN = datetime(2000, 1, 1, tzinfo=UTC)
"""Stored last check-in of a register that never connected."""
ONLINE_NOW = datetime(2099, 12, 31, tzinfo=UTC)
"""Stored last check-in of all online registers: the real moment would cost a write per check-in."""

OFFSETS_MIN = range(-12 * 60, 14 * 60 + 1)
"""Offsets from UTC in minutes that exist on Earth."""

MIN_SEARCH_LENGTH = 3
"""Minimum length of a search: a shorter text has no trigram and would read every register."""

WARNING_CONDITIONS = frozenset(
    {"fiscal_drive_warning", "unsent_documents", "battery_low", "shift_expired", "ofd_link_error"}
)
"""Broken conditions with which a register can still sell."""

DAY = timedelta(days=1)
DRIVE_DOCUMENTS = 250_000
"""Capacity of a fiscal drive in documents (help.atol.online, article 11253)."""
DRIVE_MONTHS = 13
LONGEST_DRIVE = timedelta(days=36 * 31)
"""Longest term of a fiscal drive: 36 months."""

_SERIAL_NUMBER = re.compile(r"001[0-9]{11}")


class RegisterPresence(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"
    NEVER = "never"
    """No check-in since it was enrolled."""


class Indicator(StrEnum):
    """Colour of a register in the compact list, by its worst condition."""

    GREY = "grey"
    """Never connected."""
    RED = "red"
    """Offline, or a condition is broken with which it cannot sell."""
    YELLOW = "yellow"
    """A condition is broken that can wait."""
    GREEN = "green"


SerialVerdicts = Verdicts[str, str]
"""Verdicts for the serial numbers of a request; refused ones are stored as typed."""


def is_serial_number(text: str) -> bool:
    """Tell whether the text has the form of a serial number."""
    return _SERIAL_NUMBER.fullmatch(text) is not None


def read_serials(typed: Sequence[str]) -> tuple[list[str], list[RefusedItem[str]]]:
    """Return the valid serial numbers in order without repetition, and refusals of the others.

    A serial number is ``001``, three digits of the model and eight of the register.  Unknown models
    are accepted: new ones appear.
    """
    good: dict[str, None] = {}
    refused = []
    for text in typed:
        serial = text.strip()
        if not is_serial_number(serial):
            refused.append(RefusedItem(text, SERIAL_NUMBER_UNFIT))
        elif serial in good:
            refused.append(RefusedItem(text, SERIAL_NUMBER_REPEATED))
        else:
            good[serial] = None
    return list(good), refused


def found_or_refused(
    serials: Sequence[str], found: Container[str], unfit: Sequence[RefusedItem[str]]
) -> SerialVerdicts:
    """Accept the ``serials`` that were found; refuse the others and those that were unfit."""
    return judge_each(serials, lambda each: None if each in found else REGISTER_NOT_FOUND, unfit)


def model_code(serial_number: str) -> int:
    """Return ATOL's code of the model, digits 4 to 6 of a valid serial number."""
    return int(serial_number[3:6])


def presence(seen_at: datetime | None, now: datetime) -> RegisterPresence:
    if seen_at is None:
        return RegisterPresence.NEVER
    return RegisterPresence.ONLINE if seen_at > now - ONLINE_WITHIN else RegisterPresence.OFFLINE


def indicator(status: RegisterPresence, conditions: Collection[str]) -> Indicator:
    if status is RegisterPresence.NEVER:
        return Indicator.GREY
    if status is RegisterPresence.OFFLINE or not WARNING_CONDITIONS.issuperset(conditions):
        return Indicator.RED
    return Indicator.YELLOW if conditions else Indicator.GREEN


def known_offset(utc_offset_min: int | None) -> int | None:
    """Return the reported offset from UTC, None if no place has it; registers report anything."""
    return utc_offset_min if utc_offset_min in OFFSETS_MIN else None


class SearchedFields(Protocol):
    """Data of a register that people search for."""

    @property
    def serial_number(self) -> str: ...
    @property
    def registration_number(self) -> str: ...
    @property
    def fiscal_drive_number(self) -> str: ...
    @property
    def owner_inn(self) -> str: ...
    @property
    def owner_name(self) -> str: ...
    @property
    def address(self) -> str: ...


class SearchTexts(NamedTuple):
    """Searched texts of a register: its numbers and its names, one per line."""

    numbers: str
    names: str


def search_texts(said: SearchedFields, installed_address: str = "") -> SearchTexts:
    """Return the searched texts of a register with this address set by people."""
    return SearchTexts(
        _join_lines(
            said.serial_number, said.registration_number, said.fiscal_drive_number, said.owner_inn
        ),
        _join_lines(said.owner_name, said.address, installed_address),
    )


def _join_lines(*parts: str) -> str:
    """Join with line ends, which no search contains, so no match spans two texts."""
    return fold_case("\n".join(filter(None, parts)))


@dataclass(frozen=True, slots=True)
class DriveUsage:
    """Data of the fiscal drive in a reading; moments are None if the register reports none."""

    at: datetime
    number: str
    documents: int
    activated_at: datetime | None
    until: datetime | None


def drive_usage(at: datetime, block_version: int, block: bytes) -> DriveUsage:
    """Return the fiscal drive's data from a telemetry block that was accepted at this moment."""
    return DriveUsage(at, *_OF_DRIVE(block_version, block))


_OF_DRIVE = excerpt(
    "fiscal_drive_number", "documents", "fiscal_drive_activated_at", "fiscal_drive_until"
)


def valid_until(drive: DriveUsage) -> datetime | None:
    """Return the end of the drive's term: the reported one, else 13 months after its activation.

    The 13 months are from the ATOL Connect manual, card of a register.
    """
    if drive.until or drive.activated_at is None:
        return drive.until
    return _months_later(drive.activated_at, DRIVE_MONTHS)


def _months_later(moment: datetime, months: int) -> datetime:
    """Return the same day of a later month, or its last day if it is shorter."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def documents_per_day(first: DriveUsage | None, latest: DriveUsage) -> float | None:
    """Return the average number of documents per day, None if unknown.

    It is taken between ``first``, the oldest stored reading, and the latest one.  If they are less
    than a day apart or of different drives, it is taken since the drive's activation.
    """
    if first and first.number == latest.number and latest.at - first.at >= DAY:
        return max(0, latest.documents - first.documents) / ((latest.at - first.at) / DAY)
    if latest.activated_at and latest.at - latest.activated_at >= DAY:
        return latest.documents / ((latest.at - latest.activated_at) / DAY)
    return None


def full_at(latest: DriveUsage, per_day: float | None) -> datetime | None:
    """Return when the drive's memory will be full or its term ends, whichever is first."""
    end = valid_until(latest)
    if not per_day:
        return end
    days_left = max(0, DRIVE_DOCUMENTS - latest.documents) / per_day
    if end is None and days_left > LONGEST_DRIVE.days:
        return None
    full = latest.at + DAY * min(LONGEST_DRIVE.days, days_left)
    return min(full, end) if end else full
