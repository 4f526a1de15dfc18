"""Rules of an operation's life: its statuses, their transitions, and why it waits."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from protocol.conversation.messages import StepRefusal


class OperationStatus(StrEnum):
    """Status of an operation."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NEEDS_ATTENTION = "needs_attention"
    CANCELLED = "cancelled"


class Channel(StrEnum):
    """Channel by which an operation reaches its register."""

    CASH_SERVER = "cash_server"
    ASSISTANT = "assistant"
    LOCAL = "local"


class WaitingFor(StrEnum):
    """Reason why an open operation waits (the sub-state that people see)."""

    SCHEDULED_TIME = "scheduled_time"
    REGISTER = "register"
    ASSISTANT = "assistant"
    BACKING_UP_SETTINGS = "backing_up_settings"
    LOADING = "loading"
    REGISTER_ANSWER = "registers_word"
    """Its cancellation was requested after a command had left."""


class StatusCause(StrEnum):
    """Reason of a status; its sentences are in ``errors.CAUSE_TEXTS``."""

    CREATED = "created"
    TAKEN = "taken"
    DONE = "done"
    LINK_LOST = "link_lost"
    ANSWER_CAME = "answer_came"
    AWAITING_CALL = "awaiting_call"
    DEADLINE = "deadline"
    CANCELLED_BY_EMPLOYEE = "cancelled_by_employee"
    CANCELLED_BY_OPERATION = "cancelled_by_operation"
    CANCELLED_BY_ROLLOUT = "cancelled_by_rollout"
    HANDED_OVER = "handed_over"
    REPLACED = "replaced"
    DRIVER_FAILED = "driver_failed"
    COMMAND_FAILED = "command_failed"
    NOT_CALLED = "not_called"
    LICENCE_NOT_HELD = "licence_not_held"
    NO_REGISTRATIONS_LEFT = "no_registrations_left"
    KEY_NOT_TAKEN = "key_not_taken"
    SETTING_FAILED = "setting_failed"
    SETTING_UNFIT = "setting_unfit"
    BAD_ANSWER = "bad_answer"
    SHIFT_OPEN = "shift_open"
    RECEIPTS_UNSENT = "receipts_unsent"
    BUSY = "busy"
    UNSUPPORTED = "unsupported"
    LOW_BATTERY = "low_battery"
    TRANSFER_STALLED = "transfer_stalled"
    FIRMWARE_UNCHANGED = "firmware_unchanged"
    STALE = "stale"
    INTERNAL_ERROR = "our_mistake"


OPEN: Final = (OperationStatus.QUEUED, OperationStatus.RUNNING)
RETRYABLE: Final = (OperationStatus.FAILED, OperationStatus.NEEDS_ATTENTION)

TRANSITIONS: Final = {
    OperationStatus.QUEUED: {
        OperationStatus.RUNNING,
        OperationStatus.CANCELLED,
        OperationStatus.FAILED,
        OperationStatus.NEEDS_ATTENTION,
    },
    OperationStatus.RUNNING: {
        OperationStatus.QUEUED,
        OperationStatus.SUCCEEDED,
        OperationStatus.FAILED,
        OperationStatus.NEEDS_ATTENTION,
        OperationStatus.CANCELLED,
    },
    OperationStatus.NEEDS_ATTENTION: {OperationStatus.CANCELLED},
    OperationStatus.SUCCEEDED: set[OperationStatus](),
    OperationStatus.FAILED: set[OperationStatus](),
    OperationStatus.CANCELLED: set[OperationStatus](),
}

LEASE: Final = timedelta(minutes=2)
"""Longest time that a running operation waits for its register's answer before it is queued
again."""

REFUSED_RETRY_DELAY: Final = timedelta(minutes=5)
"""Time before an operation that the register has postponed is given to it again."""

MAX_REGISTERS: Final = 500
MAX_OPEN_PER_REGISTER: Final = 20


class RefusedStep(NamedTuple):
    """New status of an operation whose step the register refused, and the cause."""

    status: OperationStatus
    cause: StatusCause


_REFUSED_STEPS: Final[dict[int, RefusedStep]] = {
    StepRefusal.SHIFT_OPEN: RefusedStep(OperationStatus.QUEUED, StatusCause.SHIFT_OPEN),
    StepRefusal.RECEIPTS_UNSENT: RefusedStep(OperationStatus.QUEUED, StatusCause.RECEIPTS_UNSENT),
    StepRefusal.BUSY: RefusedStep(OperationStatus.QUEUED, StatusCause.BUSY),
    StepRefusal.LOW_BATTERY: RefusedStep(OperationStatus.QUEUED, StatusCause.LOW_BATTERY),
    StepRefusal.UNSUPPORTED: RefusedStep(OperationStatus.FAILED, StatusCause.UNSUPPORTED),
    StepRefusal.STALE: RefusedStep(OperationStatus.NEEDS_ATTENTION, StatusCause.STALE),
}


def judge_refused_step(reason: int) -> RefusedStep:
    """Return the consequence of a STEP_REFUSED with this reason.

    An operation with an unknown reason needs a person's attention.
    """
    return _REFUSED_STEPS.get(
        reason, RefusedStep(OperationStatus.NEEDS_ATTENTION, StatusCause.UNSUPPORTED)
    )


def is_allowed(before: OperationStatus, after: OperationStatus) -> bool:
    """Tell whether an operation may go from one status to the other."""
    return after in TRANSITIONS[before]


def to_utc(wall_time: datetime, utc_offset_min: int) -> datetime:
    """Return the moment at which a register's clock shows ``wall_time`` (naive)."""
    return (wall_time - timedelta(minutes=utc_offset_min)).replace(tzinfo=UTC)


def offset_text(utc_offset_min: int) -> str:
    """Return a time zone as people write it: ``+03:00``."""
    hours, minutes = divmod(abs(utc_offset_min), 60)
    return f"{'-' if utc_offset_min < 0 else '+'}{hours:02}:{minutes:02}"


def moment_text(moment: datetime, utc_offset_min: int) -> str:
    """Return a moment as a register's clock shows it: ``2027-03-02 12:00 UTC+03:00``."""
    there = moment + timedelta(minutes=utc_offset_min)
    return f"{there:%Y-%m-%d %H:%M} UTC{offset_text(utc_offset_min)}"


def waiting_for(
    status: OperationStatus,
    step: int,
    due_at: datetime,
    cancel_requested: bool,
    now: datetime,
    under_way: WaitingFor = WaitingFor.LOADING,
    channel: Channel = Channel.CASH_SERVER,
) -> WaitingFor | None:
    """Return the sub-state of an open operation; ``None`` for an operation that has ended.

    ``under_way`` is the sub-state that its type gives to the step that the register is doing.
    """
    if status not in OPEN:
        return None
    if cancel_requested:
        return WaitingFor.REGISTER_ANSWER
    if status is OperationStatus.RUNNING:
        return under_way
    if step == 0 and due_at > now:
        return WaitingFor.SCHEDULED_TIME
    return WaitingFor.ASSISTANT if channel is Channel.ASSISTANT else WaitingFor.REGISTER
