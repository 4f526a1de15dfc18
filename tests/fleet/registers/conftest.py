"""Registers in every state that the tests need."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fleet.kit.database import Database
from fleet.registers.jobs import update_silence
from fleet.registers.service import store_conditions, store_profiles
from fleet.telemetry.events import ConditionChange, Profile
from fleet.telemetry.models import READINGS, RegisterState
from protocol.platforms import Platform
from protocol.telemetry import BLOCK, BLOCK_VERSION, decode, encode
from tests.fleet.conftest import HandClock

Call = Callable[..., Awaitable[None]]


def serial(number: int) -> str:
    return f"001069{number:08}"


def make_profile(number: int, **said: Any) -> Profile:
    known: dict[str, Any] = {
        "serial_number": serial(number),
        "platform": Platform.V5_0,
        "model": 69,
        "key_generation": 1,
        "channel": 2,
        "firmware_version": "5.8.1",
        "ffd_version": "1.2",
        "fiscalised": False,
        "registration_number": "",
        "fiscal_drive_number": "",
        "owner_inn": "",
        "owner_name": "",
        "address": "",
        "utc_offset_min": 180,
    }
    return Profile(**{**known, **said})


def make_block(**said: Any) -> bytes:
    """A telemetry block of zeros, except what is said."""
    return encode({**decode(BLOCK_VERSION, bytes(BLOCK.size)), **said})


@pytest.fixture
def call_in(database: Database, clock: HandClock) -> Call:
    """A register calls now: ``await call_in(1, mask=1, uptime_h=5)``; ``profile`` = what is new."""

    async def call_in(
        number: int, mask: int = 0, profile: dict[str, Any] | None = None, **said: Any
    ) -> None:
        block = make_block(**said)
        async with database.transaction() as db:
            await db.merge(
                RegisterState(
                    serial_number=serial(number),
                    seen_at=clock(),
                    condition_mask=mask,
                    profile_crc=0,
                    block_version=BLOCK_VERSION,
                    block=block,
                )
            )
            reading = {"accepted_at": clock(), "block_version": BLOCK_VERSION, "block": block}
            await db.execute(READINGS.insert().values(serial_number=serial(number), **reading))
            if profile is not None:
                await store_profiles(db, [make_profile(number, **profile)], clock())
            await store_conditions(db, [ConditionChange(serial(number), 0, mask)])
            while await update_silence(db, clock(), 100) == 100:
                pass

    return call_in
