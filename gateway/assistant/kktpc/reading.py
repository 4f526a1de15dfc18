"""TABLE of the telemetry that a register of platform 2.5 provides through KKT-PC.

For each field it has the question (3.1, 3.3, 3.4) and the part of the answer.  A register has a
local clock without a time zone; the zone is derived from the clock's distance from UTC, in whole
hours as everywhere in Russia.  A refused question leaves its fields empty: models differ, and a
missing drive must not hide the other fields.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from protocol import telemetry
from protocol.errors import ProtocolError
from protocol.fields import Fields
from protocol.kktpc import fiscal_drive, registers
from protocol.kktpc.commands import BY_NAME, CommandFailed, encode_request, parse_answer
from protocol.kktpc.settings import decode_cell, find
from protocol.platforms import Platform

Ask = Callable[[bytes], Awaitable[bytes]]
"""Function that sends one application command and returns its answer."""

MAX_REQUISITE_BLOCKS: Final = 8
SHIFT: Final = timedelta(hours=24)
_ZONES_H: Final = range(2, 13)
"""Offsets from Kaliningrad to Kamchatka in hours.

A clock beyond them is wrong, and the PC's zone is used.
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """Time of a reading, and the offset of the PC's own zone."""

    at: datetime
    pc_offset_min: int = 180


RegisterQuestion = Callable[[Ask], Awaitable[Fields]]


def _command(name: str, **fields: Any) -> RegisterQuestion:
    request, row = encode_request(name, **fields), BY_NAME[name]

    async def ask_it(ask: Ask) -> Fields:
        return _checked_answer(parse_answer(row, await ask(request)))

    return ask_it


def _register(name: str) -> RegisterQuestion:
    row = registers.internal_register_named(name)
    read = _command("read_register", **registers.request_fields(row))

    async def ask_it(ask: Ask) -> Fields:
        return registers.parse_register(row, (await read(ask))["data"])

    return ask_it


def _drive(name: str, **parameters: Any) -> RegisterQuestion:
    question = fiscal_drive.BY_NAME[name]
    request = fiscal_drive.encode_question(question, **parameters)

    async def ask_it(ask: Ask) -> Fields:
        found = _checked_answer(parse_answer(BY_NAME["ask_fiscal_drive"], await ask(request)))
        return fiscal_drive.parse_answer(question, found["data"])

    return ask_it


CASH: Final = _command("read_cash")
"""Question for the drawer's content: ``sum`` in kopecks."""


def document(number: int) -> RegisterQuestion:
    """Return the question for a document of the fiscal drive.

    Its answer has ``type`` by the fiscal data format, and ``data``.
    """
    return _drive("document", document=number)


def _cell(number: int) -> RegisterQuestion:
    setting = find(Platform.V2_5, number)
    table, row, field = setting.cell or (0, 0, 0)
    read = _command("read_table", table=table, row=row, field=field)

    async def ask_it(ask: Ask) -> Fields:
        return {"value": decode_cell(setting, (await read(ask))["value"])}

    return ask_it


def _requisite(tag: int) -> RegisterQuestion:
    """Return the question for a TLV in blocks.

    Tag and length, two bytes each, little-endian, precede the value.
    """

    async def ask_it(ask: Ask) -> Fields:
        first = await _command("read_requisite", tag=tag, block=0)(ask)
        joined = first["data"]
        for block in range(1, min(first["blocks"], MAX_REQUISITE_BLOCKS)):
            joined += (await _command("read_requisite", tag=tag, block=block)(ask))["data"]
        return {"value": joined[4 : 4 + int.from_bytes(joined[2:4], "little")]}

    return ask_it


def _checked_answer(answer: Fields | CommandFailed) -> Fields:
    if isinstance(answer, CommandFailed):
        raise QuestionRefused(answer.code)
    return answer


class QuestionRefused(Exception):
    """Error: the register answered a question with a result code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"result code {code:02X}")
        self.code = code


QUESTIONS: Final[Mapping[str, RegisterQuestion]] = {
    "state": _command("read_state"),
    "state_code": _command("read_state_code"),
    "firmware": _command("read_version", source=0x01),
    "configuration": _command("read_version", source=0x91),
    "loader": _command("read_version", source=0x03),
    "templates": _command("read_version", source=0xA0),
    "control_unit": _register("control_unit_version"),
    "ffd": _register("ffd_versions"),
    "uptime": _register("uptime"),
    "cuts": _register("cutter_cuts"),
    "printed": _register("step_motor_resource"),
    "exchange_errors": _register("last_exchange_errors"),
    "last_sent": _register("last_sent_at"),
    "shift_end": _register("shift_state"),
    "shift": _drive("shift"),
    "drive": _drive("status"),
    "exchange": _drive("exchange"),
    "validity": _drive("validity"),
    "first_registration": _drive("registration", report=1),
    "ofd_host": _cell(273),
    "ofd_port": _cell(274),
    "ofd_channel": _cell(276),
    "tag_1037": _requisite(1037),
    "tag_1018": _requisite(1018),
    "tag_1062": _requisite(1062),
    "tag_1017": _requisite(1017),
    "tag_1046": _requisite(1046),
    **{f"tag_{each.tag}": _requisite(each.tag) for each in telemetry.REQUISITES},
}


@dataclass(frozen=True, slots=True)
class QuestionAnswers:
    """The register's answers by question; ``offset_min`` is its zone."""

    by_question: Mapping[str, Fields]
    offset_min: int
    at: datetime
    lower_level: int = 3

    def __getitem__(self, question: str) -> Fields:
        return self.by_question[question]

    def moment(self, wall: date | None) -> datetime | None:
        """Return a local time, or the beginning of a day, as an aware time."""
        if wall is None:
            return None
        full = wall if isinstance(wall, datetime) else datetime.combine(wall, time())
        return (full - timedelta(minutes=self.offset_min)).replace(tzinfo=UTC)


Extract = Callable[[QuestionAnswers], Any]


def _version(question: str) -> Extract:
    def extract(answers: QuestionAnswers) -> str:
        found = answers[question]
        return f"{found['major']}.{found['minor']}.{int(found['build'])}"

    return extract


def _field(question: str, name: str) -> Extract:
    return lambda answers: answers[question][name]


def _moment(question: str, name: str) -> Extract:
    return lambda answers: answers.moment(answers[question][name])


def _text(question: str) -> Extract:
    def extract(answers: QuestionAnswers) -> str:
        raw: bytes = answers[question]["value"]
        return raw.rstrip(b"\0").decode("cp866").strip()

    return extract


def _printer(answers: QuestionAnswers) -> list[str]:
    flags = answers["state_code"]["flags"]
    found = [word for bit, word in _PRINTER.items() if flags[bit]]
    state = answers.by_question.get("state")
    return found + (["cover_open"] if state and state["flags"]["cover_open"] else [])


_PRINTER: Final = {
    "no_paper": "no_paper",
    "printer_missing": "printer_offline",
    "mechanical_error": "mechanical_error",
    "cutter_error": "cutter_error",
    "overheated": "overheated",
    "printer_error": "printer_error",
    "paper_near_end": "paper_near_end",
}
"""Flags of command 45 with their names in the telemetry."""


def _shift_state(answers: QuestionAnswers) -> str:
    if not answers["state"]["flags"]["shift_open"]:
        return "closed"
    end = answers.by_question.get("shift_end")
    ends_at = end and end["ends_at"]
    return "expired" if ends_at and answers["state"]["clock"] >= ends_at else "open"


def _shift_opened_at(answers: QuestionAnswers) -> datetime | None:
    end = answers["shift_end"]
    if not end["open"] or end["ends_at"] is None:
        return None
    return answers.moment(end["ends_at"] - SHIFT)


def _battery_mv(answers: QuestionAnswers) -> int:
    """Return 1 mV for "low" and 0 for "not measured": the register reports only one bit."""
    return int(answers["state"]["flags"]["battery_low"])


def _warnings(answers: QuestionAnswers) -> list[str]:
    return [name for name, is_set in answers["drive"]["warnings"].items() if is_set is True]


def _channel(answers: QuestionAnswers) -> str:
    return str(telemetry.CHANNEL.decode(int(answers["ofd_channel"]["value"])))


# fmt: off
FIELD_EXTRACTORS: Final[Mapping[str, Extract]] = {
    "firmware_version": _version("firmware"),
    "configuration_version": _version("configuration"),
    "loader_version": _version("loader"),
    "templates_version": _version("templates"),
    "control_unit_revision": _version("control_unit"),
    "kkt_pc_version": lambda answers: answers.lower_level,
    "ffd_version": lambda answers: registers.FFD_VERSIONS[answers["ffd"]["register"]],
    "host_interface": lambda answers: telemetry.HOST_INTERFACE.decode(answers["state"]["port"]),
    "statistics_interface": _channel,
    "fiscalised": lambda answers: answers["state"]["flags"]["fiscalised"],
    "registration_number": _text("tag_1037"),
    "owner_inn": _text("tag_1018"),
    "taxation_types": lambda answers: telemetry.TAXATION.decode(answers["tag_1062"]["value"][0]),
    "fiscal_drive_number": _field("drive", "number"),
    "fiscal_drive_activated_at": _moment("first_registration", "made_at"),
    "fiscal_drive_until": _moment("validity", "valid_until"),
    "registrations_made": _field("validity", "registrations_made"),
    "registrations_left": _field("validity", "registrations_left"),
    "ofd_inn": _text("tag_1017"),
    "ofd_name": _text("tag_1046"),
    "ofd_host": lambda answers: str(answers["ofd_host"]["value"]),
    "ofd_port": lambda answers: int(answers["ofd_port"]["value"]),
    "ofd_channel": _channel,
    "utc_offset_min": lambda answers: answers.offset_min,
    "clock": _moment("state", "clock"),
    "uptime_h": _field("uptime", "uptime_h"),
    "battery_mv": _battery_mv,
    "printed_m": _field("printed", "count"),
    "cuts": _field("cuts", "count"),
    "printer": _printer,
    "documents": _field("drive", "last_document"),
    "fiscal_drive_phase": lambda answers: telemetry.DRIVE_PHASE.decode(answers["drive"]["phase"]),
    "fiscal_drive_warnings": _warnings,
    "fiscal_drive_error": _field("exchange_errors", "fiscal_drive_error"),
    "unsent_documents": _field("exchange", "unsent_documents"),
    "first_unsent_at": _moment("exchange", "first_unsent_at"),
    "ofd_last_contact_at": _moment("last_sent", "sent_at"),
    "network_error": _field("exchange_errors", "network_error"),
    "ofd_error": _field("exchange_errors", "ofd_error"),
    "shift_state": _shift_state,
    "shift_number": _field("shift", "shift"),
    "shift_opened_at": _shift_opened_at,
    **{each.field.name: _text(f"tag_{each.tag}") for each in telemetry.REQUISITES},
}

UNAVAILABLE_FIELDS: Final[Mapping[str, str]] = {
    "communication_firmware_version": "no public source of command 9D names the module",
    "ffd_supported": "register 36 tells the version in use; that of the others stands nowhere",
    "ffd_update_until": "known to the manufacturer's licence server only",
    "wireless": "the mode bits of A5 are not public",
    "ofd_site": "tag 1060 is the tax service's site; that of the OFD is not kept",
    "ofd_phone": "not kept in a register",
    "reading_number": "counted by the Assistant's journal",
    "hardware_error": "B3 answers only in a mode that stops the till",
}
"""Fields that the protocol does not provide, each with the reason."""
# fmt: on


async def read(ask: Ask, moment: Moment, lower_level: int) -> dict[str, Any]:
    """Return a whole reading; errors of ``ask`` are passed on."""
    given: dict[str, Fields] = {}
    for name, question in QUESTIONS.items():
        try:
            given[name] = await question(ask)
        except (ProtocolError, QuestionRefused):
            continue
    clock = given["state"]["clock"] if "state" in given else None
    return extract(QuestionAnswers(given, _offset_min(clock, moment), moment.at, lower_level))


def extract(answers: QuestionAnswers) -> dict[str, Any]:
    """Return all fields of the telemetry; an unanswered or invalid one is empty."""
    reading = dict(telemetry.EMPTY)
    for name, extractor in FIELD_EXTRACTORS.items():
        codec = telemetry.BY_NAME[name].codec
        try:
            value = extractor(answers)
            limit = codec.schema.get("maxLength")
            value = _fit_text(value, limit) if limit is not None else value
            codec.encode(value)
        except (LookupError, ValueError, TypeError, OverflowError, ProtocolError):
            continue
        reading[name] = value
    return reading


def _fit_text(text: str, limit: int) -> str:
    return text.encode("cp866", "replace").decode("cp866")[:limit]


def _offset_min(clock: datetime | None, moment: Moment) -> int:
    if clock is None:
        return moment.pc_offset_min
    apart = clock - moment.at.astimezone(UTC).replace(tzinfo=None)
    hours = round(apart / timedelta(hours=1))
    return hours * 60 if hours in _ZONES_H else moment.pc_offset_min
