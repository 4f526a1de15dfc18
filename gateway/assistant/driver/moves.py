"""What a command of the wire becomes before the driver: questions, then at most one order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.assistant.driver.notes import Document, Notes
from gateway.assistant.driver.words import (
    EXTENDED,
    REFUSALS,
    RESULT_CODES,
    Body,
    Told,
    number,
    part,
    text,
    wall,
)
from protocol.conversation.messages import StepRefusal
from protocol.fields import Fields
from protocol.kktpc.commands import BY_NAME, encode_answer, encode_failure
from protocol.platforms import Platform

Answer = bytes | StepRefusal


@dataclass(frozen=True, slots=True)
class Order:
    """A task that changes something: given once for each step, whatever happens."""

    task: Body


@dataclass(frozen=True, slots=True)
class Question:
    """Tasks that only ask, and what follows from their results.

    An error of the driver ends the command with it, unless ``forgiving``.
    """

    tasks: Sequence[Body]
    then: Callable[[Sequence[Told]], "Move"]
    forgiving: bool = False


Move = Answer | Question | Order


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the register without asking."""

    platform: Platform
    model: int
    serial_number: str
    notes: Notes


@dataclass(frozen=True, slots=True)
class Row:
    """How one command is said.  ``told`` makes the answer of an order's results; a command
    without it gives no order."""

    begin: Callable[[Fields, Known], Move]
    told: Callable[[Told], Answer] | None = None
    after: Callable[[Notes, Document | None], None] = field(default=lambda notes, document: None)
    """What to note when the order was done; the document that it made, where that is known."""


def failed(name: str, code: int) -> Answer:
    """The answer to a command for an error of the driver."""
    if code in REFUSALS:
        return REFUSALS[code]
    command = BY_NAME[name]
    if command.failure is None:
        return StepRefusal.UNSUPPORTED
    return encode_failure(command, RESULT_CODES.get(code, EXTENDED))


def done(name: str) -> Callable[[Told], Answer]:
    """An order's answer that says no more than "done"."""
    return lambda told: failed(name, told.code) if told.code else encode_answer(name)


def answer(name: str, **fields: object) -> bytes:
    """A good answer with fields."""
    return encode_answer(name, **fields)


def when_quiet(then: Move) -> Question:
    """Nothing is done to the drive while a shift is open or the OFD has not taken everything."""

    def judge(told: Sequence[Told]) -> Move:
        shift, exchange = (each.result for each in told)
        if text(part(shift, "shiftStatus"), "state") != "closed":
            return StepRefusal.SHIFT_OPEN
        if number(part(exchange, "status"), "notSentCount"):
            return StepRefusal.RECEIPTS_UNSENT
        return then

    return Question(({"type": "getShiftStatus"}, {"type": "ofdExchangeStatus"}), judge)


def with_last_document(then: Callable[[int, Body], Move]) -> Question:
    """``then`` gets the number of the last document and what the drive keeps of it, by tags; a
    document that cannot be read leaves them empty."""

    def numbered(told: Sequence[Told]) -> Move:
        last = number(part(told[0].result, "fnStatus"), "fiscalDocumentNumber")
        task = {"type": "getFnDocument", "fiscalDocumentNumber": last, "withRawData": False}
        return Question((task,), lambda found: then(last, _tags(found[0])), forgiving=True)

    return Question(({"type": "getFnStatus"},), numbered)


def _tags(told: Told) -> Body:
    return {} if told.code else part(told.result, "documentTLV")


def document_of(last: int, tags: Body, noted: Document | None) -> Document:
    """The document of that number from its tags, else from the notes."""
    if noted is not None and noted.number == last:
        return noted
    sign = text(tags, "1077")
    return Document(last, wall(tags, "1012"), sign if _is_sign(sign) else "0" * 10)


def document_from(result: Body) -> Document | None:
    """What the driver says of a document that it has made (``fiscalParams``)."""
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


def midnight(found: datetime | None) -> datetime | None:
    """The day alone."""
    return found and found.replace(hour=0, minute=0, second=0)
