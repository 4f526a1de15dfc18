"""The periodic jobs: what, how often, and in what portions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts.service import forget_sign_ins
from fleet.kit.config import FleetConfig
from fleet.operations.repetition import forget_keys
from fleet.operations.service import expire, lapse
from fleet.operations.work import PORTION
from fleet.rollouts.service import carry_on
from fleet.telemetry.jobs import forget_readings

READINGS_PORTION: Final = 5000


@dataclass(frozen=True, slots=True)
class Job:
    """``run`` does a portion in one transaction and says how much it was; a full portion is
    followed by the next at once.  Any number of workers may run the same job."""

    name: str
    every_s: float
    portion: int
    run: Callable[[AsyncSession, datetime, FleetConfig], Awaitable[int]]


async def _lapse(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await lapse(db, now)


async def _expire(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await expire(db, now)


async def _forget_readings(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await forget_readings(db, now - timedelta(days=config.readings_days), READINGS_PORTION)


async def _forget_sign_ins(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await forget_sign_ins(db, now)


async def _forget_keys(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await forget_keys(db, now, PORTION)


async def _carry_on_rollouts(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await carry_on(db, now)


JOBS: Final = (
    Job("queue_lost_operations", 10, PORTION, _lapse),
    Job("carry_on_rollouts", 2, PORTION, _carry_on_rollouts),
    Job("end_late_operations", 60, PORTION, _expire),
    Job("forget_readings", 60, READINGS_PORTION, _forget_readings),
    Job("forget_sign_ins", 3600, PORTION, _forget_sign_ins),
    Job("forget_order_keys", 3600, PORTION, _forget_keys),
)
