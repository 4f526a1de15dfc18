"""How long a subscription lasts, and who gets what the stock holds: by the text of the manual."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.subscriptions.catalogue import CATALOGUE
from fleet.subscriptions.rules import Recipient, Span, allocate, count_units, pick_units, prolong
from protocol.platforms import Platform
from tests.fleet.conftest import START
from tests.fleet.subscriptions.conftest import serial

YEARLY, MONTHLY = CATALOGUE["management"], CATALOGUE["tax_change"]
ENDLESS, PICKY = CATALOGUE["platform_5"], CATALOGUE["remote_access"]
YEAR, DAY = timedelta(days=365), timedelta(days=1)
BEFORE = START - 100 * DAY


def target(number: int, platform: Platform | None = Platform.V5_0, model: int = 69) -> Recipient:
    return Recipient(serial(number, model), platform, model)


@pytest.mark.parametrize(
    ("plan", "had", "span", "begins"),
    [
        (YEARLY, None, (START, START + YEAR), START),
        (YEARLY, (BEFORE, START + DAY), (BEFORE, START + DAY + YEAR), START + DAY),
        (YEARLY, (BEFORE, START), (START, START + YEAR), START),
        (YEARLY, (BEFORE, START - DAY), (START, START + YEAR), START),
        (MONTHLY, None, (START, START + 30 * DAY), START),
        (MONTHLY, (BEFORE, START + DAY), (BEFORE, START + 31 * DAY), START + DAY),
        (ENDLESS, None, (START, None), START),
    ],
)
def test_term_begins_now_or_at_the_end_of_the_former(
    plan: object, had: object, span: object, begins: object
) -> None:
    before = Span(*had) if had else None  # type: ignore[misc]
    assert prolong(plan, before, START) == (span, begins)  # type: ignore[arg-type]


def test_a_register_gets_all_of_the_plans_or_none() -> None:
    stock = {"management": {50: 2}, "tax_change": {10: 1}}
    gifts, turned = allocate([YEARLY, MONTHLY], [target(1), target(2)], {}, stock, START)
    assert [(gift.serial_number, gift.plan) for gift in gifts] == [
        (serial(1), "management"),
        (serial(1), "tax_change"),
    ]
    (refused,) = turned
    assert (refused.serial_number, refused.refusal.code) == (serial(2), "stock_short")
    assert refused.plan is MONTHLY
    assert count_units(gifts) == {("management", 50): 1, ("tax_change", 10): 1}


@pytest.mark.parametrize(
    ("plan", "who", "had", "code"),
    [
        (ENDLESS, target(1), Span(BEFORE, None), "subscription_endless"),
        (PICKY, target(1), None, "plan_unfit"),
        (PICKY, target(1, Platform.V2_5, 90), None, "plan_unfit"),
        (PICKY, target(1, None, 90), None, "platform_unknown"),
        (YEARLY, target(1), Span(BEFORE, START + 10 * YEAR), "subscription_too_long"),
        (YEARLY, target(1), Span(BEFORE, START + 9 * YEAR), None),
        (PICKY, target(1, Platform.V5_0, 90), None, None),
    ],
)
def test_register_that_cannot_use_a_plan_gets_none(
    plan: object, who: Recipient, had: Span | None, code: str | None
) -> None:
    known = {(who.serial_number, plan.code): had} if had else {}  # type: ignore[attr-defined]
    stock = {plan.code: {0: 5}}  # type: ignore[attr-defined]
    gifts, turned = allocate([plan], [who], known, stock, START)  # type: ignore[list-item]
    assert [each.refusal.code for each in turned] == ([code] if code else [])
    assert len(gifts) == (0 if code else 1)


def test_units_that_bring_more_points_are_assigned_first() -> None:
    stock = {"management": {0: 5, 40: 1, 50: 1}}
    targets = [target(number) for number in range(1, 5)]
    gifts, _ = allocate([YEARLY], targets, {}, stock, START)
    assert [gift.bonus_points for gift in gifts] == [50, 40, 0, 0]


Units = st.dictionaries(st.integers(0, 200), st.integers(0, 30), max_size=5)


@given(Units, st.integers(0, 100), st.booleans())
def test_picked_units_are_in_the_stock(units: dict[int, int], quantity: int, richest: bool) -> None:
    taken = pick_units(units, quantity, richest=richest)
    assert sum(taken.values()) == min(quantity, sum(units.values()))
    assert all(0 < count <= units[points] for points, count in taken.items())
    # No unit is left that should have gone before one that was taken.
    left = {points for points, count in units.items() if count > taken.get(points, 0)}
    if taken and left and richest:
        assert min(taken) >= max(left)
    elif taken and left:
        assert max(taken) <= min(left)


@given(Units, st.integers(0, 40))
def test_assignments_never_exceed_the_stock(units: dict[int, int], registers: int) -> None:
    targets = [target(number) for number in range(registers)]
    gifts, turned = allocate([YEARLY], targets, {}, {"management": units}, START)
    assert len(gifts) == min(registers, sum(units.values()))
    assert len(gifts) + len(turned) == registers
    assert all(count <= units[points] for (_, points), count in count_units(gifts).items())
