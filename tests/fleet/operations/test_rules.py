"""The rules of an operation's life, read against the words of the specification."""

from dataclasses import fields
from datetime import timedelta
from itertools import product
from string import Formatter
from typing import Any

import pytest

from fleet.kit.language import Language
from fleet.operations.errors import CAUSE_TEXTS, channel_unfit, explain, right_needed
from fleet.operations.rules import (
    OPEN,
    TRANSITIONS,
    Channel,
    OperationStatus,
    StatusCause,
    WaitingFor,
    is_allowed,
    judge_refused_step,
    waiting_for,
)
from fleet.operations.types import TYPES
from fleet.operations.work import Work
from protocol.conversation.messages import StepRefusal
from tests.fleet.conftest import START

LATER, EARLIER = START + timedelta(hours=1), START - timedelta(hours=1)

# What the table says, in words: queued and running operations may come to any status, queued
# ones not to success; only a person's decision follows an operation that needs attention.
FORBIDDEN = {
    *((status, status) for status in OperationStatus),
    (OperationStatus.QUEUED, OperationStatus.SUCCEEDED),
    *product(
        [OperationStatus.SUCCEEDED, OperationStatus.FAILED, OperationStatus.CANCELLED],
        OperationStatus,
    ),
    *(
        (OperationStatus.NEEDS_ATTENTION, status)
        for status in OperationStatus
        if status is not OperationStatus.CANCELLED
    ),
}


@pytest.mark.parametrize(("before", "after"), list(product(OperationStatus, OperationStatus)))
def test_transition_is_allowed_only_between_listed_statuses(
    before: OperationStatus, after: OperationStatus
) -> None:
    assert is_allowed(before, after) is ((before, after) not in FORBIDDEN)
    work = a_work(before)
    if (before, after) in FORBIDDEN:
        with pytest.raises(ValueError, match="cannot go"):
            work.change_status(after, StatusCause.DONE, START)
        assert (work.status, work.finished_at) == (before, None)
    else:
        change = work.change_status(after, StatusCause.DONE, START)
        assert (change.from_status, change.to_status, work.status) == (before, after, after)
        assert (work.finished_at == START) is (after not in OPEN)
        assert (work.lease_until is None) is (after is not OperationStatus.RUNNING)
        assert (work.percent == 100) is (after is OperationStatus.SUCCEEDED)


def a_work(status: OperationStatus) -> Work:
    row: dict[str, Any] = dict.fromkeys(field.name for field in fields(Work))
    row |= {
        "id": 1,
        "status": status,
        "cause": StatusCause.CREATED,
        "step": 0,
        "percent": 10,
        "lease_until": LATER,
    }
    return Work(**row)


def test_transitions_name_every_status() -> None:
    assert set(TRANSITIONS) == set(OperationStatus)


@pytest.mark.parametrize(
    ("status", "step", "due_at", "cancel_requested", "expected"),
    [
        (OperationStatus.QUEUED, 0, LATER, False, WaitingFor.SCHEDULED_TIME),
        (OperationStatus.QUEUED, 0, START, False, WaitingFor.REGISTER),
        (OperationStatus.QUEUED, 0, EARLIER, False, WaitingFor.REGISTER),
        (OperationStatus.QUEUED, 3, LATER, False, WaitingFor.REGISTER),
        (OperationStatus.RUNNING, 3, EARLIER, False, WaitingFor.LOADING),
        (OperationStatus.QUEUED, 3, LATER, True, WaitingFor.REGISTER_ANSWER),
        (OperationStatus.RUNNING, 3, EARLIER, True, WaitingFor.REGISTER_ANSWER),
        *((status, 1, LATER, True, None) for status in OperationStatus if status not in OPEN),
    ],
)
def test_open_operation_shows_its_reason_to_wait(
    status: OperationStatus,
    step: int,
    due_at: object,
    cancel_requested: bool,
    expected: WaitingFor | None,
) -> None:
    assert waiting_for(status, step, due_at, cancel_requested, START) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reason", "status", "cause"),
    [
        (StepRefusal.SHIFT_OPEN, OperationStatus.QUEUED, StatusCause.SHIFT_OPEN),
        (StepRefusal.RECEIPTS_UNSENT, OperationStatus.QUEUED, StatusCause.RECEIPTS_UNSENT),
        (StepRefusal.BUSY, OperationStatus.QUEUED, StatusCause.BUSY),
        (StepRefusal.LOW_BATTERY, OperationStatus.QUEUED, StatusCause.LOW_BATTERY),
        (StepRefusal.UNSUPPORTED, OperationStatus.FAILED, StatusCause.UNSUPPORTED),
        (StepRefusal.STALE, OperationStatus.NEEDS_ATTENTION, StatusCause.STALE),
        *(
            (reason, OperationStatus.NEEDS_ATTENTION, StatusCause.UNSUPPORTED)
            for reason in (0, 7, 255)
        ),
    ],
)
def test_refused_step_leads_to_its_status_and_cause(
    reason: int, status: OperationStatus, cause: StatusCause
) -> None:
    assert judge_refused_step(reason) == (status, cause)


def test_every_step_refusal_of_the_protocol_is_known() -> None:
    assert all(judge_refused_step(each).cause.value == each.name.lower() for each in StepRefusal)


DETAILS = {
    "block": 3,
    "blocks": 35,
    "firmware_version": "5.8.14",
    "platform": "5.0",
    "expected": "5.9.1",
    "code": 0x66,
    "command": "enter_mode",
    "setting": 278,
    "number": 7,
    "generation": 2,
    "started": True,
    "operation_id": 7,
    "request": "getDeviceInfo",
    "error": 3,
    "description": "port",
}


def test_refusals_contain_names_and_no_codes() -> None:
    for operation_type in TYPES:
        right = right_needed(operation_type.right).message(Language.RU)
        channels = channel_unfit(operation_type.channels).message(Language.RU)
        assert f"«{operation_type.right}»" not in right and "{" not in right + channels
    told = channel_unfit([Channel.CASH_SERVER, Channel.ASSISTANT])
    assert "через кассовый сервер, через Ассистента" in told.message(Language.RU)


@pytest.mark.parametrize("cause", StatusCause)
def test_every_cause_has_texts_in_both_languages(cause: StatusCause) -> None:
    russian, english = (
        explain(cause, DETAILS, language) for language in (Language.RU, Language.EN)
    )
    assert russian and english and not russian.isascii()
    assert "{" not in russian + english and "True" not in russian + english
    named = [
        {name for _, name, _, _ in Formatter().parse(sentence) if name}
        for sentence in CAUSE_TEXTS[cause]
    ]
    assert named[0] == named[1] <= {*DETAILS, "code_text", "command_name"}


def test_cause_names_the_command_and_not_its_code() -> None:
    said = explain(StatusCause.COMMAND_FAILED, {"command": "rotate_key", "code": 0x66}, Language.RU)
    assert "«перезапись сертификата»" in said and "rotate_key" not in said
    refused = {"command": "firmware_begin", "code": 0x13}
    said = explain(StatusCause.COMMAND_FAILED, refused, Language.RU)
    assert said == "касса отклонила прошивку: подпись или формат не подходит"
