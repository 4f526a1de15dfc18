"""The memory of a register's settings: cells of tables on 2.5, values by number on 5.0.

All registers share the factory values; a register's own memory holds only later changes.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Final

from protocol.errors import ProtocolError
from protocol.kktpc import settings
from protocol.kktpc.setting_types import Cell, CellForm, Setting, SettingKind, SettingValue
from protocol.platforms import Platform
from simulator.register.failures import Failure, ResultCode

ACCESS_PASSWORD: Final = 11
SYSTEM_PASSWORD: Final = 181

OFD_HOST, OFD_PORT, OFD_CHANNEL = 273, 274, 276
CABINET_HOST, CABINET_PORT, CABINET_INTERVAL = 278, 279, 280

_FACTORY: Final[dict[Platform, dict[int, SettingValue]]] = {
    Platform.V2_5: {
        SYSTEM_PASSWORD: "30",
        OFD_HOST: "ofd.example",
        OFD_PORT: 7777,
        OFD_CHANNEL: 2,
        CABINET_HOST: "service.atol.ru/kkt",
        CABINET_PORT: 80,
        CABINET_INTERVAL: 300,
    },
    Platform.V5_0: {
        OFD_HOST: "ofd.example",
        OFD_PORT: 7777,
        OFD_CHANNEL: 2,
        CABINET_HOST: "ks.atol.ru",
        CABINET_PORT: 80,
    },
}


class Tables:
    """Cells of platform 2.5 as bytes, strings in CP866 (KKT-PC 3.1 and 4)."""

    __slots__ = ("_written",)

    def __init__(self) -> None:
        self._written: dict[Cell, bytes] = {}

    def read(self, cell: Cell) -> bytes:
        """Return the whole cell as ``read_table`` answers it; raise ``Failure`` without one."""
        return settings.read_back(_settings_in(cell)[0], self._raw(cell))

    def write(self, cell: Cell, raw: bytes) -> None:
        """Store the cell; raise ``Failure`` without changing anything for an invalid value."""
        sharing = _settings_in(cell)
        if len(raw) != len(_factory_cells()[cell]):
            raise Failure(ResultCode.WRONG_LENGTH)
        for setting in sharing:
            _check(setting, lambda it: settings.decode_cell(it, settings.read_back(it, raw)))
        self._written[cell] = raw

    def value(self, number: int) -> SettingValue:
        """Return the value of a setting that has a cell."""
        setting = settings.SETTINGS[Platform.V2_5][number]
        if setting.cell not in self._written:
            return _initial(setting)
        return settings.decode_cell(setting, self.read(setting.cell))

    def _raw(self, cell: Cell) -> bytes:
        return self._written.get(cell) or _factory_cells()[cell]


class NumberedSettings:
    """Settings of platform 5.0 as the bytes of ``encode_value``."""

    __slots__ = ("_written",)

    def __init__(self) -> None:
        self._written: dict[int, bytes] = {}

    def read(self, number: int) -> bytes:
        """Return the value's bytes; raise ``Failure`` for a number unknown to the platform."""
        written = self._written.get(number)
        return _factory_value(number) if written is None else written

    def write(self, number: int, raw: bytes) -> None:
        """Store the value; raise ``Failure`` without changing anything for an invalid value."""
        _check(_numbered(number), lambda it: settings.decode_value(it, raw))
        self._written[number] = raw

    def value(self, number: int) -> SettingValue:
        """Return the value of a setting."""
        setting = _numbered(number)
        if number not in self._written:
            return _initial(setting)
        return settings.decode_value(setting, self.read(number))


def settings_for_5_0(tables: Tables) -> NumberedSettings:
    """Return the settings that platform 5.0 has under the same numbers and accepts.

    The others are lost.
    """
    kept = NumberedSettings()
    for number, setting in settings.SETTINGS[Platform.V5_0].items():
        before = settings.SETTINGS[Platform.V2_5].get(number)
        if before is not None and before.cell is not None:
            with suppress(Failure, ProtocolError):
                kept.write(number, settings.encode_value(setting, tables.value(number)))
    return kept


def _check(setting: Setting, decode: Callable[[Setting], SettingValue]) -> None:
    """Raise ``Failure`` unless the bytes decode to a value that the setting allows."""
    try:
        settings.parse(setting, decode(setting))
    except ProtocolError:
        raise Failure(ResultCode.WRONG_FORMAT) from None


def _settings_in(cell: Cell) -> list[Setting]:
    """Return the settings stored in the cell.

    Raise ``Failure`` for a wrong address; its code tells a wrong table, row and field apart.
    """
    tables = _map_of_cells()
    if cell.table not in tables:
        raise Failure(ResultCode.WRONG_TABLE)
    if cell.row not in tables[cell.table]:
        raise Failure(ResultCode.WRONG_ROW)
    if cell.field not in tables[cell.table][cell.row]:
        raise Failure(ResultCode.WRONG_FIELD)
    return tables[cell.table][cell.row][cell.field]


@cache
def _map_of_cells() -> Mapping[int, Mapping[int, Mapping[int, list[Setting]]]]:
    """Return the settings by table, row and field."""
    found: dict[int, dict[int, dict[int, list[Setting]]]] = {}
    for setting in settings.SETTINGS[Platform.V2_5].values():
        if setting.cell:
            table, row, field = setting.cell
            rows = found.setdefault(table, {})
            rows.setdefault(row, {}).setdefault(field, []).append(setting)
    return found


@cache
def _factory_cells() -> Mapping[Cell, bytes]:
    cells: dict[Cell, bytes] = {}
    for setting in settings.SETTINGS[Platform.V2_5].values():
        if setting.cell:
            length = settings.cell_length(setting)
            current = cells.get(setting.cell, bytes(length))
            cells[setting.cell] = settings.encode_cell(setting, _initial(setting), length, current)
    return cells


@cache
def _factory_value(number: int) -> bytes:
    setting = _numbered(number)
    return settings.encode_value(setting, _initial(setting))


def _numbered(number: int) -> Setting:
    try:
        return settings.SETTINGS[Platform.V5_0][number]
    except KeyError:
        raise Failure(ResultCode.WRONG_FIELD) from None


@cache
def _initial(setting: Setting) -> SettingValue:
    """Return the factory value, or the lowest allowed value if the factory table has none."""
    written = _FACTORY[setting.platform].get(setting.number)
    return settings.parse(setting, _LEAST[setting.kind](setting) if written is None else written)


_LEAST: Final[dict[SettingKind, Callable[[Setting], SettingValue]]] = {
    SettingKind.BOOL: lambda _: False,
    SettingKind.LIST: lambda setting: min(setting.choices),
    SettingKind.INT: lambda setting: setting.ranges[0][0],
    SettingKind.COLOR: lambda setting: setting.ranges[0][0],
    SettingKind.STRING: lambda setting: "0" if setting.form is CellForm.DIGITS else "",
}
