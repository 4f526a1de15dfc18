"""The table of reactions: fact -> handlers, called in order and in the fact's transaction."""

from collections import Counter
from collections.abc import Sequence
from types import MappingProxyType

from fleet.access_requests import decision
from fleet.assistants import service as assistants
from fleet.billing.events import PaymentRefunded, PaymentSettled
from fleet.bonuses.service import on_subscriptions_assigned
from fleet.clients.service import (
    on_profiles_changed,
    on_profiles_rebuilt,
    on_registers_handed_over,
)
from fleet.kit.act import Act
from fleet.kit.dialect import notify
from fleet.kit.facts import Reactions
from fleet.kit.metrics import CONDITIONS_CHANGED, OPERATIONS_MOVED, SUBSCRIPTIONS_EXPIRED
from fleet.operations.events import OperationStatusesChanged
from fleet.operations.service import cancel_handed_over
from fleet.registers import blocking
from fleet.registers.events import (
    BlockingChanged,
    OwnersChanged,
    ProfilesRebuilt,
    RegistersHandedOver,
)
from fleet.registers.service import lock_registers, store_conditions, store_profiles
from fleet.rollouts.service import on_operation_statuses_changed
from fleet.subscriptions.events import SubscriptionsAssigned, SubscriptionsExpired
from fleet.subscriptions.orders import on_payment_refunded, on_payment_settled
from fleet.telemetry.events import ConditionsChanged, ProfilesChanged, ReadingsDiffer
from fleet.telemetry.rules import broken_conditions


async def _lock_registers(act: Act, fact: ReadingsDiffer) -> None:
    await lock_registers(act.db, fact.serial_numbers)


async def _store_profiles(act: Act, fact: ProfilesChanged) -> None:
    await store_profiles(act, fact.profiles)


async def _store_conditions(act: Act, fact: ConditionsChanged) -> None:
    await store_conditions(act.db, fact.changes)


async def _count_conditions(act: Act, fact: ConditionsChanged) -> None:
    for change in fact.changes:
        _count("broken", broken_conditions(change.after & ~change.before))
        _count("mended", broken_conditions(change.before & ~change.after))


def _count(direction: str, conditions: Sequence[str]) -> None:
    for condition in conditions:
        CONDITIONS_CHANGED.labels(condition, direction).inc()


async def _count_operations(act: Act, fact: OperationStatusesChanged) -> None:
    for (kind, status), count in Counter((each.type, each.status) for each in fact.changes).items():
        OPERATIONS_MOVED.labels(kind, status).inc(count)


async def _notify_gateways(act: Act, fact: BlockingChanged) -> None:
    await notify(act.db, blocking.CHANNEL, "")


async def _count_ended(act: Act, fact: SubscriptionsExpired) -> None:
    for each in fact.expired:
        SUBSCRIPTIONS_EXPIRED.labels(each.plan).inc()


REACTIONS: Reactions = MappingProxyType(
    {
        ReadingsDiffer: (_lock_registers,),
        ProfilesChanged: (_store_profiles, on_profiles_changed),
        ProfilesRebuilt: (on_profiles_rebuilt,),
        ConditionsChanged: (_store_conditions, _count_conditions),
        OperationStatusesChanged: (
            _count_operations,
            on_operation_statuses_changed,
        ),
        BlockingChanged: (_notify_gateways,),
        PaymentSettled: (on_payment_settled,),
        PaymentRefunded: (on_payment_refunded,),
        SubscriptionsAssigned: (on_subscriptions_assigned,),
        SubscriptionsExpired: (_count_ended,),
        # Access requests first, then clients, then operations: a check-in whose register reports
        # another owner locks them in this order, and another order would cause deadlocks.
        RegistersHandedOver: (
            decision.on_registers_handed_over,
            on_registers_handed_over,
            cancel_handed_over,
            assistants.on_registers_handed_over,
        ),
        OwnersChanged: (decision.on_owners_changed,),
    }
)
