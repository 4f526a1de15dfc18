"""Facts that subscriptions announce to the features above."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class AssignedSubscription(NamedTuple):
    """A unit of a partner's stock that was assigned to a register; ``id`` is the assignment's."""

    id: int
    partner_id: int
    employee_id: int
    serial_number: str
    plan: str
    bonus_points: int


@dataclass(frozen=True, slots=True)
class SubscriptionsAssigned:
    """Announcement that registers got subscriptions; made once for each assignment."""

    assignments: tuple[AssignedSubscription, ...]
    at: datetime


class ExpiredSubscription(NamedTuple):
    """A plan of a register whose term has ended."""

    serial_number: str
    plan: str
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class SubscriptionsExpired:
    """Announcement that subscriptions have ended; made once for each end of a term.

    A prolonged subscription is announced again when its new term ends.
    """

    expired: tuple[ExpiredSubscription, ...]
    at: datetime
