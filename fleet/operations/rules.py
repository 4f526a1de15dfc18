"""The life of an operation: its statuses, what may follow what, and why it waits."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from protocol.conversation.messages import StepRefusal


class Status(StrEnum):
    """Where an operation stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NEEDS_ATTENTION = "needs_attention"
    CANCELLED = "cancelled"


class Channel(StrEnum):
    """The way an operation goes to its register."""

    CASH_SERVER = "cash_server"
    ASSISTANT = "assistant"
    LOCAL = "local"


class Waiting(StrEnum):
    """What an open operation waits for (the sub-state that people see)."""

    SCHEDULED_TIME = "scheduled_time"
    REGISTER = "register"
    ASSISTANT = "assistant"
    BACKING_UP_SETTINGS = "backing_up_settings"
    LOADING = "loading"
    REGISTERS_WORD = "registers_word"
    """Its cancellation was asked for after a command had left."""


class Cause(StrEnum):
    """Why a status came; the sentences stand in ``errors.CAUSES``."""

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
    OUR_MISTAKE = "our_mistake"


OPEN: Final = (Status.QUEUED, Status.RUNNING)
RETRYABLE: Final = (Status.FAILED, Status.NEEDS_ATTENTION)

TRANSITIONS: Final = {
    Status.QUEUED: {Status.RUNNING, Status.CANCELLED, Status.FAILED, Status.NEEDS_ATTENTION},
    Status.RUNNING: {
        Status.QUEUED,
        Status.SUCCEEDED,
        Status.FAILED,
        Status.NEEDS_ATTENTION,
        Status.CANCELLED,
    },
    Status.NEEDS_ATTENTION: {Status.CANCELLED},
    Status.SUCCEEDED: set[Status](),
    Status.FAILED: set[Status](),
    Status.CANCELLED: set[Status](),
}

LEASE: Final = timedelta(minutes=2)
"""How long a running operation may hear nothing from its register before it is queued again."""

REFUSED_RETRY: Final = timedelta(minutes=5)
"""How long an operation that the register put off stays away from it."""

MAX_REGISTERS: Final = 500
MAX_OPEN_PER_REGISTER: Final = 20


class Refused(NamedTuple):
    """What becomes of an operation whose step the register did not do."""

    status: Status
    cause: Cause


_REFUSALS: Final[dict[int, Refused]] = {
    StepRefusal.SHIFT_OPEN: Refused(Status.QUEUED, Cause.SHIFT_OPEN),
    StepRefusal.RECEIPTS_UNSENT: Refused(Status.QUEUED, Cause.RECEIPTS_UNSENT),
    StepRefusal.BUSY: Refused(Status.QUEUED, Cause.BUSY),
    StepRefusal.LOW_BATTERY: Refused(Status.QUEUED, Cause.LOW_BATTERY),
    StepRefusal.UNSUPPORTED: Refused(Status.FAILED, Cause.UNSUPPORTED),
    StepRefusal.STALE: Refused(Status.NEEDS_ATTENTION, Cause.STALE),
}


def refused(reason: int) -> Refused:
    """The consequence of a STEP_REFUSED; a reason that we do not know needs a person."""
    return _REFUSALS.get(reason, Refused(Status.NEEDS_ATTENTION, Cause.UNSUPPORTED))


def allowed(before: Status, after: Status) -> bool:
    """Whether an operation may go from one status to the other."""
    return after in TRANSITIONS[before]


def moment_there(wall_time: datetime, utc_offset_min: int) -> datetime:
    """The moment at which a register's clock shows ``wall_time`` (naive)."""
    return (wall_time - timedelta(minutes=utc_offset_min)).replace(tzinfo=UTC)


def offset_text(utc_offset_min: int) -> str:
    """A zone as people write it: ``+03:00``."""
    hours, minutes = divmod(abs(utc_offset_min), 60)
    return f"{'-' if utc_offset_min < 0 else '+'}{hours:02}:{minutes:02}"


def moment_text(moment: datetime, utc_offset_min: int) -> str:
    """A moment as a register's clock shows it: ``2027-03-02 12:00 UTC+03:00``."""
    there = moment + timedelta(minutes=utc_offset_min)
    return f"{there:%Y-%m-%d %H:%M} UTC{offset_text(utc_offset_min)}"


def waiting(
    status: Status,
    step: int,
    due_at: datetime,
    cancel_requested: bool,
    now: datetime,
    under_way: Waiting = Waiting.LOADING,
    channel: Channel = Channel.CASH_SERVER,
) -> Waiting | None:
    """The sub-state of an open operation; ``None`` for the others.

    ``under_way``: what its type says of the step that the register is doing.
    """
    if status not in OPEN:
        return None
    if cancel_requested:
        return Waiting.REGISTERS_WORD
    if status is Status.RUNNING:
        return under_way
    if step == 0 and due_at > now:
        return Waiting.SCHEDULED_TIME
    return Waiting.ASSISTANT if channel is Channel.ASSISTANT else Waiting.REGISTER
