"""Tasks that only read (KKT-PC 6.2); the answers have the shapes of the driver's."""

from datetime import UTC, datetime
from typing import Any, Final

from protocol import telemetry
from protocol.models import BY_CODE as MODELS
from protocol.platforms import Platform
from simulator.register.fiscal_drive import Phase
from simulator.register.reading import reading_of
from simulator.register.settings_memory import OFD_CHANNEL, OFD_HOST, OFD_PORT
from simulator.register.state import SHIFT_LIMIT
from simulator.register.till import TotalKind, Totals
from simulator.web_requests import failures
from simulator.web_requests.body import Body, required, roubles
from simulator.web_requests.failures import DriverFailure
from simulator.web_requests.served_register import TaskContext

Answer = dict[str, Any]

EPOCH: Final = datetime.fromtimestamp(0, UTC).isoformat()
"""The driver's value for "never"."""

PHASES: Final = {
    "setup": "init",
    "ready": "configured",
    "fiscal": "fiscalMode",
    "post_fiscal": "postFiscalMode",
    "archive_read": "accessArchive",
}
CHANNELS: Final = {1: "usb", 2: "ethernet", 3: "wifi", 4: "gsm", 5: "proto", 6: "tcpipOsStack"}
TAXATION: Final = {
    "osn": "osn",
    "usn_income": "usnIncome",
    "usn_income_outcome": "usnIncomeOutcome",
    "envd": "envd",
    "esn": "esn",
    "patent": "patent",
}
SHIFTS: Final = {"closed": "closed", "open": "opened", "expired": "expired"}
NETWORK_FAULTS: Final = {
    0: "Ошибок нет",
    1: "Отсутствует физический канал связи",
    2: "Ошибка сетевых настроек или нет соединения с сервером ОФД",
}
LINE_LENGTH, LINE_PIXELS = 42, 504


def register_info(point: TaskContext, _: Body) -> Answer:
    register, reading = point.register, reading_of(point.register, point.now)
    model = MODELS.get(register.model)
    return {
        "deviceInfo": {
            "configurationVersion": reading["configuration_version"],
            "ffdVersion": reading["ffd_version"],
            "firmwareVersion": reading["firmware_version"],
            "fnFfdVersion": reading["ffd_version"],
            "model": register.model,
            "modelName": model.name if model else "АТОЛ",
            "receiptLineLength": LINE_LENGTH,
            "receiptLineLengthPix": LINE_PIXELS,
            "serial": register.serial_number,
        }
    }


def register_status(point: TaskContext, _: Body) -> Answer:
    register, phase = point.register, point.register.drive.phase.value
    return {
        "deviceStatus": {
            "blocked": False,
            "cashDrawerOpened": False,
            "coverOpened": False,
            "currentDateTime": register.local_clock(point.now).isoformat(timespec="seconds"),
            "fiscal": True,
            "fnFiscal": phase == "fiscal",
            "fnPresent": True,
            "paperPresent": not register.faults.paper_out,
            "shift": SHIFTS[register.shift_state(point.now)],
        }
    }


def shift_status(point: TaskContext, _: Body) -> Answer:
    register = point.register
    opened_at = register.shift_opened_at
    return {
        "shiftStatus": {
            "expiredTime": point.local(opened_at + SHIFT_LIMIT) if opened_at else EPOCH,
            "number": register.shift_number,
            "state": SHIFTS[register.shift_state(point.now)],
        }
    }


def drive_info(point: TaskContext, _: Body) -> Answer:
    drive, reading = point.register.drive, reading_of(point.register, point.now)
    return {
        "fnInfo": {
            "ffdVersion": reading["ffd_version"],
            "fnFfdVersion": reading["ffd_version"],
            "livePhase": PHASES[drive.phase.value],
            "numberOfRegistrations": drive.registrations_made,
            "registrationsRemaining": drive.registrations_left,
            "serial": drive.number,
            "validityDate": point.local(drive.valid_until),
            "warnings": _warnings(point),
        }
    }


def drive_status(point: TaskContext, _: Body) -> Answer:
    return {
        "fnStatus": {
            "fiscalDocumentNumber": point.register.drive.documents,
            "fiscalReceiptNumber": point.register.till.receipt_number,
            "warnings": _warnings(point),
        }
    }


def _warnings(point: TaskContext) -> dict[str, bool]:
    standing = set(point.register.drive.warnings(point.now))
    return {
        "criticalError": "critical_error" in standing,
        "memoryOverflow": "memory_full" in standing,
        "needReplacement": "replace_urgently" in standing,
        "ofdTimeout": "ofd_timeout" in standing,
        "resourceExhausted": "resource_ending" in standing,
    }


def exchange_status(point: TaskContext, _: Body) -> Answer:
    register, drive = point.register, point.register.drive
    first = drive.first_unsent_at
    return {
        "errors": {
            "documentNumber": drive.documents if register.network_error else 0,
            "fn": _fault(int(drive.error(point.now))),
            "fnCommandCode": 0,
            "lastSuccessConnectionDateTime": point.local(register.ofd_last_contact_at),
            "network": _fault(register.network_error),
            "ofd": _fault(register.faults.ofd_error),
        },
        "status": {
            "notSentCount": drive.unsent,
            "notSentFirstDocDateTime": point.local(first) if first else EPOCH,
            "notSentFirstDocNumber": drive.documents - drive.unsent + 1 if drive.unsent else 0,
        },
    }


def _fault(code: int) -> Answer:
    return {"code": code, "description": NETWORK_FAULTS.get(code, failures.TEXTS[failures.UNKNOWN])}


def registration_info(point: TaskContext, _: Body) -> Answer:
    register, reading = point.register, reading_of(point.register, point.now)
    memory = register.memory
    taxation = telemetry.TAXATION.decode(register.taxation_types)
    return {
        "device": _registered(point),
        "ofd": {
            "dns": "0.0.0.0",
            "host": str(memory.value(OFD_HOST)),
            "name": reading["ofd_name"],
            "port": memory.value(OFD_PORT),
            "vatin": reading["ofd_inn"],
        },
        "organization": {
            "address": reading["address"],
            "agents": [],
            "email": "",
            "name": reading["owner_name"],
            "taxationTypes": [TAXATION[name] for name in taxation],
            "vatin": reading["owner_inn"],
        },
    }


_FLAGS: Final = (
    "autoMode",
    "bso",
    "encryption",
    "excise",
    "gambling",
    "internet",
    "lottery",
    "machineInstallation",
    "offlineMode",
    "service",
)


def _registered(point: TaskContext) -> Answer:
    reading = reading_of(point.register, point.now)
    channel = int(point.register.memory.value(OFD_CHANNEL))
    return {
        **dict.fromkeys(_FLAGS, False),
        "ffdVersion": reading["ffd_version"],
        "fnsUrl": "www.nalog.gov.ru",
        "machineNumber": "",
        "ofdChannel": CHANNELS[channel],
        "paymentsAddress": reading["address"],
        "registrationNumber": reading["registration_number"],
    }


def cash_drawer(point: TaskContext, _: Body) -> Answer:
    return {
        "cashDrawerStatus": {"cashDrawerOpened": False},
        "counters": {"cashSum": roubles(point.register.till.cash)},
    }


def licences(point: TaskContext, _: Body) -> Answer:
    label = "Код защиты" if point.register.platform is Platform.V2_5 else "Лицензия"
    return {
        "licenses": [
            {"id": str(number), "name": f"{label} №{number}"}
            for number in sorted(point.register.licences)
        ]
    }


RECEIPT_TYPES: Final = {"sell": 1, "sellReturn": 2, "buy": 4, "buyReturn": 5}
CORRECTIONS: Final = {"sell": 7, "sellReturn": 8, "buy": 9, "buyReturn": 10}
PAYMENTS: Final = {"cash": 1, "electronically": 2, "prepaid": 3, "credit": 4, "other": 5}
"""Wire numbers of payments (KKT-PC 3.1, commands 92 and 4A)."""


def shift_totals(point: TaskContext, _: Body) -> Answer:
    register = point.register
    return {
        "shiftTotals": {
            **_totals(register.till.totals),
            "cashDrawer": {"sum": roubles(register.till.cash)},
            "shiftNumber": register.shift_number,
        }
    }


def overall_totals(point: TaskContext, _: Body) -> Answer:
    return {"overallTotals": _totals(point.register.till.lifetime_totals)}


def _totals(totals: Totals) -> Answer:
    """Return totals by kind; corrections count with the receipts of their kind."""
    cash = {"income": (TotalKind.CASH_IN_COUNT, TotalKind.CASH_IN)}
    cash["outcome"] = (TotalKind.CASH_OUT_COUNT, TotalKind.CASH_OUT)
    moved = {
        name: {"count": totals[count, 0, 0], "sum": roubles(totals[amount, 0, 0])}
        for name, (count, amount) in cash.items()
    }
    return {**moved, "receipts": {name: _sold(totals, name) for name in RECEIPT_TYPES}}


def _sold(totals: Totals, name: str) -> Answer:
    kinds = RECEIPT_TYPES[name], CORRECTIONS[name]
    payments = {
        word: sum(totals[TotalKind.PAID, kind, number] for kind in kinds)
        for word, number in PAYMENTS.items()
    }
    return {
        "count": sum(totals[TotalKind.RECEIPTS, kind, 0] for kind in kinds),
        "payments": {word: roubles(amount) for word, amount in payments.items()},
        "sum": roubles(sum(payments.values())),
    }


KINDS: Final = {
    1: "registration",
    2: "openShift",
    3: "receipt",
    5: "closeShift",
    6: "closeArchive",
    11: "registrationChange",
    21: "ofdExchangeStatus",
    31: "receiptCorrection",
}
"""Documents by their kind in the fiscal data format."""


def drive_document(point: TaskContext, body: Body) -> Answer:
    """Return a document that is known: one made at this line, the registration or the last one."""
    number = required(body, "fiscalDocumentNumber", int)
    found = _document(point, number)
    if found is None:
        raise DriverFailure(failures.DRIVE_HAS_NO_SUCH)
    kind, made_at = found
    return {
        "documentTLV": {
            "fiscalDocumentType": KINDS.get(kind, "receipt"),
            "1012": point.local(made_at),
            "1013": point.register.serial_number,
            "1040": number,
            "1041": point.register.drive.number,
            "1077": point.register.drive.sign_of(number),
        },
        "warnings": None,
    }


def _document(point: TaskContext, number: int) -> tuple[int, datetime] | None:
    """Return the document's kind and time, or ``None``."""
    drive, kept = point.register.drive, point.register.till.documents.get(number)
    if kept is not None:
        return kept.kind, kept.made_at
    if number == drive.registered_document:
        return 11, drive.registered_at
    if number == drive.documents:
        return (3 if drive.phase is Phase.FISCAL else 6), drive.last_document_at
    return None
