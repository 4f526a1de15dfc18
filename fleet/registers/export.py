# ruff: noqa: E501
"""The list of registers as a file for spreadsheets: the 28 columns of the ATOL Connect manual.

Values are separated by ``;``, lines end with CRLF, and the text is UTF-8 with a byte order mark: a
Russian Excel opens this by a double click.  The manual calls two columns dates of the control
unit's revision and of the FFD version.  No register reports these dates; the columns have the
revision and the version.

Numbers that are names (serial, INN, fiscal drive) and versions begin with a tab, if they have a
digit: so a spreadsheet takes them for text and does not round them to fifteen digits, drop leading
zeros, or read 5.8.1 as a date.  A program that reads the file strips the tab.

Moments are in the time zone of the register, in UTC if it is unknown.
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
"""Registers per piece: a few milliseconds of work, so that other requests get their turn."""

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""Characters with which a spreadsheet begins a formula, or that it skips before one."""

STATUSES: Final = {
    RegisterPresence.ONLINE: ("На связи", "Online"),
    RegisterPresence.OFFLINE: ("Нет связи", "Offline"),
    RegisterPresence.NEVER: ("Не выходила на связь", "Never connected"),
}


class ExportRow(NamedTuple):
    """A register as read from the database; values of a missing reading are None."""

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
    """A register as written to the file; ``telemetry`` are values of its latest reading."""

    row: ExportRow
    telemetry: dict[str, Any]
    valid_until: datetime | None
    full_at: datetime | None
    now: datetime
    language: Language

    @property
    def state(self) -> str:
        """Return the presence, followed by the broken conditions."""
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
    """A column of the file; ``as_text`` keeps spreadsheets from reading a number or a date."""

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
    """Yield the file in pieces, while the transaction of ``act`` is open.

    The database sends the rows as they are needed, so a million of them takes the memory of
    ``PORTION``.
    """
    names = [each.ru if act.language is Language.RU else each.en for each in COLUMNS]
    yield lines([names], "utf-8-sig")
    statement = _statement(await selected_by(act.db, act.actor, query))
    rows = await act.db.stream(statement.execution_options(yield_per=PORTION))
    async for portion in rows.partitions(PORTION):
        found = [ExportRow(*row) for row in portion]
        if query.status:  # as in the list: the state is newer than the filter's column
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
    """Return the text of a value for the file; it is never a formula."""
    if value is None:
        return ""
    text = ", ".join(value) if isinstance(value, list) else str(value)
    if text.lstrip(" ").startswith(FORMULA_STARTS):
        return "'" + text
    return "\t" + text if as_text and any(map(str.isdigit, text)) else text


def lines(rows: Iterable[list[str]], encoding: str = "utf-8") -> bytes:
    """Return rows as encoded lines of the file."""
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode(encoding)
