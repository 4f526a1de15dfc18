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
def test_amount_conversion_round_trips(kopecks: int) -> None:
    assert to_kopecks(to_roubles(kopecks)) == kopecks


@pytest.mark.parametrize("text", ["", "1", "1.0", "1,00", "-1.00", " 1.00", "1.00 ", "١.٠٠", "1e2"])
def test_malformed_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        to_kopecks(text)


def test_paid_status_is_final_and_late_payment_counts() -> None:
    assert TRANSITIONS[PaymentStatus.PAID] == frozenset()
    assert all(
        PaymentStatus.PAID in TRANSITIONS[each]
        for each in TRANSITIONS
        if each is not PaymentStatus.PAID
    )
    assert set(TRANSITIONS) == set(PaymentStatus)


@given(st.floats(min_value=0, max_value=1))
def test_polling_slows_down_with_the_age_of_a_payment(chance: float) -> None:
    young = next_poll_at(START, START, chance) - START
    old = next_poll_at(START, START + timedelta(hours=1), chance) - START - timedelta(hours=1)
    assert timedelta(seconds=54) <= young <= timedelta(seconds=66)
    assert timedelta(minutes=9) <= old <= timedelta(minutes=11)


def test_payment_number_is_a_lower_case_uuid() -> None:
    assert is_payment_id("0f8fad5b-d9cb-469f-a165-70867728950e")
    assert not is_payment_id("0F8FAD5B-d9cb-469f-a165-70867728950e")
    assert not is_payment_id("0f8fad5b-d9cb-469f-a165-70867728950e\n")
