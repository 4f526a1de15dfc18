"""Limits that count, with the time in the test's hand."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.limits import Bucket, PerAddress


def test_a_bucket_lets_a_second_of_frames_through_at_once() -> None:
    bucket = Bucket(5, now=100.0)
    assert [bucket.take(1, 100.0) for _ in range(6)] == [True] * 5 + [False]


def test_a_bucket_refills_with_time_up_to_its_capacity() -> None:
    bucket = Bucket(5, now=0.0)
    assert bucket.take(5, 0.0)
    assert bucket.take(1, 0.2)
    assert not bucket.take(1, 0.2)
    assert bucket.take(5, 1000.0)
    assert not bucket.take(1, 1000.0)


def test_taking_nothing_costs_nothing() -> None:
    bucket = Bucket(1, now=0.0)
    assert all(bucket.take(0, 0.0) for _ in range(100))


@given(st.lists(st.tuples(st.floats(0, 0.5), st.integers(0, 5)), max_size=60))
def test_no_more_passes_than_the_rate_and_one_bucket(takes: list[tuple[float, int]]) -> None:
    bucket, now, passed = Bucket(10, now=0.0), 0.0, 0
    for pause, count in takes:
        now += pause
        passed += count if bucket.take(count, now) else 0
    assert passed <= 10 + 10 * now + 1e-6


def test_an_address_has_its_count_each_minute() -> None:
    limit = PerAddress(2)
    assert [limit.take("a", 0.0) for _ in range(3)] == [True, True, False]
    assert limit.take("b", 0.0)
    assert not limit.take("a", 59.9)
    assert limit.take("a", 60.0)


def test_zero_means_no_limit() -> None:
    limit = PerAddress(0)
    assert all(limit.take("a", 0.0) for _ in range(1000))


def test_a_flood_of_addresses_is_limited_in_memory() -> None:
    limit = PerAddress(1, max_addresses=50)
    for number in range(1000):
        limit.take(str(number), 1.0)
        assert len(limit._counts) <= 50
