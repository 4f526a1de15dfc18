"""Intake of readings: the database half of a check-in, a batch at a time."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from zlib import crc32

from fleet.kit.act import Act
from fleet.kit.database import SERIAL_NUMBER_DIGITS, table_of
from fleet.kit.dialect import Replacement, replace_columns
from fleet.telemetry.events import (
    ConditionChange,
    ConditionsChanged,
    Profile,
    ProfilesChanged,
    ReadingsDiffer,
)
from fleet.telemetry.models import READINGS, RegisterState
from fleet.telemetry.rules import condition_mask
from protocol.platforms import Platform
from protocol.telemetry import check, decode, excerpt, seldom

_FIRMWARE_VERSION = excerpt("firmware_version")
_COLUMNS = ("serial_number", "condition_mask", "profile_crc", "block_version", "block")
_STATES = Replacement(
    table=table_of(RegisterState),
    key="serial_number",
    watched=("profile_crc", "condition_mask"),
    constant="seen_at",
    history=READINGS,
    copied=("serial_number", "block_version", "block"),
    history_constant="accepted_at",
)


class Reading(NamedTuple):
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

    @property
    def firmware_version(self) -> str:
        """As the block says."""
        return str(*_FIRMWARE_VERSION(self.block_version, self.block))

    @classmethod
    def from_block(
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
        crc = crc32(seldom(block_version, block), crc32(said)) - 0x8000_0000
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


_PreviousValues = Mapping[int, tuple[Any, ...]]
"""Checksum of the profile and mask of the conditions; None and 0 before a first reading."""
_ChangedReadings = tuple[Mapping[int, Reading], _PreviousValues]
"""One reading of each register, and what those that differ had before."""


async def store_readings(act: Act, readings: Sequence[Reading]) -> None:
    """Write the latest states and the history; announce what changed against the states before.

    In the order of serial numbers: two gateways that meet cannot lock each other out.
    """
    later, news = list(readings), []
    while later:
        first, later = _split_first(later)
        if before := await _upsert_states(act, [first[serial] for serial in sorted(first)]):
            news.append((first, before))
    if news:
        await _announce(act, news)


def _split_first(readings: Sequence[Reading]) -> tuple[dict[int, Reading], list[Reading]]:
    """The first reading of each register, and the rest: one statement takes one of each."""
    first: dict[int, Reading] = {}
    rest = [one for one in readings if first.setdefault(one.serial_number, one) is not one]
    return first, rest


async def _upsert_states(act: Act, readings: Sequence[Reading]) -> _PreviousValues:
    """What was there before of those that differ."""
    every = dict(zip(Reading._fields, zip(*readings, strict=True), strict=True))
    columns = {name: every[name] for name in _COLUMNS}
    before = await replace_columns(act.db, _STATES, columns, act.now)
    return {serial: values or (None, 0) for serial, values in before.items()}


async def _announce(act: Act, news: Sequence[_ChangedReadings]) -> None:
    """The slow path of a check-in.

    Profiles are told at once, of each register the last: what stands above takes rows of
    clients and requests for them, and to take some more later would be another order.
    """
    touched = sorted({serial for _, before in news for serial in before})
    await act.announce(ReadingsDiffer(tuple(map(serial_text, touched))))
    profiles = {
        serial: _profile(latest[serial])
        for latest, before in news
        for serial, (crc, _) in before.items()
        if crc != latest[serial].profile_crc
    }
    if profiles:
        await act.announce(ProfilesChanged(act.now, tuple(profiles.values())))
    for latest, before in news:
        changes = tuple(
            ConditionChange(serial_text(serial), mask, latest[serial].condition_mask)
            for serial, (_, mask) in before.items()
            if mask != latest[serial].condition_mask
        )
        if changes:
            await act.announce(ConditionsChanged(act.now, changes))


def _profile(reading: Reading) -> Profile:
    said: Mapping[str, Any] = decode(reading.block_version, reading.block)
    return Profile(
        serial_number=serial_text(reading.serial_number),
        platform=reading.platform,
        model=reading.model,
        key_generation=reading.key_generation,
        channel=reading.channel,
        **{name: said[name] for name in FROM_BLOCK},
    )


FROM_BLOCK = (
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
"""Fields of a ``Profile`` that a block says; HELLO says the others."""


def serial_text(serial_number: int) -> str:
    """The 14 digits of a serial number that the tables keep as a number."""
    return f"{serial_number:0{SERIAL_NUMBER_DIGITS}d}"
