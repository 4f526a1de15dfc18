"""TABLE of the telemetry's fields and their sources in the driver's answers (KKT-PC 6.2)."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.assistant.driver.vocabulary import (
    CHANNELS,
    PHASES,
    PORTS,
    SHIFTS,
    TAXATION,
    Body,
    flag,
    moment,
    number,
    offset_minutes,
    part,
    text,
    warnings,
    words,
)
from protocol import telemetry
from protocol.telemetry import CHANNEL, FFD

TaskAnswers = Mapping[str, Body]
"""Results by the name of the task; a failed task is missing."""

OFD_HOST, OFD_PORT, OFD_CHANNEL = 273, 274, 276
PARAMETERS: Final = (OFD_HOST, OFD_PORT, OFD_CHANNEL)
SHIFT_LIMIT: Final = timedelta(hours=24)
PORT: Final = "connection"
"""Key of the service's connection to the register, which comes from its list, not from a task."""

READING_TASKS: Final[tuple[Body, ...]] = (
    {"type": "getDeviceInfo"},
    {"type": "getDeviceStatus"},
    {"type": "getShiftStatus"},
    {"type": "getFnInfo"},
    {"type": "getFnStatus"},
    {"type": "ofdExchangeStatus"},
    {"type": "getRegistrationInfo"},
    {"type": "getDeviceParameters", "keys": list(PARAMETERS)},
)


def _section(task: str, *path: str) -> Callable[[TaskAnswers], Body]:
    return lambda answers: part(answers.get(task, {}), *path)


_INFO = _section("getDeviceInfo", "deviceInfo")
_STATUS = _section("getDeviceStatus", "deviceStatus")
_SHIFT = _section("getShiftStatus", "shiftStatus")
_DRIVE = _section("getFnInfo", "fnInfo")
_DRIVE_NOW = _section("getFnStatus", "fnStatus")
_EXCHANGE = _section("ofdExchangeStatus")
_REGISTERED = _section("getRegistrationInfo")


def _ffd(answers: TaskAnswers) -> str:
    version = text(_INFO(answers), "ffdVersion")
    return version if version in FFD.schema["examples"] else "none"


def _printer(answers: TaskAnswers) -> list[str]:
    status = _STATUS(answers)
    states = {
        "no_paper": status.get("paperPresent") is False,
        "cover_open": flag(status, "coverOpened"),
    }
    return [name for name, stands in states.items() if stands]


def _shift_opened_at(answers: TaskAnswers) -> datetime | None:
    """Return the opening of an open shift: the driver reports when it becomes 24 hours old."""
    shift = _SHIFT(answers)
    expires_at = moment(shift, "expiredTime")
    is_open = text(shift, "state") in ("opened", "expired")
    return expires_at - SHIFT_LIMIT if is_open and expires_at else None


def _parameter(answers: TaskAnswers, key: int) -> str:
    found = answers.get("getDeviceParameters", {}).get("deviceParameters")
    listed = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return next((text(each, "value") for each in listed if each.get("key") == key), "")


def _ofd_host(answers: TaskAnswers) -> str:
    return text(part(_REGISTERED(answers), "ofd"), "host") or _parameter(answers, OFD_HOST)


def _ofd_port(answers: TaskAnswers) -> int:
    written = _parameter(answers, OFD_PORT)
    told = number(part(_REGISTERED(answers), "ofd"), "port")
    return told or (int(written) if written.isdecimal() and len(written) <= 5 else 0)


def _ofd_channel(answers: TaskAnswers) -> str:
    told = CHANNELS.get(text(part(_REGISTERED(answers), "device"), "ofdChannel"))
    written = _parameter(answers, OFD_CHANNEL)
    known = written.isdecimal() and int(written) in range(1, 7)
    return told or (CHANNEL.decode(int(written)) if known else "none")


def _taxation_types(answers: TaskAnswers) -> list[str]:
    return words(part(_REGISTERED(answers), "organization"), "taxationTypes", TAXATION)


def _field_at(
    section: Callable[[TaskAnswers], Body], *path: str, read: Callable[[Body, str], Any] = text
) -> Callable[[TaskAnswers], Any]:
    """Return a function that reads the value at the end of a path."""
    return lambda answers: read(part(section(answers), *path[:-1]), path[-1])


# fmt: off
FIELDS: Final[Mapping[str, Callable[[TaskAnswers], Any]]] = {
    "firmware_version": _field_at(_INFO, "firmwareVersion"),
    "configuration_version": _field_at(_INFO, "configurationVersion"),
    "ffd_version": _ffd,
    "host_interface": lambda answers: PORTS.get(text(answers.get(PORT, {}), "port"), "none"),
    "fiscalised": _field_at(_STATUS, "fiscal", read=flag),
    "registration_number": _field_at(_REGISTERED, "device", "registrationNumber"),
    "owner_inn": _field_at(_REGISTERED, "organization", "vatin"),
    "owner_name": _field_at(_REGISTERED, "organization", "name"),
    "address": _field_at(_REGISTERED, "organization", "address"),
    "taxation_types": _taxation_types,
    "fiscal_drive_number": _field_at(_DRIVE, "serial"),
    "fiscal_drive_until": _field_at(_DRIVE, "validityDate", read=moment),
    "registrations_made": _field_at(_DRIVE, "numberOfRegistrations", read=number),
    "registrations_left": _field_at(_DRIVE, "registrationsRemaining", read=number),
    "ofd_inn": _field_at(_REGISTERED, "ofd", "vatin"),
    "ofd_name": _field_at(_REGISTERED, "ofd", "name"),
    "ofd_host": _ofd_host,
    "ofd_port": _ofd_port,
    "ofd_channel": _ofd_channel,
    "utc_offset_min": lambda answers: offset_minutes(moment(_STATUS(answers), "currentDateTime")),
    "clock": _field_at(_STATUS, "currentDateTime", read=moment),
    "printer": _printer,
    "documents": _field_at(_DRIVE_NOW, "fiscalDocumentNumber", read=number),
    "fiscal_drive_phase": lambda answers: PHASES.get(text(_DRIVE(answers), "livePhase"), "setup"),
    "fiscal_drive_warnings": lambda answers: warnings(part(_DRIVE(answers), "warnings")),
    "fiscal_drive_error": _field_at(_EXCHANGE, "errors", "fn", "code", read=number),
    "unsent_documents": _field_at(_EXCHANGE, "status", "notSentCount", read=number),
    "first_unsent_at": _field_at(_EXCHANGE, "status", "notSentFirstDocDateTime", read=moment),
    "ofd_last_contact_at": _field_at(
        _EXCHANGE, "errors", "lastSuccessConnectionDateTime", read=moment
    ),
    "network_error": _field_at(_EXCHANGE, "errors", "network", "code", read=number),
    "ofd_error": _field_at(_EXCHANGE, "errors", "ofd", "code", read=number),
    "shift_state": lambda answers: SHIFTS.get(text(_SHIFT(answers), "state"), "closed"),
    "shift_number": _field_at(_SHIFT, "number", read=number),
    "shift_opened_at": _shift_opened_at,
}
# fmt: on

UNAVAILABLE_FIELDS: Final = frozenset(
    {
        "loader_version",
        "templates_version",
        "control_unit_revision",
        "communication_firmware_version",
        "kkt_pc_version",
        "ffd_supported",
        "ffd_update_until",
        "wireless",
        "statistics_interface",
        "fiscal_drive_activated_at",
        "ofd_site",
        "ofd_phone",
        "uptime_h",
        "battery_mv",
        "printed_m",
        "cuts",
        "hardware_error",
    }
)
"""Fields that no task of the driver reports."""


def reading_from(answers: TaskAnswers, reading_number: int) -> dict[str, Any]:
    """Return a complete reading that can be encoded, whatever the driver has answered."""
    told = {name: _fitting(name, extract(answers)) for name, extract in FIELDS.items()}
    return {**telemetry.EMPTY, **told, "reading_number": reading_number}


def _fitting(name: str, value: Any) -> Any:
    """Return a text or a number limited to the size of its field."""
    schema = telemetry.BY_NAME[name].codec.schema
    if isinstance(value, str) and "maxLength" in schema:
        sayable = value.replace("\0", " ").encode("cp866", "replace").decode("cp866")
        return sayable[: schema["maxLength"]]
    if isinstance(value, int) and "maximum" in schema:
        return min(value, schema["maximum"])
    return value
