"""What becomes of each register, and how old a consent may be."""

from datetime import UTC, date, datetime

import pytest

from fleet.access_requests.errors import OWNER_DIFFERS
from fleet.access_requests.rules import (
    REASONS,
    AccessRoute,
    RefusalReason,
    RegisterFacts,
    judge,
    refuse_consent,
)
from fleet.kit.errors import Refusal
from fleet.registers.errors import ALREADY_YOURS

MINE, THEIRS = 1, 2
INN, OTHER_INN = "7707083893", "7736050003"

CASES: tuple[tuple[RegisterFacts, AccessRoute | Refusal], ...] = (
    (RegisterFacts(None, False, ""), AccessRoute.BY_NUMBER),
    (RegisterFacts(None, False, INN), AccessRoute.AT_ONCE),
    (RegisterFacts(None, True, INN), AccessRoute.AT_ONCE),
    (RegisterFacts(None, True, ""), AccessRoute.BY_REQUEST),
    (RegisterFacts(None, True, OTHER_INN), OWNER_DIFFERS),
    (RegisterFacts(THEIRS, False, ""), AccessRoute.BY_REQUEST),
    (RegisterFacts(THEIRS, True, INN), AccessRoute.BY_REQUEST),
    (RegisterFacts(THEIRS, True, OTHER_INN), OWNER_DIFFERS),
    (RegisterFacts(MINE, True, INN), ALREADY_YOURS),
    (RegisterFacts(MINE, True, OTHER_INN), ALREADY_YOURS),
)


@pytest.mark.parametrize(("known", "verdict"), CASES)
def test_register_is_obtained_at_once_by_request_or_not_at_all(
    known: RegisterFacts, verdict: AccessRoute | Refusal
) -> None:
    assert judge(known, known.partner_id == MINE, INN) == verdict


def test_register_outside_the_scope_is_like_another_partners() -> None:
    assert judge(RegisterFacts(MINE, True, INN), False, INN) is AccessRoute.BY_REQUEST
    assert judge(RegisterFacts(MINE, True, OTHER_INN), False, INN) is OWNER_DIFFERS


# A request of 31 March, 22:30 in Moscow: in Kamchatka it is 1 April already.
LATE = datetime(2026, 3, 31, 19, 30, tzinfo=UTC)

DATES = (
    (date(2026, 4, 2), "consent_in_the_future"),
    (date(2026, 4, 1), None),
    (date(2026, 3, 31), None),
    (date(2026, 3, 1), None),
    (date(2026, 2, 28), "consent_too_old"),
    (date(2000, 1, 1), "consent_too_old"),
)


@pytest.mark.parametrize(("signed_on", "code"), DATES)
def test_a_consent_is_at_most_thirty_days_old(signed_on: date, code: str | None) -> None:
    refused = refuse_consent(signed_on, LATE)
    assert (refused.code if refused else None) == code


def test_day_of_a_request_is_in_moscow_time() -> None:
    after_midnight = datetime(2026, 3, 31, 21, 0, tzinfo=UTC)
    assert refuse_consent(date(2026, 3, 1), after_midnight) is not None
    assert refuse_consent(date(2026, 3, 2), after_midnight) is None


def test_the_eight_reasons_of_the_manual_have_texts() -> None:
    assert len(RefusalReason) == 8
    assert set(REASONS) == set(RefusalReason)
    assert REASONS[RefusalReason.NO_STAMP][0] == "Нет печати (кроме ИП)"
