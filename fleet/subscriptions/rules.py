"""Rules of subscriptions: how long one lasts, and who gets what the stock holds."""

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
"""Subscriptions in one order."""

MAX_YEARS_AHEAD: Final = 10
"""A longer term is a mistake: a register is worn out before."""

Units = Mapping[int, int]
"""Bonus points that one brings -> how many there are."""


class Span(NamedTuple):
    """From when to when a register has a plan; ``ends_at`` None = without end."""

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
    """One subscription for one register: what it has of the plan afterwards, when the term of
    this one begins, and what it brings in points."""

    serial_number: str
    plan: str
    span: Span
    starts_at: datetime
    bonus_points: int


@dataclass(frozen=True, slots=True)
class RejectedRecipient:
    """A register that gets nothing, because of one plan."""

    serial_number: str
    refusal: Refusal
    plan: Plan


def prolong(plan: Plan, had: Span | None, now: datetime) -> tuple[Span, datetime]:
    """What a register has when it gets one more, and when the term of that one begins.

    What still runs is extended from its end; what has ended, or never was, begins now.
    """
    running = had if had is not None and had.is_active(now) else None
    begins = running.ends_at if running and running.ends_at else now
    ends = None if plan.term is None else begins + plan.term
    return Span(running.started_at if running else now, ends), begins


def objection(plan: Plan, target: Recipient, had: Span | None, now: datetime) -> Refusal | None:
    """Why this register cannot get one more of the plan, whatever the stock."""
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
    """Give one of each plan to each register, in their order, while the stock lasts.

    A register gets all of the plans or none.  ``had`` is by serial number and plan.  Of a plan
    the units with the most points are taken first.
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
    """How many more have their whole price given back, when the sum of refunds has grown."""
    return now // price_kopecks - before // price_kopecks


def pick_units(units: Units, quantity: int, *, richest: bool) -> dict[int, int]:
    """Which units make up the quantity (all, if there are fewer): those with the most points
    first, or those with the fewest."""
    taken: dict[int, int] = {}
    for points in sorted(units, reverse=richest):
        count = min(units[points], quantity - sum(taken.values()))
        if count:
            taken[points] = count
    return taken


def _points_stack(units: Units, most: int) -> list[int]:
    """The points of the units that may be given away, the richest last."""
    taken = pick_units(units, most, richest=True)
    return [points for points in sorted(taken) for _ in range(taken[points])]


def count_units(gifts: Sequence[PlannedAssignment]) -> Counter[tuple[str, int]]:
    """What the gifts take of the stock: plan and points -> how many."""
    return Counter((gift.plan, gift.bonus_points) for gift in gifts)
