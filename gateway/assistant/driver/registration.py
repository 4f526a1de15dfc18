"""Registrations: requisites of E8 by FFD tag (KKT-PC 3.5) as fields of the driver's task."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from gateway.assistant.driver.register_memory import REASON, Document, RegisterMemory
from gateway.assistant.driver.translation import (
    ChangeTask,
    CommandTranslation,
    DriverRequest,
    QueryTasks,
    RegisterFacts,
    answer_done,
    answer_with,
    document_of,
    when_drive_is_quiet,
    with_last_document,
)
from gateway.assistant.driver.vocabulary import (
    FFD_CODES,
    TAXATION,
    WRONG_VALUE,
    Body,
    TaskResult,
    part,
)
from protocol.conversation.messages import StepRefusal
from protocol.fields import Fields
from protocol.kktpc import registers
from protocol.kktpc.commands import BY_NAME, encode_failure
from protocol.kktpc.text import decode_cp866
from protocol.telemetry import TAXATION as TAXATION_TYPES

_BITS: Final = 32


class Field(NamedTuple):
    """Position of a requisite in the task; ``decode`` returns its value or raises."""

    section: str
    name: str
    decode: Callable[[bytes], Any]


def _text(raw: bytes) -> str:
    return decode_cp866(raw.rstrip(b"\0 "))


def _flag(raw: bytes) -> bool:
    return {b"\0": False, b"\1": True}[raw]


def _taxation(raw: bytes) -> list[str]:
    """Return the driver's names for tag 1062, one byte of bits."""
    ours = TAXATION_TYPES.decode(raw[0]) if len(raw) == 1 else []
    tokens = [theirs for theirs, name in TAXATION.items() if name in ours]
    if not ours or len(tokens) != len(ours):
        raise ValueError("not tax systems")
    return tokens


def _changes(raw: bytes) -> list[int]:
    """Return the codes of tag 1205: bit n is code n + 1."""
    mask = int.from_bytes(raw, "little")
    return [bit + 1 for bit in range(_BITS) if mask >> bit & 1]


def _ffd(raw: bytes) -> str:
    return {code: version for version, code in FFD_CODES.items()}[raw[0]]


TASK: Final = ""
"""Section of fields that are in the task itself."""

# fmt: off
FIELDS: Final[Mapping[int, Field]] = {
    1001: Field("device", "autoMode", _flag),
    1002: Field("device", "offlineMode", _flag),
    1009: Field("organization", "address", _text),
    1017: Field("ofd", "vatin", _text),
    1018: Field("organization", "vatin", _text),
    1021: Field("operator", "name", _text),
    1036: Field("device", "machineNumber", _text),
    1037: Field("device", "registrationNumber", _text),
    1046: Field("ofd", "name", _text),
    1048: Field("organization", "name", _text),
    1056: Field("device", "encryption", _flag),
    1060: Field("device", "fnsUrl", _text),
    1062: Field("organization", "taxationTypes", _taxation),
    1108: Field("device", "internet", _flag),
    1109: Field("device", "service", _flag),
    1110: Field("device", "bso", _flag),
    1117: Field("organization", "email", _text),
    1126: Field("device", "lottery", _flag),
    1187: Field("device", "paymentsAddress", _text),
    1193: Field("device", "gambling", _flag),
    1203: Field("operator", "vatin", _text),
    1205: Field(TASK, "changeInfoReasons", _changes),
    1207: Field("device", "excise", _flag),
    1209: Field("device", "ffdVersion", _ffd),
    1221: Field("device", "machineInstallation", _flag),
}
# fmt: on
TASKS: Final[Mapping[bytes, Body]] = {
    b"\0": {"type": "registration"},
    b"\1": {"type": "fnChange"},
    b"\2": {"type": "changeRegistrationParameters", "reason": "ofdChange"},
    b"\3": {"type": "changeRegistrationParameters", "reason": "attributesChange"},
    b"\4": {"type": "changeRegistrationParameters", "reason": "settingsChange"},
}
"""Tasks by the value of tag 1101."""

_NEEDED: Final = frozenset({REASON, 1062})
_REPORTS: Final = ("registration", "registrationChange", "fnChange", "fiscalDocumentRegistration")


def _write_requisite(fields: Fields, known: RegisterFacts) -> DriverRequest:
    tag, value = fields["tag"], fields["value"]
    if tag != REASON and tag not in FIELDS:
        return StepRefusal.UNSUPPORTED
    if not _is_said(tag, value):
        return encode_failure(BY_NAME["write_requisite"], WRONG_VALUE)
    known.memory.add_requisite(tag, value)
    return answer_with("write_requisite")


def _is_said(tag: int, value: bytes) -> bool:
    try:
        return value in TASKS if tag == REASON else FIELDS[tag].decode(value) is not None
    except (ValueError, LookupError):
        return False


def _fiscalise(_: Fields, known: RegisterFacts) -> DriverRequest:
    requisites = known.memory.requisites
    if not requisites.keys() >= _NEEDED:
        return encode_failure(BY_NAME["fiscalise"], WRONG_VALUE)
    now = QueryTasks(
        ({"type": "getRegistrationInfo"},),
        lambda told: ChangeTask(registration_task(requisites, told[0].result)),
        allows_errors=requisites[REASON] == b"\0",
    )
    return when_drive_is_quiet(now)


def registration_task(requisites: Mapping[int, bytes], now: Body) -> Body:
    """Return the present registration with the requisites in it (KKT-PC 6.2, request fields)."""
    task: dict[str, Any] = {
        **TASKS[requisites[REASON]],
        "operator": {},
        "organization": dict(part(now, "organization")),
        "device": dict(part(now, "device")),
        "ofd": dict(part(now, "ofd")),
    }
    for tag, value in requisites.items():
        if tag != REASON:
            field = FIELDS[tag]
            place = task[field.section] if field.section else task
            place[field.name] = field.decode(value)
    return {name: value for name, value in task.items() if value or name in ("device", "ofd")}


def last_registration(known: RegisterFacts) -> DriverRequest:
    """Return the request for register 30.

    It is answered from a registration that we made, or from the last document if it is a
    registration.
    """
    noted = known.memory.registration
    if noted is not None:
        return registration_data(noted)

    def then(last: int, tags: Body) -> DriverRequest:
        if tags.get("fiscalDocumentType") not in _REPORTS:
            return StepRefusal.UNSUPPORTED
        return registration_data(document_of(last, tags, known.memory.document))

    return with_last_document(then)


def registration_data(document: Document) -> bytes:
    """Return the answer to the question for register 30."""
    row = registers.internal_register_named("last_registration")
    data = registers.encode_register(row, document=document.number, made_at=document.made_at)
    return answer_with("read_register", data=data)


def _close_archive(_: Fields, __: RegisterFacts) -> DriverRequest:
    return when_drive_is_quiet(ChangeTask({"type": "closeArchive"}))


def registration_trace(told: Sequence[TaskResult]) -> dict[str, Any]:
    """Return the drive's data that a registration or the closing of an archive changes."""
    drive = part(told[0].result, "fnInfo")
    return {name: drive.get(name) for name in ("numberOfRegistrations", "livePhase", "serial")}


TRACED_COMMANDS: Final[Mapping[str, str]] = {
    "fiscalise": "numberOfRegistrations",
    "close_archive": "livePhase",
}
"""Key of the trace that shows whether the command was executed."""

ROWS: Final = {
    "write_requisite": CommandTranslation(_write_requisite),
    "fiscalise": CommandTranslation(
        _fiscalise, answer_done("fiscalise"), remember=RegisterMemory.on_registered
    ),
    "close_archive": CommandTranslation(_close_archive, answer_done("close_archive")),
}
