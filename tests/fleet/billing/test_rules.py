"""Amounts are exact, transitions are those of the table, the worker asks with patience."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.billing.rules import (
    TRANSITIONS,
    PaymentStatus,
    is_payment_id,
    next_poll_at,
    to_kopecks,
    to_roubles,
)
from tests.fleet.conftest import START


@given(st.integers(min_value=0, max_value=10**14 - 1))
def test_amounts_survive_the_way_there_and_back(kopecks: int) -> None:
    assert to_kopecks(to_roubles(kopecks)) == kopecks


@pytest.mark.parametrize("text", ["", "1", "1.0", "1,00", "-1.00", " 1.00", "1.00 ", "١.٠٠", "1e2"])
def test_other_amounts_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        to_kopecks(text)


def test_what_was_paid_stays_paid_and_money_taken_is_honoured() -> None:
    assert TRANSITIONS[PaymentStatus.PAID] == frozenset()
    assert all(
        PaymentStatus.PAID in TRANSITIONS[each]
        for each in TRANSITIONS
        if each is not PaymentStatus.PAID
    )
    assert set(TRANSITIONS) == set(PaymentStatus)


@given(st.floats(min_value=0, max_value=1))
def test_a_young_payment_is_asked_about_each_minute_an_old_one_rarely(chance: float) -> None:
    young = next_poll_at(START, START, chance) - START
    old = next_poll_at(START, START + timedelta(hours=1), chance) - START - timedelta(hours=1)
    assert timedelta(seconds=54) <= young <= timedelta(seconds=66)
    assert timedelta(minutes=9) <= old <= timedelta(minutes=11)


def test_a_number_of_a_payment_is_a_uuid_in_lower_case() -> None:
    assert is_payment_id("0f8fad5b-d9cb-469f-a165-70867728950e")
    assert not is_payment_id("0F8FAD5B-d9cb-469f-a165-70867728950e")
    assert not is_payment_id("0f8fad5b-d9cb-469f-a165-70867728950e\n")
