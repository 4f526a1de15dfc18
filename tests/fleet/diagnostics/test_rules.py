"""Which conversations leave a row, and what the server says of a register's link."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from fleet.diagnostics.rules import (
    REASONS,
    REPEATED_WITHIN,
    STATES,
    Ending,
    Link,
    Remembered,
    diagnose,
    is_worth_a_row,
    printed,
)
from fleet.kit.language import Language
from gateway.edge.metrics import Outcome
from tests.fleet.conftest import START as NOW

LAST = Remembered("tcp", "2001:db8::1", "served", NOW)


def ending(outcome: str = "served", **changes: Any) -> Ending:
    ordinary = Ending("00106900000001", "tcp", "2001:db8::1", outcome, "", "open", 0, (), 12)
    return ordinary._replace(**changes)


@pytest.mark.parametrize(
    ("what", "last", "expected"),
    [
        (ending(), None, True),
        (ending(), LAST, False),
        (ending(peer="2001:db8::2"), LAST, True),
        (ending(road="tls"), LAST, True),
        (ending(), LAST._replace(outcome="cut"), True),
        (ending(steps=1), LAST, True),
        (ending("cut"), LAST, True),
        (ending("cut"), LAST._replace(outcome="cut"), False),
        (ending("cut"), LAST._replace(outcome="cut", at=NOW - REPEATED_WITHIN), True),
        (ending("timed_out"), LAST._replace(outcome="cut"), False),
        (ending("cut", steps=1), LAST._replace(outcome="cut"), True),
    ],
)
def test_only_news_leave_a_row(what: Ending, last: Remembered | None, expected: bool) -> None:
    assert is_worth_a_row(what, last, NOW) is expected


LATELY, LONG_AGO = NOW - timedelta(minutes=5), NOW - timedelta(hours=2)


@pytest.mark.parametrize(
    ("seen_at", "failed_at", "outcome", "blocked", "expected"),
    [
        (LATELY, None, "", False, (Link.YES, Link.YES, "called")),
        (LATELY, LATELY, "cut", False, (Link.YES, Link.YES, "called")),
        (LONG_AGO, LATELY, "refused_key", False, (Link.YES, Link.NO, "refused_key")),
        (None, LATELY, "refused_unknown", False, (Link.YES, Link.NO, "refused_unknown")),
        (None, LATELY, "a word of tomorrow", False, (Link.YES, Link.NO, "other")),
        (LONG_AGO, LONG_AGO, "cut", False, (Link.UNKNOWN, Link.NO, "silent")),
        (LONG_AGO, None, "", False, (Link.UNKNOWN, Link.NO, "silent")),
        (None, None, "", False, (Link.UNKNOWN, Link.NO, "never")),
        (LONG_AGO, LATELY, "refused_blocked", True, (Link.YES, Link.NO, "blocked")),
        (LATELY, None, "", True, (Link.YES, Link.NO, "blocked")),
        (LONG_AGO, None, "", True, (Link.UNKNOWN, Link.NO, "silent")),
    ],
)
def test_the_diagnosis(
    seen_at: datetime | None,
    failed_at: datetime | None,
    outcome: str,
    blocked: bool,
    expected: tuple[Link, Link, str],
) -> None:
    assert diagnose(seen_at, failed_at, outcome, blocked, NOW) == expected


def test_every_outcome_of_the_gateway_has_a_sentence() -> None:
    """Those that are left out are no trouble of the register's link."""
    untold = {Outcome.SERVED, Outcome.STOPPED, Outcome.TAKEN_OVER}
    for outcome in set(Outcome) - untold:
        said = diagnose(None, LATELY, outcome, outcome is Outcome.REFUSED_BLOCKED, NOW)
        assert said.reason != "other", outcome


def test_sentences_are_in_both_languages() -> None:
    for texts in (*REASONS.values(), *STATES.values()):
        assert set(texts) == set(Language)
        assert not texts[Language.RU].isascii() and texts[Language.EN].isascii()


def test_the_report_is_printed_as_the_manual_shows_it() -> None:
    good = diagnose(LATELY, None, "", False, NOW)
    assert printed(good, Language.RU) == [
        "Выход в интернет:.....Есть",
        "Подключение к ЛК:.....Есть",
    ]
