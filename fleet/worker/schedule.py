"""The periodic jobs: what, how often, and in what portions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from fleet.access_requests.service import forget_files
from fleet.accounts import recovery
from fleet.accounts.service import forget_sign_ins
from fleet.assistants.provisioning import Reconciliation
from fleet.billing import desk as billing
from fleet.billing.jobs import ask_payments
from fleet.clients.service import forget as forget_unnamed_clients
from fleet.diagnostics.service import trim
from fleet.kit.act import Act
from fleet.kit.acts import Acts
from fleet.kit.broker import broker_admin
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
    """``run`` does a portion, in one transaction, and says how much it was; a full portion is
    followed by the next at once.  Any number of workers may run the same job."""

    name: str
    every_s: float
    portion: int
    run: Callable[[Act, int], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Errand:
    """As ``Job``, but it speaks with another server, and so opens short transactions by itself."""

    name: str
    every_s: float
    portion: int
    run: Callable[[Acts], Awaitable[int]]


_RECONCILIATION: Final = Reconciliation()


async def _reconcile_broker(acts: Acts) -> int:
    broker = broker_admin(acts.config)
    return 0 if broker is None else await _RECONCILIATION.run(acts.database, broker)


JOBS: Final[tuple[Job | Errand, ...]] = (
    Errand("send_letters", 5, delivery.PORTION, delivery.Delivery().run),
    Errand("ask_payments", 10, billing.PORTION, ask_payments),
    Job("answer_recoveries", 2, RECOVERIES_PORTION, recovery.answer),
    Job("forget_unsent_files", 3600, PORTION, forget_files),
    Job("tidy_letters", 3600, PORTION, delivery.tidy),
    Job("queue_lost_operations", 10, PORTION, lambda act, _: lapse(act.db, act.now)),
    Job("carry_on_rollouts", 2, PORTION, lambda act, _: carry_on(act.db, act.now)),
    Job("keep_presence", 60, PRESENCE_PORTION, keep_presence),
    Job("end_late_operations", 60, PORTION, lambda act, _: expire(act.db, act.now)),
    Job("end_subscriptions", 60, PORTION, end_subscriptions),
    Errand("reconcile_broker", 60, ALL_ACCOUNTS, _reconcile_broker),
    Job("trim_conversations", 300, PORTION, trim),
    Job("forget_readings", 60, READINGS_PORTION, forget_readings),
    Job("forget_sign_ins", 3600, PORTION, lambda act, _: forget_sign_ins(act)),
    Job("forget_clients", 3600, PORTION, forget_unnamed_clients),
    Job("forget_order_keys", 3600, PORTION, forget_keys),
)
