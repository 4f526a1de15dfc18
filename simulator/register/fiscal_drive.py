"""A simulated fiscal drive: its life phases, documents, and documents not yet taken by the OFD."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Final
from zlib import crc32

CAPACITY: Final = 250_000
"""Documents that a drive signs in its life (ATOL Online's help)."""

LAST_REGISTRATION: Final = 30
MEMORY_ENDING: Final = CAPACITY * 9 // 10
LIFE_ENDING: Final = timedelta(days=30)
REPLACE_NOW: Final = timedelta(days=3)
OFD_LATE: Final = timedelta(days=2)
OFD_WAIT: Final = timedelta(days=30)
"""Age of the oldest unsent document after which the drive stops signing."""


class Phase(StrEnum):
    """Life phases of a drive, with the telemetry's names."""

    SETUP = "setup"
    READY = "ready"
    FISCAL = "fiscal"
    POST_FISCAL = "post_fiscal"
    ARCHIVE_READ = "archive_read"


class DriveError(IntEnum):
    """Error codes of a drive (libfptr10)."""

    NONE = 0x00
    WRONG_STATE = 0x02
    FAILURE = 0x03
    LIFE_EXPIRED = 0x05
    ARCHIVE_FULL = 0x06
    STORAGE_EXHAUSTED = 0x13
    """Also the code when no registrations are left: their own code, if any, is not public."""
    OFD_WAIT_EXHAUSTED = 0x14


@dataclass(slots=True)
class FiscalDrive:
    """The state of one drive; ``failure`` is a fault set from outside."""

    number: str
    activated_at: datetime
    valid_until: datetime
    documents: int = 1
    registrations_made: int = 1
    phase: Phase = Phase.FISCAL
    unsent: int = 0
    first_unsent_at: datetime | None = None
    failure: DriveError = DriveError.NONE
    last_document_at: datetime = field(init=False)
    registered_document: int = 1
    registered_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.last_document_at = self.registered_at = self.activated_at

    @property
    def registrations_left(self) -> int:
        """Return how many more registrations the drive accepts."""
        return LAST_REGISTRATION - self.registrations_made

    def error(self, now: datetime) -> DriveError:
        """Return the reason why the drive signs nothing at ``now``; ``NONE`` when it signs."""
        reasons = (
            (self.failure is not DriveError.NONE, self.failure),
            (self.phase is not Phase.FISCAL, DriveError.WRONG_STATE),
            (now >= self.valid_until, DriveError.LIFE_EXPIRED),
            (self.documents >= CAPACITY, DriveError.ARCHIVE_FULL),
            (self._unsent_for(now) > OFD_WAIT, DriveError.OFD_WAIT_EXHAUSTED),
        )
        return next((error for broken, error in reasons if broken), DriveError.NONE)

    def sign(self, count: int, at: datetime) -> int:
        """Sign up to ``count`` documents, the first made ``at``; return how many were signed."""
        if count <= 0 or self.error(at):
            return 0
        signed = min(count, CAPACITY - self.documents)
        self.documents += signed
        self.last_document_at = at
        self.unsent += signed
        if self.first_unsent_at is None:
            self.first_unsent_at = at
        return signed

    def hand_over(self) -> None:
        """Hand over all documents to the OFD; a closed drive then only lets its archive be read."""
        self.unsent, self.first_unsent_at = 0, None
        if self.phase is Phase.POST_FISCAL:
            self.phase = Phase.ARCHIVE_READ

    def close(self) -> None:
        """Close the archive for good; unsent documents can still be handed over."""
        self.phase = Phase.POST_FISCAL if self.unsent else Phase.ARCHIVE_READ

    def close_archive(self, at: datetime) -> DriveError:
        """Sign the report on the closing and close the archive; an error changes nothing."""
        error = self.error(at)
        # When its life or its wait for the OFD is over, a drive can and must still be closed.
        if error in (DriveError.WRONG_STATE, DriveError.FAILURE):
            return error
        self._make(at)
        self.close()
        return DriveError.NONE

    def register_again(self, at: datetime) -> DriveError:
        """Sign a report on a changed registration; an error changes nothing."""
        if error := self.error(at):
            return error
        if self.registrations_left <= 0:
            return DriveError.STORAGE_EXHAUSTED
        self._make(at)
        self.registrations_made += 1
        self.registered_document, self.registered_at = self.documents, at
        return DriveError.NONE

    @property
    def last_sign(self) -> str:
        """Return the fiscal sign of the last document, ten digits."""
        return self.sign_of(self.documents)

    def sign_of(self, document: int) -> str:
        """Return the fiscal sign of any document, ten digits."""
        return f"{crc32(f'{self.number}/{document}'.encode('ascii')):010}"

    def _make(self, at: datetime) -> None:
        """Count one more document that is not yet sent."""
        self.documents += 1
        self.unsent += 1
        self.last_document_at = at
        if self.first_unsent_at is None:
            self.first_unsent_at = at

    def warnings(self, now: datetime) -> list[str]:
        """Return the names of the warnings in force, as the telemetry names them."""
        left = self.valid_until - now
        standing = (
            ("replace_urgently", left <= REPLACE_NOW),
            ("resource_ending", left <= LIFE_ENDING),
            ("memory_full", self.documents >= MEMORY_ENDING),
            ("ofd_timeout", self._unsent_for(now) > OFD_LATE),
            ("critical_error", self.failure is not DriveError.NONE),
        )
        return [name for name, stands in standing if stands]

    def _unsent_for(self, now: datetime) -> timedelta:
        return now - self.first_unsent_at if self.first_unsent_at else timedelta()
