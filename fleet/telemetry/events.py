"""Facts that telemetry announces to the features above."""

from dataclasses import dataclass
from datetime import datetime

from protocol.platforms import Platform


@dataclass(frozen=True, slots=True)
class Profile:
    """Data that a register reports about itself and that seldom changes."""

    serial_number: str
    platform: Platform
    model: int
    key_generation: int
    channel: int
    firmware_version: str
    ffd_version: str
    fiscalised: bool
    registration_number: str
    fiscal_drive_number: str
    owner_inn: str
    owner_name: str
    address: str
    utc_offset_min: int


@dataclass(frozen=True, slots=True)
class ReadingsDiffer:
    """Announcement that a batch has changes of these registers, made before the changes themselves.

    The following facts are one with profiles, one with conditions, and more with conditions if a
    register has several readings in the batch.  A feature that keeps a row for each register locks
    these rows now, all at once and in one order; otherwise two batches, or a batch and an
    employee's request, could deadlock.
    """

    serial_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProfilesChanged:
    """Registers sent their first reading or one with a changed profile."""

    at: datetime
    profiles: tuple[Profile, ...]


@dataclass(frozen=True, slots=True)
class ConditionChange:
    """Masks of broken conditions before and after a reading (``rules.CONDITIONS``)."""

    serial_number: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class ConditionsChanged:
    """Conditions of registers became broken or well again."""

    at: datetime
    changes: tuple[ConditionChange, ...]
