"""TABLE of the questions to a fiscal drive (KKT-PC 3.4): what stands in an answer of command A4.

Numbers are little-endian and dates binary, unlike everywhere else on this wire.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from construct import (
    BitStruct,
    Byte,
    Bytes,
    Construct,
    ExprAdapter,
    Flag,
    Int16ul,
    Int32ul,
    Padding,
)

from protocol.fields import Fields, build, parse, whole

PHASES = {0: "setup", 1: "ready", 3: "fiscal", 7: "post_fiscal", 15: "archive_read"}
"""The byte of the phase of life, in the words of the telemetry."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """`number` goes after A4; `layout` is that of the answer after 55 00."""

    number: int
    name: str
    layout: Construct


def _moment(length: int) -> Construct:
    """YY MM DD, and hh mm where there is room for them; all zeros are None."""

    def decode(raw: bytes, _: object) -> datetime | None:
        return datetime(2000 + raw[0], *raw[1:]) if any(raw) else None

    def encode(moment: date | None, _: object) -> bytes:
        parts = () if moment is None else (moment.year - 2000, *moment.timetuple()[1:length])
        return bytes(parts).ljust(length, b"\0")

    return ExprAdapter(Bytes(length), decode, encode)


_ascii_16 = ExprAdapter(
    Bytes(16), lambda raw, _: raw.decode("ascii"), lambda text, _: text.encode("ascii")
)
_warnings = BitStruct(
    "critical_error" / Flag,
    Padding(3),
    "ofd_timeout" / Flag,
    "memory_full" / Flag,
    "resource_ending" / Flag,
    "replace_urgently" / Flag,
)

# fmt: off
QUESTIONS: tuple[Question, ...] = (
    Question(0x20, "exchange", whole(
        "status" / Byte, "reading" / Byte, "unsent_documents" / Int16ul,
        "first_unsent_document" / Int32ul, "first_unsent_at" / _moment(5))),
    Question(0x30, "status", whole(
        "phase" / Byte, "document" / Byte, "document_data" / Byte, "shift_open" / Byte,
        "warnings" / _warnings, "last_document_at" / _moment(5), "number" / _ascii_16,
        "last_document" / Int32ul)),
    Question(0x32, "validity", whole(
        "valid_until" / _moment(3), "registrations_left" / Byte, "registrations_made" / Byte)),
)
# fmt: on

BY_NAME = {question.name: question for question in QUESTIONS}
BY_NUMBER = {question.number: question for question in QUESTIONS}


def parse_answer(question: Question, data: bytes) -> Fields:
    """The fields in an answer's data; RemoteError unless they fit exactly."""
    return parse(question.layout, data, f"fiscal drive {question.name}")


def encode_answer(question: Question, /, **fields: Any) -> bytes:
    """The data of an answer; LocalError for a field that cannot be sent."""
    return build(question.layout, fields, f"fiscal drive {question.name}")
