"""The periodic jobs: what, how often, and in what portions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from fleet.access_requests.service import delete_expired_files
from fleet.accounts import recovery
from fleet.accounts.service import delete_expired_sign_ins
from fleet.assistants.provisioning import Reconciliation
from fleet.billing import processor as billing
from fleet.billing.jobs import poll_payments
from fleet.clients.service import delete_unreferenced as forget_unnamed_clients
from fleet.diagnostics.service import trim_conversations
from fleet.kit.broker import broker_admin
from fleet.kit.clock import Clock
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.idempotency import delete_expired_keys
from fleet.notifications import delivery
from fleet.operations.service import end_overdue, requeue_silent
from fleet.operations.work import PORTION
from fleet.registers.jobs import update_silence
from fleet.rollouts.service import advance_rollouts
from fleet.subscriptions.service import expire_subscriptions as end_subscriptions
from fleet.telemetry.jobs import delete_old_readings

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
class ExternalJob:
    """As ``Job``, but it speaks with another server, and so opens short transactions by itself."""

    name: str
    every_s: float
    portion: int
    run: Callable[[Database, Clock, FleetConfig], Awaitable[int]]


async def _delete_expired_files(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await delete_expired_files(db, now, PORTION)


async def _requeue_silent_operations(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await requeue_silent(db, now)


async def _end_overdue_operations(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await end_overdue(db, now)


async def _delete_old_readings(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await delete_old_readings(
        db, now - timedelta(days=config.readings_days), READINGS_PORTION
    )


async def _delete_expired_sign_ins(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await delete_expired_sign_ins(db, now)


async def _answer_recoveries(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await recovery.answer_requests(db, config.links_begin_with, now, RECOVERIES_PORTION)


async def _delete_expired_keys(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await delete_expired_keys(db, now, PORTION)


async def _advance_rollouts(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await advance_rollouts(db, now)


async def _trim_conversations(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await trim_conversations(db, now, PORTION)


async def _delete_unreferenced_clients(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await forget_unnamed_clients(db, PORTION)


async def _finish_old_letters(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await delivery.finish_old_letters(db, now, PORTION)


async def _update_silence(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await update_silence(db, now, PRESENCE_PORTION)


async def _end_subscriptions(db: AsyncSession, now: datetime, config: FleetConfig) -> int:
    return await end_subscriptions(db, now, PORTION)


_RECONCILIATION: Final = Reconciliation()


async def _reconcile_broker(database: Database, clock: Clock, config: FleetConfig) -> int:
    broker = broker_admin(config)
    return 0 if broker is None else await _RECONCILIATION.run(database, broker)


JOBS: Final[tuple[Job | ExternalJob, ...]] = (
    ExternalJob("send_letters", 5, delivery.PORTION, delivery.LetterSender().run),
    ExternalJob("ask_payments", 10, billing.PORTION, poll_payments),
    Job("answer_recoveries", 2, RECOVERIES_PORTION, _answer_recoveries),
    Job("forget_unsent_files", 3600, PORTION, _delete_expired_files),
    Job("tidy_letters", 3600, PORTION, _finish_old_letters),
    Job("queue_lost_operations", 10, PORTION, _requeue_silent_operations),
    Job("carry_on_rollouts", 2, PORTION, _advance_rollouts),
    Job("keep_presence", 60, PRESENCE_PORTION, _update_silence),
    Job("end_late_operations", 60, PORTION, _end_overdue_operations),
    Job("end_subscriptions", 60, PORTION, _end_subscriptions),
    ExternalJob("reconcile_broker", 60, ALL_ACCOUNTS, _reconcile_broker),
    Job("trim_conversations", 300, PORTION, _trim_conversations),
    Job("forget_readings", 60, READINGS_PORTION, _delete_old_readings),
    Job("forget_sign_ins", 3600, PORTION, _delete_expired_sign_ins),
    Job("forget_clients", 3600, PORTION, _delete_unreferenced_clients),
    Job("forget_order_keys", 3600, PORTION, _delete_expired_keys),
)
