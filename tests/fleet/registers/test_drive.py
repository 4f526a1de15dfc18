"""The term of a fiscal drive and the forecast of its end, without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from fleet.registers.rules import (
    DRIVE_DOCUMENTS,
    DriveUsage,
    documents_per_day,
    full_at,
    valid_until,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def drive(
    days: float,
    documents: int,
    number: str = "1",
    activated: float | None = -100,
    until: float | None = 300,
) -> DriveUsage:
    """A reading so many days after now; the drive's moments are days too."""
    moments = [None if each is None else NOW + each * DAY for each in (activated, until)]
    return DriveUsage(NOW + days * DAY, number, documents, *moments)


def test_average_is_taken_over_the_stored_history() -> None:
    assert documents_per_day(drive(-10, 1000), drive(0, 6000)) == 500
    assert documents_per_day(drive(-1.5, 1000), drive(0, 1300)) == 200


def test_average_without_a_day_of_history_is_since_activation() -> None:
    latest = drive(0, 6000)
    assert documents_per_day(None, latest) == 60
    assert documents_per_day(drive(-0.5, 5000), latest) == 60


def test_new_drive_starts_a_new_average() -> None:
    assert documents_per_day(drive(-10, 90_000, number="0"), drive(0, 300, activated=-3)) == 100


def test_drive_without_a_day_of_use_has_no_average() -> None:
    assert documents_per_day(None, drive(0, 50, activated=-0.5)) is None
    assert documents_per_day(None, drive(0, 50, activated=None)) is None


def test_memory_ends_before_the_term_of_a_busy_drive() -> None:
    latest = drive(0, DRIVE_DOCUMENTS - 5000)
    assert full_at(latest, 500) == NOW + 10 * DAY
    assert full_at(drive(0, DRIVE_DOCUMENTS + 1), 500) == NOW


@pytest.mark.parametrize("per_day", [None, 0.0, 1.0])
def test_drive_with_few_documents_lasts_until_the_end_of_its_term(per_day: float | None) -> None:
    assert full_at(drive(0, 10), per_day) == NOW + 300 * DAY


def test_drive_without_data_has_no_forecast() -> None:
    unknown = drive(0, 0, activated=None, until=None)
    assert full_at(unknown, None) is None
    assert full_at(unknown, 0.001) is None


def test_forecast_survives_an_activation_date_of_a_dead_clock() -> None:
    ancient = DriveUsage(NOW, "1", 1, datetime(2000, 1, 1, tzinfo=UTC), None)
    rate = documents_per_day(None, ancient)
    assert full_at(ancient, rate) == datetime(2001, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("documents", [0, 2**32 - 1])
@pytest.mark.parametrize("activated", [0, 1, 2**32 - 1])
def test_any_block_has_a_forecast_or_none(documents: int, activated: int) -> None:
    moment = datetime.fromtimestamp(activated, UTC)
    latest = DriveUsage(NOW, "1", documents, moment, None)
    first = DriveUsage(NOW - 1000 * DAY, "1", 0, moment, None)
    for before in (None, first):
        full_at(latest, documents_per_day(before, latest))


@pytest.mark.parametrize(
    ("activated", "until"),
    [
        (datetime(2026, 1, 15, 8, tzinfo=UTC), datetime(2027, 2, 15, 8, tzinfo=UTC)),
        (datetime(2026, 1, 31, tzinfo=UTC), datetime(2027, 2, 28, tzinfo=UTC)),
        (datetime(2026, 12, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)),
    ],
)
def test_drive_without_reported_end_lasts_thirteen_months(
    activated: datetime, until: datetime
) -> None:
    assert valid_until(DriveUsage(NOW, "1", 0, activated, None)) == until


def test_reported_term_overrides_the_thirteen_months() -> None:
    assert valid_until(drive(0, 0, activated=-1000, until=80)) == NOW + 80 * DAY
