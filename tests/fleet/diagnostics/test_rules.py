"""Which conversations leave a row, and what the server says of a register's link."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from fleet.diagnostics.rules import (
    REASONS,
    REPEAT_INTERVAL,
    STATES,
    EndedConversation,
    LastConversation,
    LinkState,
    diagnose,
    is_worth_a_row,
    printed_lines,
)
from fleet.kit.language import Language
from gateway.edge.metrics import ConversationOutcome
from protocol.transport import Transport
from tests.fleet.conftest import START as NOW

LAST = LastConversation(Transport.TCP, "2001:db8::1", "served", NOW)


def ending(outcome: str = "served", **changes: Any) -> EndedConversation:
    ordinary = EndedConversation(
        "00106900000001", Transport.TCP, "2001:db8::1", outcome, "", "open", 0, (), 12
    )
    return ordinary._replace(**changes)


@pytest.mark.parametrize(
    ("what", "last", "expected"),
    [
        (ending(), None, True),
        (ending(), LAST, False),
        (ending(peer="2001:db8::2"), LAST, True),
        (ending(transport=Transport.TLS), LAST, True),
        (ending(), LAST._replace(outcome="cut"), True),
        (ending(steps=1), LAST, True),
        (ending("cut"), LAST, True),
        (ending("cut"), LAST._replace(outcome="cut"), False),
        (ending("cut"), LAST._replace(outcome="cut", at=NOW - REPEAT_INTERVAL), True),
        (ending("timed_out"), LAST._replace(outcome="cut"), False),
        (ending("cut", steps=1), LAST._replace(outcome="cut"), True),
    ],
)
def test_only_new_information_is_worth_a_row(
    what: EndedConversation, last: LastConversation | None, expected: bool
) -> None:
    assert is_worth_a_row(what, last, NOW) is expected


LATELY, LONG_AGO = NOW - timedelta(minutes=5), NOW - timedelta(hours=2)


@pytest.mark.parametrize(
    ("seen_at", "failed_at", "outcome", "blocked", "expected"),
    [
        (LATELY, None, "", False, (LinkState.YES, LinkState.YES, "called")),
        (LATELY, LATELY, "cut", False, (LinkState.YES, LinkState.YES, "called")),
        (LONG_AGO, LATELY, "refused_key", False, (LinkState.YES, LinkState.NO, "refused_key")),
        (None, LATELY, "refused_unknown", False, (LinkState.YES, LinkState.NO, "refused_unknown")),
        (None, LATELY, "a word of tomorrow", False, (LinkState.YES, LinkState.NO, "other")),
        (LONG_AGO, LONG_AGO, "cut", False, (LinkState.UNKNOWN, LinkState.NO, "silent")),
        (LONG_AGO, None, "", False, (LinkState.UNKNOWN, LinkState.NO, "silent")),
        (None, None, "", False, (LinkState.UNKNOWN, LinkState.NO, "never")),
        (LONG_AGO, LATELY, "refused_blocked", True, (LinkState.YES, LinkState.NO, "blocked")),
        (LATELY, None, "", True, (LinkState.YES, LinkState.NO, "blocked")),
        (LONG_AGO, None, "", True, (LinkState.UNKNOWN, LinkState.NO, "silent")),
    ],
)
def test_diagnosis_follows_from_the_last_reading_and_failure(
    seen_at: datetime | None,
    failed_at: datetime | None,
    outcome: str,
    blocked: bool,
    expected: tuple[LinkState, LinkState, str],
) -> None:
    assert diagnose(seen_at, failed_at, outcome, blocked, NOW) == expected


def test_every_outcome_of_the_gateway_has_a_reason_text() -> None:
    """Those that are left out are no trouble of the register's link."""
    untold = {
        ConversationOutcome.SERVED,
        ConversationOutcome.STOPPED,
        ConversationOutcome.TAKEN_OVER,
    }
    for outcome in set(ConversationOutcome) - untold:
        said = diagnose(None, LATELY, outcome, outcome is ConversationOutcome.REFUSED_BLOCKED, NOW)
        assert said.reason != "other", outcome


def test_reason_texts_exist_in_both_languages() -> None:
    for texts in (*REASONS.values(), *STATES.values()):
        assert set(texts) == set(Language)
        assert not texts[Language.RU].isascii() and texts[Language.EN].isascii()


def test_report_is_printed_as_in_the_manual() -> None:
    good = diagnose(LATELY, None, "", False, NOW)
    assert printed_lines(good, Language.RU) == [
        "Выход в интернет:.....Есть",
        "Подключение к ЛК:.....Есть",
    ]
