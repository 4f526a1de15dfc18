"""Translation of a command into requests to the driver: queries, then at most one change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.assistant.driver.register_memory import Document, RegisterMemory
from gateway.assistant.driver.vocabulary import (
    EXTENDED,
    REFUSALS,
    RESULT_CODES,
    Body,
    TaskResult,
    number,
    part,
    text,
    wall,
)
from protocol.conversation.messages import StepRefusal
from protocol.fields import Fields
from protocol.kktpc.commands import BY_NAME, encode_answer, encode_failure
from protocol.platforms import Platform

CommandAnswer = bytes | StepRefusal


@dataclass(frozen=True, slots=True)
class ChangeTask:
    """A task that changes something; it is submitted at most once for each step."""

    task: Body


@dataclass(frozen=True, slots=True)
class QueryTasks:
    """Tasks that only ask, and the function that continues with their results.

    An error of the driver ends the command with it, unless ``allows_errors``.
    """

    tasks: Sequence[Body]
    then: Callable[[Sequence[TaskResult]], "DriverRequest"]
    allows_errors: bool = False


DriverRequest = CommandAnswer | QueryTasks | ChangeTask


@dataclass(frozen=True, slots=True)
class RegisterFacts:
    """Facts about the register that are known without asking."""

    platform: Platform
    model: int
    serial_number: str
    memory: RegisterMemory


@dataclass(frozen=True, slots=True)
class CommandTranslation:
    """Translation of one command.

    ``answer_from`` makes the answer from a change's result; a command without it makes no change.
    """

    first_request: Callable[[Fields, RegisterFacts], DriverRequest]
    answer_from: Callable[[TaskResult], CommandAnswer] | None = None
    remember: Callable[[RegisterMemory, Document | None], None] = field(
        default=lambda notes, document: None
    )
    """Function that records a completed change and the document that it made, if known."""


def answer_failed(name: str, code: int) -> CommandAnswer:
    """Return the answer to a command for an error of the driver."""
    if code in REFUSALS:
        return REFUSALS[code]
    command = BY_NAME[name]
    if command.failure is None:
        return StepRefusal.UNSUPPORTED
    return encode_failure(command, RESULT_CODES.get(code, EXTENDED))


def answer_done(name: str) -> Callable[[TaskResult], CommandAnswer]:
    """Return a function that makes an answer which only means "done", or its error."""
    return lambda told: answer_failed(name, told.code) if told.code else encode_answer(name)


def answer_with(name: str, **fields: object) -> bytes:
    """Return a good answer with fields."""
    return encode_answer(name, **fields)


def when_drive_is_quiet(then: DriverRequest) -> QueryTasks:
    """Return queries that refuse ``then`` while the drive must not be changed.

    This is while a shift is open or the OFD has not received all documents.
    """

    def judge(told: Sequence[TaskResult]) -> DriverRequest:
        shift, exchange = (each.result for each in told)
        if text(part(shift, "shiftStatus"), "state") != "closed":
            return StepRefusal.SHIFT_OPEN
        if number(part(exchange, "status"), "notSentCount"):
            return StepRefusal.RECEIPTS_UNSENT
        return then

    return QueryTasks(({"type": "getShiftStatus"}, {"type": "ofdExchangeStatus"}), judge)


def with_last_document(then: Callable[[int, Body], DriverRequest]) -> QueryTasks:
    """Return queries that call ``then`` with the last document's number and its tags.

    The tags are empty if the document cannot be read.
    """

    def numbered(told: Sequence[TaskResult]) -> DriverRequest:
        last = number(part(told[0].result, "fnStatus"), "fiscalDocumentNumber")
        task = {"type": "getFnDocument", "fiscalDocumentNumber": last, "withRawData": False}
        return QueryTasks((task,), lambda found: then(last, _tags(found[0])), allows_errors=True)

    return QueryTasks(({"type": "getFnStatus"},), numbered)


def _tags(told: TaskResult) -> Body:
    return {} if told.code else part(told.result, "documentTLV")


def document_of(last: int, tags: Body, noted: Document | None) -> Document:
    """Return the document of that number from the noted one, else from its tags."""
    if noted is not None and noted.number == last:
        return noted
    sign = text(tags, "1077")
    return Document(last, wall(tags, "1012"), sign if _is_sign(sign) else "0" * 10)


def document_from(result: Body) -> Document | None:
    """Return the document that the driver reports to have made (``fiscalParams``), or None."""
    told = part(result, "fiscalParams")
    made = number(told, "fiscalDocumentNumber")
    sign = text(told, "fiscalDocumentSign")
    if not made:
        return None
    return Document(
        made, wall(told, "fiscalDocumentDateTime"), sign if _is_sign(sign) else "0" * 10
    )


def _is_sign(sign: str) -> bool:
    return len(sign) <= 10 and sign.isascii() and sign.isdecimal()


def date_alone(found: datetime | None) -> datetime | None:
    """Return the beginning of the day, or None."""
    return found and found.replace(hour=0, minute=0, second=0)
