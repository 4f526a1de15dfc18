"""What subscriptions tell the features above them."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class AssignedSubscription(NamedTuple):
    """One subscription of a partner's stock that a register got; ``id`` is the assignment's."""

    id: int
    partner_id: int
    employee_id: int
    serial_number: str
    plan: str
    bonus_points: int


@dataclass(frozen=True, slots=True)
class SubscriptionsAssigned:
    """Registers got subscriptions; each assignment is announced once."""

    assignments: tuple[AssignedSubscription, ...]
    at: datetime


class ExpiredSubscription(NamedTuple):
    """A plan that a register has no longer."""

    serial_number: str
    plan: str
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class SubscriptionsExpired:
    """Subscriptions have ended; each end is announced once, again only after a prolongation."""

    expired: tuple[ExpiredSubscription, ...]
    at: datetime
