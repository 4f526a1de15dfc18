"""Who reacts to what: fact -> handlers, called in order and in the same transaction."""

from collections import Counter
from collections.abc import Sequence
from types import MappingProxyType

from fleet.access_requests import decision
from fleet.assistants import service as assistants
from fleet.billing.events import PaymentRefunded, PaymentSettled
from fleet.bonuses.service import accrue
from fleet.clients.service import heed_hand_over, heed_profiles
from fleet.kit.act import Act
from fleet.kit.dialect import notify
from fleet.kit.facts import Reactions
from fleet.kit.metrics import CONDITIONS_CHANGED, OPERATIONS_MOVED, SUBSCRIPTIONS_EXPIRED
from fleet.operations.events import OperationsMoved
from fleet.operations.service import cancel_moved
from fleet.registers import blocking
from fleet.registers.events import BlockingChanged, OwnersChanged, RegistersHandedOver
from fleet.registers.service import hold, keep_conditions, keep_profiles
from fleet.rollouts.service import heed_failures
from fleet.subscriptions.events import SubscriptionsAssigned, SubscriptionsExpired
from fleet.subscriptions.orders import settle, take_back
from fleet.telemetry.events import ConditionsChanged, ProfilesChanged, ReadingsDiffer
from fleet.telemetry.rules import broken


async def _hold(act: Act, fact: ReadingsDiffer) -> None:
    await hold(act.db, fact.serial_numbers)


async def _keep_profiles(act: Act, fact: ProfilesChanged) -> None:
    await keep_profiles(act, fact.profiles)


async def _keep_conditions(act: Act, fact: ConditionsChanged) -> None:
    await keep_conditions(act.db, fact.changes)


async def _count_conditions(act: Act, fact: ConditionsChanged) -> None:
    for change in fact.changes:
        _count("broken", broken(change.after & ~change.before))
        _count("mended", broken(change.before & ~change.after))


def _count(direction: str, conditions: Sequence[str]) -> None:
    for condition in conditions:
        CONDITIONS_CHANGED.labels(condition, direction).inc()


async def _count_operations(act: Act, fact: OperationsMoved) -> None:
    for (kind, status), count in Counter((each.type, each.status) for each in fact.moves).items():
        OPERATIONS_MOVED.labels(kind, status).inc(count)


async def _tell_gateways(act: Act, fact: BlockingChanged) -> None:
    await notify(act.db, blocking.CHANNEL, "")


async def _count_ended(act: Act, fact: SubscriptionsExpired) -> None:
    for each in fact.expired:
        SUBSCRIPTIONS_EXPIRED.labels(each.plan).inc()


REACTIONS: Reactions = MappingProxyType(
    {
        ReadingsDiffer: (_hold,),
        ProfilesChanged: (_keep_profiles, heed_profiles),
        ConditionsChanged: (_keep_conditions, _count_conditions),
        OperationsMoved: (
            _count_operations,
            heed_failures,
        ),
        BlockingChanged: (_tell_gateways,),
        PaymentSettled: (settle,),
        PaymentRefunded: (take_back,),
        SubscriptionsAssigned: (accrue,),
        SubscriptionsExpired: (_count_ended,),
        # Requests before clients and those before operations: a call whose register names another
        # owner takes them so, and two orders would lock each other out.
        RegistersHandedOver: (
            decision.heed_moves,
            heed_hand_over,
            cancel_moved,
            assistants.heed_moves,
        ),
        OwnersChanged: (decision.heed_owners,),
    }
)
