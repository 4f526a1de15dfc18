"""The periodic jobs: what, how often, and in what portions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fleet.access_requests.service import forget_files
from fleet.accounts import recovery
from fleet.accounts.service import forget_sign_ins
from fleet.assistants.provisioning import Reconciliation
from fleet.billing import desk as billing
from fleet.billing.jobs import ask_payments
from fleet.clients.service import forget as forget_unnamed_clients
from fleet.diagnostics.service import trim
from fleet.kit.broker import broker_admin
from fleet.kit.clock import Clock
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.repetition import forget_keys
from fleet.notifications import delivery
from fleet.operations.service import expire, lapse
from fleet.operations.work import PORTION
from fleet.registers.jobs import keep_presence
from fleet.rollouts.service import carry_on
from fleet.subscriptions.service import expire as end_subscriptions
from fleet.telemetry.jobs import forget_readings

READINGS_PORTION: Final = 5000
PRESENCE_PORTION: Final = 5_000
"""Looking through all the latest states is most of the work, so a portion is large; but its
registers are held while it is written, and a check-in that changes one of them waits."""
RECOVERIES_PORTION: Final = 10
"""Each may be many letters, and a transaction is to be short."""
ALL_ACCOUNTS: Final = 2**31
"""The broker's books are compared as a whole: there is no second portion."""


@dataclass(frozen=True, slots=True)
class Job:
    """``run`` does a portion in one transaction and says how much it was; a full portion is
    followed by the next at once.  Any number of workers may run the same job."""

    name: str
    every_s: float
    portion: int
    run: Callable[[AsyncSession, datetime, FleetConfig], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Errand:
    """As ``Job``, but it speaks with another server, and so opens short transactions by itself."""

    name: str
    every_s: float
    portion: int
    run: Callable[[Database, Clock, FleetConfig], Awaitable[int]]


async def _forget_files(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await forget_files(db, now, PORTION)


async def _lapse(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await lapse(db, now)


async def _expire(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await expire(db, now)


async def _forget_readings(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await forget_readings(db, now - timedelta(days=config.readings_days), READINGS_PORTION)


async def _forget_sign_ins(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await forget_sign_ins(db, now)


async def _answer_recoveries(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await recovery.answer(db, config.links_begin_with, now, RECOVERIES_PORTION)


async def _forget_keys(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await forget_keys(db, now, PORTION)


async def _carry_on_rollouts(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await carry_on(db, now)


async def _trim_conversations(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await trim(db, now, PORTION)


async def _forget_clients(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await forget_unnamed_clients(db, PORTION)


async def _tidy_letters(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await delivery.tidy(db, now, PORTION)


async def _keep_presence(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await keep_presence(db, now, PRESENCE_PORTION)


async def _end_subscriptions(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await end_subscriptions(db, now, PORTION)


_RECONCILIATION: Final = Reconciliation()


async def _reconcile_broker(database: Database, clock: Clock, config: FleetConfig) -> int:
    broker = broker_admin(config)
    return 0 if broker is None else await _RECONCILIATION.run(database, broker)


JOBS: Final[tuple[Job | Errand, ...]] = (
    Errand("send_letters", 5, delivery.PORTION, delivery.Delivery().run),
    Errand("ask_payments", 10, billing.PORTION, ask_payments),
    Job("answer_recoveries", 2, RECOVERIES_PORTION, _answer_recoveries),
    Job("forget_unsent_files", 3600, PORTION, _forget_files),
    Job("tidy_letters", 3600, PORTION, _tidy_letters),
    Job("queue_lost_operations", 10, PORTION, _lapse),
    Job("carry_on_rollouts", 2, PORTION, _carry_on_rollouts),
    Job("keep_presence", 60, PRESENCE_PORTION, _keep_presence),
    Job("end_late_operations", 60, PORTION, _expire),
    Job("end_subscriptions", 60, PORTION, _end_subscriptions),
    Errand("reconcile_broker", 60, ALL_ACCOUNTS, _reconcile_broker),
    Job("trim_conversations", 300, PORTION, _trim_conversations),
    Job("forget_readings", 60, READINGS_PORTION, _forget_readings),
    Job("forget_sign_ins", 3600, PORTION, _forget_sign_ins),
    Job("forget_clients", 3600, PORTION, _forget_clients),
    Job("forget_order_keys", 3600, PORTION, _forget_keys),
)
