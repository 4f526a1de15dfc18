"""TABLE of the questions to a fiscal drive (KKT-PC 3.4): parameters of command A4 and its answers.

Numbers are little-endian and dates binary, unlike elsewhere in this protocol.
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
    GreedyBytes,
    Int16ul,
    Int32ul,
    Padding,
    Prefixed,
)

from protocol.errors import RemoteError
from protocol.fields import Fields, build, parse, whole
from protocol.kktpc.commands import encode_request

PHASES = {0: "setup", 1: "ready", 3: "fiscal", 7: "post_fiscal", 15: "archive_read"}
"""Codes of the drive's phase of life, with their names in the telemetry."""

NO_DATA = 0xDA
"""Result code for a document, ticket or TLV that the drive does not have (any more)."""


@dataclass(frozen=True, slots=True, eq=False)
class DriveQuestion:
    """A question: `number` follows A4, then `parameters`.

    `layout` is the layout of the answer after 55 00.
    """

    number: int
    name: str
    layout: Construct
    parameters: Construct = whole()
    note: str = ""


def _moment(length: int) -> Construct:
    """Return a field of YY MM DD, and hh mm if the length allows; all zeros are None."""

    def decode(raw: bytes, _: object) -> datetime | None:
        return datetime(2000 + raw[0], *raw[1:]) if any(raw) else None

    def encode(moment: date | None, _: object) -> bytes:
        parts = () if moment is None else (moment.year - 2000, *moment.timetuple()[1:length])
        return bytes(parts).ljust(length, b"\0")

    return ExprAdapter(Bytes(length), decode, encode)


def _ascii(length: int) -> Construct:
    return ExprAdapter(
        Bytes(length),
        lambda raw, _: raw.decode("ascii"),
        lambda text, _: text.encode("ascii"),
    )


_DOCUMENT = whole("document" / Int32ul)
_STATUS_FLAGS = BitStruct(
    Padding(2),
    "waits_for_answer" / Flag,
    "settings_changed" / Flag,
    "ofd_command" / Flag,
    "waits_for_ticket" / Flag,
    "has_message" / Flag,
    "connected" / Flag,
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
QUESTIONS: tuple[DriveQuestion, ...] = (
    DriveQuestion(0x10, "shift", whole("open" / Byte, "shift" / Int16ul, "receipt" / Int16ul)),
    DriveQuestion(0x20, "exchange", whole(
        "status" / Byte, "reading" / Byte, "unsent_documents" / Int16ul,
        "first_unsent_document" / Int32ul, "first_unsent_at" / _moment(5)),
        note="status as exchange_flags reads it"),
    DriveQuestion(0x30, "status", whole(
        "phase" / Byte, "document" / Byte, "document_data" / Byte, "shift_open" / Byte,
        "warnings" / _warnings, "last_document_at" / _moment(5), "number" / _ascii(16),
        "last_document" / Int32ul)),
    DriveQuestion(0x31, "number", whole("number" / _ascii(16))),
    DriveQuestion(0x32, "validity", whole(
        "valid_until" / _moment(3), "registrations_left" / Byte, "registrations_made" / Byte)),
    DriveQuestion(0x33, "version", whole("version" / _ascii(16), "release" / Byte),
        note="release: 0 a debugging drive, 1 a real one"),
    DriveQuestion(0x35, "errors", whole("blocks" / Byte, "data" / GreedyBytes),
        whole("block" / Byte),
        note="the drive's own log of errors, in blocks"),
    DriveQuestion(0x40, "document", whole("type" / Byte, "confirmed" / Byte, "data" / GreedyBytes),
        _DOCUMENT,
        note="type of the document (1 registration, 2 opening of a shift, 3 receipt, ...), whether "
        "the OFD confirmed it, its facts by type: inferred from the drive's own command 40h"),
    DriveQuestion(0x41, "ticket", whole(
        "received_at" / _moment(5), "sign" / Bytes(18), "document" / Int32ul), _DOCUMENT,
        note="the OFD's confirmation: inferred from the drive's own command 41h"),
    DriveQuestion(0x42, "unconfirmed", whole("count" / Int16ul)),
    DriveQuestion(0x43, "registration", whole(
        "made_at" / _moment(5), "inn" / _ascii(12), "registration_number" / _ascii(20),
        "taxation_types" / Byte, "work_mode" / Byte, "rest" / GreedyBytes),
        whole("report" / Byte),
        note="INN and RNM padded with spaces; what stands first and last is inferred"),
    DriveQuestion(0x45, "read_document", whole("type" / Int16ul, "length" / Int16ul), _DOCUMENT,
        note="opens a document for next_tlv; the answer is inferred from the drive's own 45h"),
    DriveQuestion(0x46, "next_tlv",
        whole("tag" / Int16ul, "value" / Prefixed(Int16ul, GreedyBytes)),
        note="one TLV of the opened document; DAh after the last"),
)
# fmt: on

BY_NAME = {question.name: question for question in QUESTIONS}
BY_NUMBER = {question.number: question for question in QUESTIONS}


def encode_question(question: DriveQuestion, /, **parameters: Any) -> bytes:
    """Return the whole request (command A4); raise LocalError for an invalid parameter."""
    return encode_request(
        "ask_fiscal_drive",
        question=question.number,
        parameters=build(question.parameters, parameters, f"fiscal drive {question.name}"),
    )


def parse_question(fields: Fields) -> tuple[DriveQuestion, Fields]:
    """Return the question and its parameters from the fields of an A4 (register's side).

    Raise RemoteError "question_unknown", or "malformed" for parameters that do not fit.
    """
    question = BY_NUMBER.get(fields["question"])
    if question is None:
        raise RemoteError(
            "question_unknown", f"no question has the number {fields['question']:02X}"
        )
    return question, parse(
        question.parameters, fields["parameters"], f"fiscal drive {question.name}"
    )


def parse_answer(question: DriveQuestion, data: bytes) -> Fields:
    """Return the fields in an answer's data; raise RemoteError unless they fit exactly."""
    return parse(question.layout, data, f"fiscal drive {question.name}")


def encode_answer(question: DriveQuestion, /, **fields: Any) -> bytes:
    """Return the data of an answer; raise LocalError for an invalid field."""
    return build(question.layout, fields, f"fiscal drive {question.name}")


def exchange_flags(status: int) -> Fields:
    """Return the bits of the status in an answer to ``exchange``.

    They are connected, has_message, waits_for_ticket, ofd_command, settings_changed and
    waits_for_answer.
    """
    return parse(_STATUS_FLAGS, bytes((status,)), "status of the exchange")
