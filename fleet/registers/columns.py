"""Columns that the list may show: those of its rows, and every other field of the telemetry.

A field of the telemetry is shown from the latest reading.  To filter or sort by it, it needs a
column of ``registers`` with an index.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from pydantic import Field

from fleet.kit.language import Language
from fleet.registers.queries import RegisterRow
from protocol.telemetry import BY_NAME, FIELDS, decode

TELEMETRY: Final = tuple(each.name for each in FIELDS if each.name not in RegisterRow.model_fields)
"""Fields of the telemetry that are not columns of a row."""

ColumnName = StrEnum(  # type: ignore[misc]
    "ColumnName", {name: name for name in (*RegisterRow.model_fields, *TELEMETRY)}
)
TelemetryColumn = StrEnum("TelemetryColumn", {name: name for name in TELEMETRY})  # type: ignore[misc]

# fmt: off
_OF_ROWS: Final[Mapping[str, tuple[str, str]]] = {
    "serial_number": ("Серийный номер", "Serial number"),
    "status": ("Связь", "Connection"),
    "seen_at": ("Последний выход на связь", "Last call"),
    "conditions": ("Неисправности", "What is broken"),
    "indicator": ("Индикатор", "Indicator"),
    "platform": ("Платформа", "Platform"),
    "model": ("Код модели", "Model code"),
    "model_name": ("Модель", "Model"),
    "address": ("Адрес установки", "Address"),
    "group_id": ("Группа", "Group"),
    "hidden": ("Скрыта", "Hidden"),
    "blocked": ("Заблокирована", "Blocked"),
    "notices": ("Уведомления", "Notices"),
    "enrolled_at": ("Добавлена в личный кабинет", "Added to the cabinet"),
    "first_seen_at": ("Первый выход на связь", "First call"),
}
# fmt: on


class ListedRow(RegisterRow):
    """A row of the list, with the requested fields of the telemetry."""

    telemetry: dict[str, Any] = Field(
        description="By the latest reading; empty if none were asked for or none has come."
    )


def heading(name: str, language: Language) -> str:
    """Return the heading of a column."""
    if name in _OF_ROWS:
        return _OF_ROWS[name][language is Language.EN]
    field = BY_NAME[name]
    return field.label_ru if language is Language.RU else field.label_en


def told(names: tuple[str, ...], block_version: int | None, block: bytes | None) -> dict[str, Any]:
    """Return these fields of a reading; empty if there is no reading or no field."""
    if not names or block_version is None or block is None:
        return {}
    reading = decode(block_version, block)
    return {name: reading[name] for name in names}
