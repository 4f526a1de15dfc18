"""Intake of readings: the database half of a check-in, a batch at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zlib import crc32

from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.database import SERIAL_NUMBER_DIGITS
from fleet.kit.dialect import insert_columns, replace_columns
from fleet.kit.facts import announce
from fleet.telemetry.events import ConditionChange, ConditionsChanged, Profile, ProfilesChanged
from fleet.telemetry.models import READINGS, RegisterState
from fleet.telemetry.rules import condition_mask
from protocol.platforms import Platform
from protocol.telemetry import PROFILE_SIZE, check, decode

_STATES: Any = RegisterState.__table__
_WATCHED = ("profile_crc", "condition_mask")


@dataclass(frozen=True, slots=True)
class Reading:
    """A checked telemetry block and what HELLO said of its sender.

    ``serial_number`` is the number that the 14 digits say, as the tables keep it.
    """

    serial_number: int
    platform: Platform
    model: int
    key_generation: int
    channel: int
    block_version: int
    block: bytes
    profile_crc: int
    condition_mask: int

    @classmethod
    def taken(
        cls,
        serial_number: int,
        platform: Platform,
        model: int,
        key_generation: int,
        channel: int,
        block_version: int,
        block: bytes,
    ) -> "Reading":
        """Checks the block; ``protocol.errors.RemoteError`` if it is not one."""
        mask = condition_mask(check(block_version, block))
        said = bytes((model, key_generation, channel)) + platform.encode()
        crc = crc32(block[:PROFILE_SIZE], crc32(said)) - 0x8000_0000
        return cls(
            serial_number,
            platform,
            model,
            key_generation,
            channel,
            block_version,
            block,
            crc,
            mask,
        )


async def keep_readings(db: AsyncSession, readings: Sequence[Reading], now: datetime) -> None:
    """Write the latest states and the history; announce what changed against the states before.

    In the order of serial numbers: two gateways that meet cannot lock each other out.
    """
    latest = {reading.serial_number: reading for reading in readings}
    ordered = [latest[serial] for serial in sorted(latest)]
    columns: dict[str, list[Any]] = {
        "serial_number": [reading.serial_number for reading in ordered],
        "condition_mask": [reading.condition_mask for reading in ordered],
        "profile_crc": [reading.profile_crc for reading in ordered],
        "block_version": [reading.block_version for reading in ordered],
        "block": [reading.block for reading in ordered],
    }
    before = await replace_columns(
        db, _STATES, "serial_number", _WATCHED, columns, {"seen_at": now}
    )
    await _write_history(db, readings, now)
    if before:
        await _announce(db, latest, before, now)


async def _write_history(db: AsyncSession, readings: Sequence[Reading], now: datetime) -> None:
    columns: dict[str, list[Any]] = {
        "serial_number": [reading.serial_number for reading in readings],
        "block_version": [reading.block_version for reading in readings],
        "block": [reading.block for reading in readings],
    }
    await insert_columns(db, READINGS, columns, {"accepted_at": now})


async def _announce(
    db: AsyncSession,
    latest: Mapping[int, Reading],
    before: Mapping[int, tuple[Any, ...] | None],
    now: datetime,
) -> None:
    """The slow path of a check-in: ``before`` has what differs, ``None`` for a first reading."""
    was = {serial: values or (None, 0) for serial, values in before.items()}
    profiles = tuple(
        _profile(latest[serial])
        for serial, (crc, _) in was.items()
        if crc != latest[serial].profile_crc
    )
    changes = tuple(
        ConditionChange(serial_text(serial), mask, latest[serial].condition_mask)
        for serial, (_, mask) in was.items()
        if mask != latest[serial].condition_mask
    )
    if profiles:
        await announce(db, ProfilesChanged(now, profiles))
    if changes:
        await announce(db, ConditionsChanged(now, changes))


def _profile(reading: Reading) -> Profile:
    said: Mapping[str, Any] = decode(reading.block_version, reading.block)
    return Profile(
        serial_number=serial_text(reading.serial_number),
        platform=reading.platform,
        model=reading.model,
        key_generation=reading.key_generation,
        channel=reading.channel,
        **{name: said[name] for name in _FROM_BLOCK},
    )


_FROM_BLOCK = (
    "firmware_version",
    "ffd_version",
    "fiscalised",
    "registration_number",
    "fiscal_drive_number",
    "owner_inn",
    "owner_name",
    "address",
    "utc_offset_min",
)


def serial_text(serial_number: int) -> str:
    """The 14 digits of a serial number that the tables keep as a number."""
    return f"{serial_number:0{SERIAL_NUMBER_DIGITS}d}"
