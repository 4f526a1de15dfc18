"""Intake of readings: the database half of a check-in, one batch at a time.

Theory of operation.  A batch of readings is written by one statement (``dialect.replace_columns``),
which updates ``register_states``, appends to ``readings``, and returns the registers whose profile
or conditions changed.  On PostgreSQL it is::

    WITH u AS MATERIALIZED (SELECT * FROM unnest(...)),        -- the batch, one array per column
    written AS (INSERT INTO register_states SELECT ... FROM u
                ON CONFLICT (serial_number) DO UPDATE
                SET <the new values>, was_profile_crc = register_states.profile_crc,
                    was_condition_mask = register_states.condition_mask
                RETURNING serial_number, profile_crc, condition_mask, was_...),
    copied AS (INSERT INTO readings SELECT ... FROM u)
    SELECT serial_number, was_... FROM written WHERE was_... IS DISTINCT FROM <the new values>

``RETURNING`` only sees the new row, so the update itself copies the former values to the ``was_``
columns; a separate ``SELECT`` before it could miss a write of another gateway.  SQLite has one
writer at a time: there a ``SELECT`` of the former values precedes two bulk inserts.

A statement can update a row only once, so a batch with several readings of a register is split into
several statements, each with at most one reading per register.  Rows are written in the order of
serial numbers, so two gateways cannot deadlock.  Usually no register changed and the check-in is
done; for those that did, ``_announce`` informs the features above in the same transaction.
"""

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
from protocol.telemetry import check, decode, excerpt

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
    """A checked telemetry block, and the data of its sender from HELLO.

    ``serial_number`` is the number of the 14 digits, as the tables store it.
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
        """Return the firmware version in the block."""
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
        """Return the reading of a block; raise ``protocol.errors.RemoteError`` if it is invalid."""
        values, profile = check(block_version, block)
        mask = condition_mask(values)
        said = bytes((model, key_generation, channel)) + platform.encode()
        crc = crc32(profile, crc32(said)) - 0x8000_0000
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
"""Profile checksum and condition mask before the reading; None and 0 if it is the first."""
_ChangedReadings = tuple[Mapping[int, Reading], _PreviousValues]
"""One reading of each register, and the previous values of the registers that changed."""


async def store_readings(act: Act, readings: Sequence[Reading]) -> None:
    """Write the latest states and the history; announce changes of profiles and conditions."""
    later, news = list(readings), []
    while later:
        first, later = _split_first(later)
        if before := await _upsert_states(act, [first[serial] for serial in sorted(first)]):
            news.append((first, before))
    if news:
        await _announce(act, news)


def _split_first(readings: Sequence[Reading]) -> tuple[dict[int, Reading], list[Reading]]:
    """Return the first reading of each register by serial number, and the remaining readings."""
    first: dict[int, Reading] = {}
    rest = [one for one in readings if first.setdefault(one.serial_number, one) is not one]
    return first, rest


async def _upsert_states(act: Act, readings: Sequence[Reading]) -> _PreviousValues:
    """Write the readings; return the previous checksum and mask of registers that changed."""
    every = dict(zip(Reading._fields, zip(*readings, strict=True), strict=True))
    columns = {name: every[name] for name in _COLUMNS}
    before = await replace_columns(act.db, _STATES, columns, act.now)
    return {serial: values or (None, 0) for serial, values in before.items()}


async def _announce(act: Act, news: Sequence[_ChangedReadings]) -> None:
    """Announce the changes of a batch (the slow path of a check-in).

    The latest profile of each register is announced once for the whole batch: for profiles the
    features above lock rows of clients and requests, and to lock more of them later could deadlock.
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
"""Fields of a ``Profile`` that are in the block; HELLO has the others."""


def serial_text(serial_number: int) -> str:
    """Return the 14 digits of a serial number that the tables store as a number."""
    return f"{serial_number:0{SERIAL_NUMBER_DIGITS}d}"
