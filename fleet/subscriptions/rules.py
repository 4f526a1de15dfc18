"""Pure rules of subscriptions: terms, and the distribution of the stock among registers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from fleet.kit.errors import Refusal
from fleet.subscriptions.catalogue import Plan
from fleet.subscriptions.errors import (
    ALREADY_ENDLESS,
    PLAN_UNFIT,
    PLATFORM_UNKNOWN,
    STOCK_EXHAUSTED,
    TOO_FAR_AHEAD,
)
from protocol.platforms import Platform

MAX_QUANTITY: Final = 10_000
"""Maximum number of subscriptions in one order."""

MAX_YEARS_AHEAD: Final = 10
"""Maximum term in years from today: a longer one is a mistake, as registers wear out earlier."""

Units = Mapping[int, int]
"""Bonus points of one unit -> number of such units."""


class Span(NamedTuple):
    """Time in which a register has a plan; ``ends_at`` None = without end."""

    started_at: datetime
    ends_at: datetime | None

    def is_active(self, now: datetime) -> bool:
        return self.ends_at is None or self.ends_at > now


class Recipient(NamedTuple):
    """A register that is to get subscriptions."""

    serial_number: str
    platform: Platform | None
    model: int


class PlannedAssignment(NamedTuple):
    """One unit for one register.

    ``span`` is the resulting span of the plan, ``starts_at`` the start of the unit's own term.
    """

    serial_number: str
    plan: str
    span: Span
    starts_at: datetime
    bonus_points: int


@dataclass(frozen=True, slots=True)
class RejectedRecipient:
    """A register that gets nothing, and the plan that is the reason."""

    serial_number: str
    refusal: Refusal
    plan: Plan


def prolong(plan: Plan, had: Span | None, now: datetime) -> tuple[Span, datetime]:
    """Return the span of the plan with one more unit, and when the unit's own term begins.

    A running plan is prolonged from its end; an ended or a new one begins now.
    """
    running = had if had is not None and had.is_active(now) else None
    begins = running.ends_at if running and running.ends_at else now
    ends = None if plan.term is None else begins + plan.term
    return Span(running.started_at if running else now, ends), begins


def objection(plan: Plan, target: Recipient, had: Span | None, now: datetime) -> Refusal | None:
    """Return why the register cannot get one more of the plan, whatever the stock.

    None if it can.
    """
    if not plan.fits(target.platform, target.model):
        return PLATFORM_UNKNOWN if target.platform is None else PLAN_UNFIT
    if had is not None and had.ends_at is None:
        return ALREADY_ENDLESS
    span, _ = prolong(plan, had, now)
    if span.ends_at and span.ends_at > now + timedelta(days=366) * MAX_YEARS_AHEAD:
        return TOO_FAR_AHEAD
    return None


def allocate(
    plans: Sequence[Plan],
    targets: Sequence[Recipient],
    had: Mapping[tuple[str, str], Span],
    stock: Mapping[str, Units],
    now: datetime,
) -> tuple[list[PlannedAssignment], list[RejectedRecipient]]:
    """Assign one of each plan to each register, in their order, while the stock lasts.

    A register gets all of the plans or none.  ``had`` is by serial number and plan, ``stock`` by
    plan. Units with the most points are used first.  Return the assignments and the rejected
    registers.
    """
    left = {plan.code: _points_stack(stock.get(plan.code, {}), len(targets)) for plan in plans}
    gifts: list[PlannedAssignment] = []
    turned: list[RejectedRecipient] = []
    for target in targets:
        mine = [(plan, had.get((target.serial_number, plan.code))) for plan in plans]
        because = _first_objection(mine, target, left, now)
        if because is not None:
            turned.append(because)
            continue
        for plan, span in mine:
            gifts.append(_plan_assignment(plan, target, span, left[plan.code].pop(), now))
    return gifts, turned


def _first_objection(
    plans: Sequence[tuple[Plan, Span | None]],
    target: Recipient,
    left: Mapping[str, Sequence[int]],
    now: datetime,
) -> RejectedRecipient | None:
    for plan, span in plans:
        refusal = objection(plan, target, span, now)
        if refusal is None and not left[plan.code]:
            refusal = STOCK_EXHAUSTED
        if refusal is not None:
            return RejectedRecipient(target.serial_number, refusal, plan)
    return None


def _plan_assignment(
    plan: Plan, target: Recipient, had: Span | None, points: int, now: datetime
) -> PlannedAssignment:
    span, begins = prolong(plan, had, now)
    return PlannedAssignment(target.serial_number, plan.code, span, begins, points)


def newly_refunded_units(price_kopecks: int, before: int, now: int) -> int:
    """Return how many more whole units are refunded when refunds grow to ``now`` kopecks."""
    return now // price_kopecks - before // price_kopecks


def pick_units(units: Units, quantity: int, *, richest: bool) -> dict[int, int]:
    """Return which units make up the quantity, or all if there are fewer.

    ``richest``: units with the most points are used first, otherwise those with the fewest.
    """
    taken: dict[int, int] = {}
    for points in sorted(units, reverse=richest):
        count = min(units[points], quantity - sum(taken.values()))
        if count:
            taken[points] = count
    return taken


def _points_stack(units: Units, most: int) -> list[int]:
    """Return the points of at most ``most`` units to assign, the largest last."""
    taken = pick_units(units, most, richest=True)
    return [points for points in sorted(taken) for _ in range(taken[points])]


def count_units(gifts: Sequence[PlannedAssignment]) -> Counter[tuple[str, int]]:
    """Return how many units the assignments take, by plan and points."""
    return Counter((gift.plan, gift.bonus_points) for gift in gifts)
