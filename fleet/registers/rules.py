"""Rules of serial numbers, verdicts and presence."""

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
"""Serial numbers in one request (ATOL Connect manual)."""

ONLINE_WITHIN = timedelta(minutes=30)
"""Called at least once in this time = online (ATOL Connect manual)."""

NEVER_SEEN = datetime(2000, 1, 1, tzinfo=UTC)
"""Where a register that never called stands among the moments of last calls."""
ONLINE_NOW = datetime(2099, 12, 31, tzinfo=UTC)
"""Where all the registers that are online stand: a moment that moves with every call would cost
a write of every call."""

OFFSETS_MIN = range(-12 * 60, 14 * 60 + 1)
"""From UTC, of all the places on Earth."""

MIN_SEARCH_LENGTH = 3
"""Characters: shorter texts have no trigram, so looking for them would read every register."""

WARNING_CONDITIONS = frozenset(
    {"fiscal_drive_warning", "unsent_documents", "battery_low", "shift_expired", "ofd_link_error"}
)
"""Broken conditions with which a register still sells."""

DAY = timedelta(days=1)
DRIVE_DOCUMENTS = 250_000
"""Documents that a fiscal drive has room for (help.atol.online, article 11253)."""
DRIVE_MONTHS = 13
LONGEST_DRIVE = timedelta(days=36 * 31)
"""No drive works longer: 36 months."""

_SERIAL_NUMBER = re.compile(r"001[0-9]{11}")


class RegisterPresence(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"
    NEVER = "never"
    """Has not called since it was enrolled."""


class Indicator(StrEnum):
    """The colour of a register in the compact list: what is worst about it."""

    GREY = "grey"
    """Has never called."""
    RED = "red"
    """Offline, or something is broken with which it cannot sell."""
    YELLOW = "yellow"
    """Something is broken that can wait."""
    GREEN = "green"


SerialVerdicts = Verdicts[str, str]
"""What became of the serial numbers of a request; refused ones stand as they were typed."""


def is_serial_number(text: str) -> bool:
    """Whether a register can be called this."""
    return _SERIAL_NUMBER.fullmatch(text) is not None


def read_serials(typed: Sequence[str]) -> tuple[list[str], list[RefusedItem[str]]]:
    """The good serial numbers in their order, each once, and a refusal for each of the others.

    A serial number is ``001``, three digits of the model, eight of the register.  Models that
    we do not know are taken: new ones appear.
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
    """Accept the ``serials`` that were found and refuse the others, and those that were unfit."""
    return judge_each(serials, lambda each: None if each in found else REGISTER_NOT_FOUND, unfit)


def model_code(serial_number: str) -> int:
    """ATOL's code of the model, digits 4 to 6 of a good serial number."""
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
    """What a register says of its time zone, if any place has that; what it says is unchecked."""
    return utc_offset_min if utc_offset_min in OFFSETS_MIN else None


class SearchedFields(Protocol):
    """What a register says of itself that people search for."""

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
    """What the search looks through: numbers and names of a register, a line for each."""

    numbers: str
    names: str


def search_texts(said: SearchedFields, installed_address: str = "") -> SearchTexts:
    """What is found of a register that stands where people say."""
    return SearchTexts(
        _join_lines(
            said.serial_number, said.registration_number, said.fiscal_drive_number, said.owner_inn
        ),
        _join_lines(said.owner_name, said.address, installed_address),
    )


def _join_lines(*parts: str) -> str:
    """Nobody types the end of a line into a search, so that nothing is found across two of them."""
    return fold_case("\n".join(filter(None, parts)))


@dataclass(frozen=True, slots=True)
class DriveUsage:
    """What a reading says of the fiscal drive.  Moments are None where the register has none."""

    at: datetime
    number: str
    documents: int
    activated_at: datetime | None
    until: datetime | None


def drive_usage(at: datetime, block_version: int, block: bytes) -> DriveUsage:
    """Return what a telemetry block says that was accepted at that moment."""
    return DriveUsage(at, *_OF_DRIVE(block_version, block))


_OF_DRIVE = excerpt(
    "fiscal_drive_number", "documents", "fiscal_drive_activated_at", "fiscal_drive_until"
)


def valid_until(drive: DriveUsage) -> datetime | None:
    """The end of its term: what the drive says, else 13 months after its activation (ATOL
    Connect manual, card of a register)."""
    if drive.until or drive.activated_at is None:
        return drive.until
    return _months_later(drive.activated_at, DRIVE_MONTHS)


def _months_later(moment: datetime, months: int) -> datetime:
    """The same day of a later month, or its last day where it has no such day."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


def documents_per_day(first: DriveUsage | None, latest: DriveUsage) -> float | None:
    """Documents that the drive took each day, on average.

    Between ``first``, the oldest reading that is kept, and the latest one; if they are less than
    a day apart, or of different drives, since the drive was activated; else unknown.
    """
    if first and first.number == latest.number and latest.at - first.at >= DAY:
        return max(0, latest.documents - first.documents) / ((latest.at - first.at) / DAY)
    if latest.activated_at and latest.at - latest.activated_at >= DAY:
        return latest.documents / ((latest.at - latest.activated_at) / DAY)
    return None


def full_at(latest: DriveUsage, per_day: float | None) -> datetime | None:
    """When the drive will take no more: its memory is full, or its term ends before that."""
    end = valid_until(latest)
    if not per_day:
        return end
    days_left = max(0, DRIVE_DOCUMENTS - latest.documents) / per_day
    if end is None and days_left > LONGEST_DRIVE.days:
        return None
    full = latest.at + DAY * min(LONGEST_DRIVE.days, days_left)
    return min(full, end) if end else full
