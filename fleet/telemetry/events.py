"""What telemetry tells the features above it."""

from dataclasses import dataclass
from datetime import datetime

from protocol.platforms import Platform


@dataclass(frozen=True, slots=True)
class Profile:
    """What a register says of itself and seldom changes."""

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
    """A batch has news of these registers, which the facts after this one tell: one of profiles,
    one of conditions, and more of these if a register has several readings in the batch.

    Whoever keeps a row of each register takes them now, all at once and in one order; otherwise
    two batches, or a batch and a person, would wait for each other.
    """

    serial_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProfilesChanged:
    """Registers were seen for the first time or with something new about them."""

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
    """Readings broke or mended conditions."""

    at: datetime
    changes: tuple[ConditionChange, ...]
