"""The table of periodic jobs: each one's function, interval and portion."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from fleet.access_requests.service import delete_expired_files
from fleet.accounts import recovery
from fleet.accounts.service import delete_expired_sign_ins
from fleet.assistants.provisioning import Reconciliation
from fleet.billing import processor as billing
from fleet.billing.jobs import poll_payments
from fleet.clients.service import delete_unreferenced as forget_unnamed_clients
from fleet.diagnostics.service import trim_conversations
from fleet.kit.act import Act
from fleet.kit.acts import Acts
from fleet.kit.broker import broker_admin
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
"""A portion is large, because most of the work is the search through all latest states.  It is
limited, because its registers stay locked while it is written, and check-ins that change one of
them wait."""
RECOVERIES_PORTION: Final = 10
"""A portion is small, because a request may need many letters and transactions must be short."""
ALL_ACCOUNTS: Final = 2**31
"""The broker's accounts are compared as a whole: there is never a second portion."""


@dataclass(frozen=True, slots=True)
class Job:
    """A periodic job in the database.

    ``run`` handles at most ``portion`` items in one transaction and returns how many; after a full
    portion it runs again at once.  Several workers may run one job at the same time.
    """

    name: str
    every_s: float
    portion: int
    run: Callable[[Act, int], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class ExternalJob:
    """A job that talks to another server and therefore opens short transactions itself."""

    name: str
    every_s: float
    portion: int
    run: Callable[[Acts], Awaitable[int]]


_RECONCILIATION: Final = Reconciliation()


async def _reconcile_broker(acts: Acts) -> int:
    broker = broker_admin(acts.config)
    return 0 if broker is None else await _RECONCILIATION.run(acts.database, broker)


JOBS: Final[tuple[Job | ExternalJob, ...]] = (
    ExternalJob("send_letters", 5, delivery.PORTION, delivery.LetterSender().run),
    ExternalJob("ask_payments", 10, billing.PORTION, poll_payments),
    Job("answer_recoveries", 2, RECOVERIES_PORTION, recovery.answer_requests),
    Job("forget_unsent_files", 3600, PORTION, delete_expired_files),
    Job("tidy_letters", 3600, PORTION, delivery.finish_old_letters),
    Job("queue_lost_operations", 10, PORTION, requeue_silent),
    Job("carry_on_rollouts", 2, PORTION, advance_rollouts),
    Job("keep_presence", 60, PRESENCE_PORTION, update_silence),
    Job("end_late_operations", 60, PORTION, end_overdue),
    Job("end_subscriptions", 60, PORTION, end_subscriptions),
    ExternalJob("reconcile_broker", 60, ALL_ACCOUNTS, _reconcile_broker),
    Job("trim_conversations", 300, PORTION, trim_conversations),
    Job("forget_readings", 60, READINGS_PORTION, delete_old_readings),
    Job("forget_sign_ins", 3600, PORTION, lambda act, _: delete_expired_sign_ins(act)),
    Job("forget_clients", 3600, PORTION, forget_unnamed_clients),
    Job("forget_order_keys", 3600, PORTION, delete_expired_keys),
)
