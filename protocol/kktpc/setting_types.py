"""Elements of the tables of settings: one entry, its kinds, and its errors."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from protocol.errors import LocalError
from protocol.kktpc.setting_choices import NO_YES
from protocol.kktpc.text import Language
from protocol.platforms import Platform

SettingValue = bool | int | str


class SettingKind(StrEnum):
    """Type of a value: BOOL is a bool; LIST, INT and COLOR (0xRRGGBB) an int; STRING a str."""

    BOOL = "bool"
    LIST = "list"
    INT = "int"
    STRING = "string"
    COLOR = "color"


class CellForm(StrEnum):
    """Form of a value in a table cell of platform 2.5, which also limits its text."""

    NUMBER = "number"  # big-endian, as long as the cell
    BIT = "bit"  # one bit of a cell that several settings share
    TEXT = "text"  # CP866 when written, internal code page when read; NUL padded
    DIGITS = "digits"  # packed BCD, zeros in front
    ADDRESS = "address"  # IPv4, four bytes
    CABINET = "cabinet"  # host NUL /path NUL…


class Cell(NamedTuple):
    """Position of a setting in the tables of platform 2.5."""

    table: int
    row: int
    field: int

    def __str__(self) -> str:
        return f"Т{self.table}Р{self.row}П{self.field}"


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """One setting of one platform.

    `ranges` and `lengths` (characters) contain alternatives if models differ: a value is valid here
    if one model accepts it, and the register makes the final decision. `bit` counts from the lowest
    bit. `secret`: the value must never be shown or logged.
    """

    number: int
    name_ru: str
    kind: SettingKind
    form: CellForm
    cell: Cell | None = None
    choices: Mapping[int, str] = field(default_factory=dict)
    ranges: tuple[tuple[int, int], ...] = ()
    lengths: tuple[int, ...] = ()
    secret: bool = False
    bit: int = 0
    platform: Platform = Platform.V5_0

    @property
    def reachable(self) -> bool:
        """Tell whether the setting can be read and written by the protocol at all."""
        return self.platform is Platform.V5_0 or self.cell is not None

    @property
    def max_length(self) -> int:
        """Return the largest number of characters that any model accepts."""
        return max(self.lengths, default=0)


class SettingFault(StrEnum):
    """Reason why a setting or its value is refused."""

    UNKNOWN = "setting_unknown"
    AMBIGUOUS = "setting_ambiguous"
    UNREACHABLE = "setting_unreachable"
    VALUE = "setting_value"
    CELL = "setting_cell"


_FAULTS: dict[SettingFault, dict[Language, str]] = {
    SettingFault.UNKNOWN: {
        "ru": "настройки {key} на этой платформе нет",
        "en": "setting {key} does not exist on this platform",
    },
    SettingFault.AMBIGUOUS: {
        "ru": "в ячейке {key} несколько настроек, укажите номер одной из них: {allowed}",
        "en": "cell {key} holds several settings, give the number of one: {allowed}",
    },
    SettingFault.UNREACHABLE: {
        "ru": "настройка {key} недоступна по протоколу ККТ",
        "en": "setting {key} is not accessible over the register's protocol",
    },
    SettingFault.VALUE: {
        "ru": "для настройки {key} допустимо: {allowed}",
        "en": "setting {key} allows: {allowed}",
    },
    SettingFault.CELL: {
        "ru": "значение настройки {key} не подходит для этой кассы",
        "en": "the value of setting {key} does not fit this register",
    },
}


class SettingError(LocalError):
    """Refusal of a setting or value; it contains the key and the allowed values.

    It never contains the refused value itself.
    """

    def __init__(
        self, fault: SettingFault, key: object, allowed: Mapping[Language, str] | None = None
    ) -> None:
        self.fault = fault
        self.key = str(key)
        self.allowed = dict(allowed or {})
        super().__init__(fault.value, self.describe("en"))

    def describe(self, language: Language) -> str:
        """Return one sentence for a person."""
        return _FAULTS[self.fault][language].format(
            key=self.key, allowed=self.allowed.get(language, "")
        )


def flag(number: int, name_ru: str, cell: str = "", choices: Mapping[int, str] = NO_YES) -> Setting:
    """Return a setting of type bool; `choices` name the meanings of 0 and 1."""
    return Setting(number, name_ru, SettingKind.BOOL, CellForm.NUMBER, _cell(cell), choices=choices)


def choice(number: int, name_ru: str, cell: str, choices: Mapping[int, str]) -> Setting:
    """Return a setting that is one of the listed codes."""
    return Setting(number, name_ru, SettingKind.LIST, CellForm.NUMBER, _cell(cell), choices=choices)


def integer(number: int, name_ru: str, cell: str, *ranges: tuple[int, int]) -> Setting:
    """Return a setting that is an integer within one of the ranges, both ends included."""
    return Setting(number, name_ru, SettingKind.INT, CellForm.NUMBER, _cell(cell), ranges=ranges)


def color(number: int, name_ru: str) -> Setting:
    """Return a setting that is an integer 0xRRGGBB."""
    return Setting(number, name_ru, SettingKind.COLOR, CellForm.NUMBER, ranges=((0, 0xFFFFFF),))


def text(
    number: int,
    name_ru: str,
    cell: str,
    *lengths: int,
    form: CellForm = CellForm.TEXT,
    secret: bool = False,
) -> Setting:
    """Return a setting that is a string of at most one of the lengths, in characters."""
    return Setting(
        number, name_ru, SettingKind.STRING, form, _cell(cell), lengths=lengths, secret=secret
    )


def table(platform: Platform, *entries: Setting) -> tuple[Setting, ...]:
    """Return the entries as settings of that platform.

    Several settings in one cell share its bits. The assignment of bits is not public; here the
    order of the table is assumed, from the lowest bit.
    """
    sharers = Counter(entry.cell for entry in entries)
    taken: Counter[Cell] = Counter()
    placed = []
    for entry in entries:
        cell = entry.cell
        if cell and sharers[cell] > 1:
            entry = replace(entry, form=CellForm.BIT, bit=taken[cell])
            taken[cell] += 1
        placed.append(replace(entry, platform=platform))
    return tuple(placed)


def _cell(written: str) -> Cell | None:
    return Cell(*map(int, written.split("."))) if written else None
