# ruff: noqa: E501
"""The list of registers as a file for spreadsheets: the 28 columns of the ATOL Connect manual.

``;`` between values, CRLF after lines, UTF-8 with a byte order mark: what a Russian Excel opens
by a double click.  Two columns of the manual are called dates of what no register tells the date
of (the control unit's revision and the FFD version); they hold the revision and the version.
Numbers that are names (serial, INN, fiscal drive) and versions have a tab in front, if there is a
digit in them: a spreadsheet then takes them for texts, where it would round them to fifteen digits,
drop their zeros or see a date in 5.8.1.  Who reads the file strips it.
Moments are in the time zone of the register, in UTC where it is not known.
"""

import csv
import io
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, select

from fleet.kit.act import Act
from fleet.kit.language import Language
from fleet.registers.card import oldest_reading
from fleet.registers.filters import RegisterConditions, selected_by
from fleet.registers.models import CashRegister
from fleet.registers.rules import (
    RegisterPresence,
    documents_per_day,
    drive_usage,
    full_at,
    known_offset,
    presence,
    valid_until,
)
from fleet.telemetry.models import RegisterState
from fleet.telemetry.rules import CONDITIONS
from protocol.models import BY_CODE as MODELS
from protocol.telemetry import excerpt

PORTION: Final = 500
"""Registers in one piece: a few milliseconds of work, so that others get their turn."""

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula, or skips to find one."""

STATUSES: Final = {
    RegisterPresence.ONLINE: ("На связи", "Online"),
    RegisterPresence.OFFLINE: ("Нет связи", "Offline"),
    RegisterPresence.NEVER: ("Не выходила на связь", "Never connected"),
}


class ExportRow(NamedTuple):
    """A register as the database has it; what no reading has told is None."""

    serial_number: str
    model: int
    shown_address: str
    firmware_version: str
    owner_name: str
    owner_inn: str
    fiscal_drive_number: str
    condition_mask: int
    utc_offset_min: int | None
    seen_at: datetime | None
    block_version: int | None
    block: bytes | None
    first_at: datetime | None
    first_block_version: int | None
    first_block: bytes | None


@dataclass(frozen=True, slots=True)
class ExportLine:
    """A register on its way into the file; ``said`` are values of its latest telemetry."""

    row: ExportRow
    telemetry: dict[str, Any]
    valid_until: datetime | None
    full_at: datetime | None
    now: datetime
    language: Language

    @property
    def state(self) -> str:
        """Its presence, then what is broken."""
        words = [STATUSES[presence(self.row.seen_at, self.now)]]
        mask = self.row.condition_mask
        words += [(each.label_ru, each.label_en) for each in CONDITIONS if mask >> each.bit & 1]
        return ", ".join(each[self.language is Language.EN] for each in words)

    def date(self, moment: datetime | None) -> str:
        return self._local(moment, "%d.%m.%Y")

    def time(self, moment: datetime | None) -> str:
        return self._local(moment, "%d.%m.%Y %H:%M")

    def _local(self, moment: datetime | None, form: str) -> str:
        if moment is None:
            return ""
        offset = timedelta(minutes=known_offset(self.row.utc_offset_min) or 0)
        return moment.astimezone(timezone(offset)).strftime(form)


class ExportColumn(NamedTuple):
    """A column of the file; ``as_text``: what looks like a number or a date there is none."""

    ru: str
    en: str
    value: Callable[[ExportLine], Any]
    as_text: bool = False


def _telemetry_value(name: str) -> Callable[[ExportLine], Any]:
    return lambda line: line.telemetry.get(name)


def _model_name(line: ExportLine) -> str:
    model = MODELS.get(line.row.model)
    return model.name if model else ""


# fmt: off
COLUMNS: Final = (
    ExportColumn("Серийный номер", "Serial number", lambda line: line.row.serial_number, as_text=True),
    ExportColumn("Наименование", "Name", _model_name),
    ExportColumn("Модель", "Model", lambda line: line.row.model),
    ExportColumn("Адрес установки", "Address", lambda line: line.row.shown_address),
    ExportColumn("Версия прошивки", "Firmware version", lambda line: line.row.firmware_version, as_text=True),
    ExportColumn("Название клиента", "Client", lambda line: line.row.owner_name),
    ExportColumn("ИНН клиента", "Client's INN", lambda line: line.row.owner_inn, as_text=True),
    ExportColumn("Серийный номер ФН", "Fiscal drive number", lambda line: line.row.fiscal_drive_number, as_text=True),
    ExportColumn("Дата активации ФН", "Fiscal drive activated", lambda line: line.date(line.telemetry.get("fiscal_drive_activated_at"))),
    ExportColumn("Дата окончания действия ФН", "Fiscal drive valid until", lambda line: line.date(line.valid_until)),
    ExportColumn("Дата проведения ревизии блока управления", "Control unit revision", _telemetry_value("control_unit_revision"), as_text=True),
    ExportColumn("Дата установки версии ФФД", "FFD version", _telemetry_value("ffd_version"), as_text=True),
    ExportColumn("Наличие беспроводных интерфейсов", "Wireless interfaces", _telemetry_value("wireless")),
    ExportColumn("Интерфейс связи с ПК", "PC interface", _telemetry_value("host_interface")),
    ExportColumn("Интерфейс передачи статистики", "Statistics interface", _telemetry_value("statistics_interface")),
    ExportColumn("Номер версии загрузчика", "Loader version", _telemetry_value("loader_version"), as_text=True),
    ExportColumn("Состояние ККТ", "State", lambda line: line.state),
    ExportColumn("Доступное количество перерегистраций", "Re-registrations left", _telemetry_value("registrations_left")),
    ExportColumn("Прогнозируемый срок действия ФН", "Fiscal drive forecast", lambda line: line.date(line.full_at)),
    ExportColumn("Количество неотправленных чеков в буфере", "Unsent documents", _telemetry_value("unsent_documents")),
    ExportColumn("Дата первого неотправленного чека", "First unsent document", lambda line: line.date(line.telemetry.get("first_unsent_at"))),
    ExportColumn("Ошибка ФН", "Fiscal drive error", _telemetry_value("fiscal_drive_error")),
    ExportColumn("Уровень заряда батареи, мВ", "Battery, mV", _telemetry_value("battery_mv")),
    ExportColumn("Количество отработанных часов", "Hours worked", _telemetry_value("uptime_h")),
    ExportColumn("Объем отпечатанной ленты, м", "Tape printed, m", _telemetry_value("printed_m")),
    ExportColumn("Количество отрезов ленты", "Cuts", _telemetry_value("cuts")),
    ExportColumn("Дата и время последней связи с ОФД", "Last contact with the OFD", lambda line: line.time(line.telemetry.get("ofd_last_contact_at"))),
    ExportColumn("Ошибка ОФД", "OFD error", _telemetry_value("ofd_error")),
)
# fmt: on

_TELEMETRY_FIELDS: Final = (
    "fiscal_drive_activated_at",
    "control_unit_revision",
    "ffd_version",
    "wireless",
    "host_interface",
    "statistics_interface",
    "loader_version",
    "registrations_left",
    "unsent_documents",
    "first_unsent_at",
    "fiscal_drive_error",
    "battery_mv",
    "uptime_h",
    "printed_m",
    "cuts",
    "ofd_last_contact_at",
    "ofd_error",
)
_EXCERPT: Final = excerpt(*_TELEMETRY_FIELDS)


async def as_csv(act: Act, query: RegisterConditions) -> AsyncGenerator[bytes, None]:
    """The file, piece by piece, while the transaction of ``db`` is open.

    The database hands the rows over as they are taken, so that a million of them needs the
    memory of ``PORTION``.
    """
    names = [each.ru if act.language is Language.RU else each.en for each in COLUMNS]
    yield lines([names], "utf-8-sig")
    statement = _statement(await selected_by(act.db, act.actor, query))
    rows = await act.db.stream(statement.execution_options(yield_per=PORTION))
    async for portion in rows.partitions(PORTION):
        found = [ExportRow(*row) for row in portion]
        if query.status:  # as in the list: the row knows better than the column that is asked
            found = [each for each in found if presence(each.seen_at, act.now) in query.status]
        told = [_line(each, act.language, act.now) for each in found]
        yield lines(
            [[cell(each.value(line), as_text=each.as_text) for each in COLUMNS] for line in told]
        )


def _statement(wanted: list[ColumnElement[bool]]) -> Select[*tuple[Any, ...]]:
    first = oldest_reading(CashRegister.serial_number).correlate(CashRegister)
    same = RegisterState.serial_number == CashRegister.serial_number
    return (
        select(
            *(getattr(CashRegister, name) for name in ExportRow._fields[:9]),
            RegisterState.seen_at,
            RegisterState.block_version,
            RegisterState.block,
            *(first.with_only_columns(each).scalar_subquery() for each in first.selected_columns),
        )
        .outerjoin(RegisterState, same)
        .where(*wanted)
        .order_by(CashRegister.serial_number)
    )


def _line(found: ExportRow, language: Language, now: datetime) -> ExportLine:
    if found.block is None or found.block_version is None or found.seen_at is None:
        return ExportLine(found, {}, None, None, now, language)
    said = dict(zip(_TELEMETRY_FIELDS, _EXCERPT(found.block_version, found.block), strict=True))
    latest, first = drive_usage(found.seen_at, found.block_version, found.block), None
    if found.first_at and found.first_block_version and found.first_block:
        first = drive_usage(found.first_at, found.first_block_version, found.first_block)
    full = full_at(latest, documents_per_day(first, latest))
    return ExportLine(found, said, valid_until(latest), full, now, language)


def cell(value: Any, *, as_text: bool) -> str:
    """Return what stands in the file for a value; no text in it is a formula."""
    if value is None:
        return ""
    text = ", ".join(value) if isinstance(value, list) else str(value)
    if text.lstrip(" ").startswith(FORMULA_STARTS):
        return "'" + text
    return "\t" + text if as_text and any(map(str.isdigit, text)) else text


def lines(rows: Iterable[list[str]], encoding: str = "utf-8") -> bytes:
    """Return lines of the file."""
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode(encoding)
