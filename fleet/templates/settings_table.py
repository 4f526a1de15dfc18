# ruff: noqa: E501
"""TABLE of the settings that a settings template holds, in the eleven groups of the manual.

A row gives the setting's number on each platform and how a value becomes the setting's own
code.  Groups, fields and lists of values are those of the ATOL Connect manual; the setting of
the register for each field is our reading of the settings' names (``protocol.kktpc.settings``).  A
number left out means that the platform has no such setting, or none that its wire reaches.

The manual's switch «таймаут соединения установлен» and the time itself are one setting of the
register, and so one field here: 0 switches the limit off.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocol.kktpc.setting_types import Setting
from protocol.kktpc.settings import SETTINGS
from protocol.platforms import Platform

Value = bool | int | str


class SettingGroup(StrEnum):
    """Group of settings, in the order of the manual."""

    INTERFACE_SELECTOR = "interface_selector"
    RS232 = "rs232"
    ETHERNET = "ethernet"
    WIFI = "wifi"
    BLUETOOTH = "bluetooth"
    GSM = "gsm"
    PRINTER = "printer"
    OFD = "ofd"
    FISCAL_CORE = "fiscal_core"
    HEADER_LINES = "header_lines"
    EXTRA_INTERFACES = "extra_interfaces"


GROUP_LABELS: Final[Mapping[SettingGroup, tuple[str, str]]] = {
    SettingGroup.INTERFACE_SELECTOR: ("Селектор интерфейсов", "Interface selector"),
    SettingGroup.RS232: ("Интерфейс RS-232", "RS-232 interface"),
    SettingGroup.ETHERNET: ("Ethernet", "Ethernet"),
    SettingGroup.WIFI: ("Wi-Fi", "Wi-Fi"),
    SettingGroup.BLUETOOTH: ("Bluetooth", "Bluetooth"),
    SettingGroup.GSM: ("GSM", "GSM"),
    SettingGroup.PRINTER: ("Печатающее устройство", "Printer"),
    SettingGroup.OFD: ("ОФД", "OFD"),
    SettingGroup.FISCAL_CORE: ("Фискальное ядро", "Fiscal core"),
    SettingGroup.HEADER_LINES: ("Клише", "Header lines"),
    SettingGroup.EXTRA_INTERFACES: ("Дополнительные интерфейсы", "Extra interfaces"),
}


class FieldKind(StrEnum):
    """Kind of value that people give.

    TOGGLE is a bool, CHOICE one of ``choices``, NUMBER an int, PERCENT an int of 0 to 100, TEXT a
    str.
    """

    TOGGLE = "toggle"
    CHOICE = "choice"
    NUMBER = "number"
    PERCENT = "percent"
    TEXT = "text"


Convert = Callable[[Value], Value | None]
"""Function from a template's value to the setting's; ``None`` if the setting has none for it."""


@dataclass(frozen=True, slots=True)
class PlatformSetting:
    """The setting of one platform that a field stands for; a table cell on 2.5."""

    number: int
    convert: Convert


@dataclass(frozen=True, slots=True)
class SettingField:
    """A row of the table; ``choices`` are the values of the manual's list with their labels."""

    key: str
    group: SettingGroup
    label_ru: str
    label_en: str
    kind: FieldKind
    by_platform: Mapping[Platform, PlatformSetting]
    choices: Mapping[str, tuple[str, str]]

    def setting(self, platform: Platform) -> Setting | None:
        """Return the setting behind the field, if the platform has it."""
        place = self.by_platform.get(platform)
        return None if place is None else SETTINGS[platform][place.number]

    @property
    def secret(self) -> bool:
        """Tell whether the value is never shown."""
        places = self.by_platform.items()
        return any(SETTINGS[platform][place.number].secret for platform, place in places)


SettingSource = int | tuple[int, Convert] | None
"""A setting that takes the value unchanged, one with a conversion, or no setting."""

ON_OFF: Final = {True: 1, False: 0}
INVERTED: Final = {True: 0, False: 1}


def coded(codes: Mapping[bool, int] | Mapping[str, int]) -> Convert:
    """Return a conversion to the setting's code of each value."""
    known: dict[Value, int] = {key: code for key, code in codes.items()}
    return known.get


def unchanged(value: Value) -> Value:
    """Return the value: the setting keeps it as it is."""
    return value


def scaled(low: int, high: int) -> Convert:
    """Return a conversion from per cent to the steps of the setting, spread evenly."""

    def convert(percent: Value) -> Value | None:
        if not isinstance(percent, int) or not 0 <= percent <= 100:
            return None
        return low + round((high - low) * percent / 100)

    return convert


def _row(
    kind: FieldKind,
    key: str,
    group: SettingGroup,
    labels: tuple[str, str],
    places: tuple[SettingSource, SettingSource],
    choices: Mapping[str, tuple[str, str]],
) -> SettingField:
    usual = coded(ON_OFF) if kind is FieldKind.TOGGLE else unchanged
    return SettingField(
        key,
        group,
        *labels,
        kind,
        {
            platform: PlatformSetting(where, usual)
            if isinstance(where, int)
            else PlatformSetting(*where)
            for platform, where in zip((Platform.V5_0, Platform.V2_5), places, strict=True)
            if where is not None
        },
        choices,
    )


def toggle(
    key: str,
    group: SettingGroup,
    ru: str,
    en: str,
    on_5_0: SettingSource,
    on_2_5: SettingSource = None,
) -> SettingField:
    """Return a row whose value is a bool."""
    return _row(FieldKind.TOGGLE, key, group, (ru, en), (on_5_0, on_2_5), {})


def number(
    key: str,
    group: SettingGroup,
    ru: str,
    en: str,
    on_5_0: SettingSource,
    on_2_5: SettingSource = None,
) -> SettingField:
    """Return a row whose value is a number."""
    return _row(FieldKind.NUMBER, key, group, (ru, en), (on_5_0, on_2_5), {})


def percent(
    key: str,
    group: SettingGroup,
    ru: str,
    en: str,
    on_5_0: SettingSource,
    on_2_5: SettingSource = None,
) -> SettingField:
    """Return a row whose value is a percentage."""
    return _row(FieldKind.PERCENT, key, group, (ru, en), (on_5_0, on_2_5), {})


def text(
    key: str,
    group: SettingGroup,
    ru: str,
    en: str,
    on_5_0: SettingSource,
    on_2_5: SettingSource = None,
) -> SettingField:
    """Return a row whose value is a text."""
    return _row(FieldKind.TEXT, key, group, (ru, en), (on_5_0, on_2_5), {})


def choice(
    key: str,
    group: SettingGroup,
    ru: str,
    en: str,
    choices: Mapping[str, tuple[str, str]],
    on_5_0: SettingSource,
    on_2_5: SettingSource = None,
) -> SettingField:
    """Return a row whose value is one of ``choices``."""
    return _row(FieldKind.CHOICE, key, group, (ru, en), (on_5_0, on_2_5), choices)


BAUDS: Final = (4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
BAUD_LABELS: Final = {str(baud): (f"{baud} бод", f"{baud} baud") for baud in BAUDS}
CHANNELS: Final = {
    "eot": ("Протокол транспорта (EoT)", "Transport protocol (EoT)"),
    "eou": ("EoU", "EoU"),
    "ethernet": ("Ethernet", "Ethernet"),
    "wifi": ("Wi-Fi", "Wi-Fi"),
    "gsm": ("GSM", "GSM"),
}
CHANNEL_CODES: Final = {"eot": 5, "eou": 1, "ethernet": 2, "wifi": 3, "gsm": 4}
RS232_MODES: Final = {
    "host": ("Обмен с хостом", "Exchange with the host"),
    "external": ("Обмен с внешним устройством", "Exchange with external equipment"),
}
WIFI_MODES: Final = {
    "client": ("Клиент", "Client"),
    "access_point": ("Точка доступа", "Access point"),
}
WIFI_MODE_CODES: Final = {"client": 0, "access_point": 1}
WIFI_SECURITY: Final = {
    "open": ("Без аутентификации", "No authentication"),
    "wep": ("WEP", "WEP"),
    "wpa": ("WPA", "WPA"),
    "wpa2": ("WPA2", "WPA2"),
    "wpa_wpa2": ("WPA/WPA2", "WPA/WPA2"),
}
WITHOUT_WEP: Final = {"open": 0, "wpa": 2, "wpa2": 3, "wpa_wpa2": 4}
DEFAULT: Final = {"default": ("По умолчанию", "By default")}
TAPES: Final = DEFAULT | {str(width): (f"{width} мм", f"{width} mm") for width in (80, 57, 43)}
MINUTES: Final = DEFAULT | {str(count): (f"{count} мин", f"{count} min") for count in range(1, 6)}
MINUTE_CODES: Final = {str(count): count for count in range(1, 6)}
SPEEDS: Final = DEFAULT | {
    **{str(step): (str(step), str(step)) for step in range(2, 7)},
    "1": ("1 (минимальная)", "1 (lowest)"),
    "7": ("7 (максимальная)", "7 (highest)"),
}
ALIGNMENTS: Final = {
    "left": ("По левому краю", "Left"),
    "center": ("По центру", "Centre"),
    "right": ("По правому краю", "Right"),
}
TIMEOUT: Final = (
    "Таймаут соединения, с (0 — не установлен, 255 — без ограничения)",
    "Connection timeout, s (0: none, 255: no limit)",
)
PORT: Final = ("TCP-порт для подключения к ПК", "TCP port for the PC")
DHCP: Final = ("DHCP включён", "DHCP is on")
ENABLED: Final = ("Включён", "Enabled")
ADDRESS: Final = ("IP-адрес", "IP address")
MASK: Final = ("Маска подсети", "Subnet mask")
GATEWAY: Final = ("Адрес шлюза", "Gateway address")
BAUD: Final = ("Скорость, бод", "Speed, baud")

_G = SettingGroup
# fmt: off
FIELDS: Final[tuple[SettingField, ...]] = (
    choice("internet_channel", _G.INTERFACE_SELECTOR, "Канал доступа в интернет", "Internet channel", CHANNELS, (276, coded(CHANNEL_CODES)), (276, coded(CHANNEL_CODES))),

    toggle("rs232_enabled", _G.RS232, *ENABLED, 294),
    choice("rs232_mode", _G.RS232, "Режим", "Mode", RS232_MODES, (389, coded({"host": 1, "external": 0}))),
    choice("rs232_baud", _G.RS232, *BAUD, BAUD_LABELS, (236, coded({str(baud): baud for baud in BAUDS}))),

    toggle("ethernet_dhcp", _G.ETHERNET, *DHCP, 49, 49),
    text("ethernet_address", _G.ETHERNET, *ADDRESS, 71),
    text("ethernet_mask", _G.ETHERNET, *MASK, 72),
    text("ethernet_gateway", _G.ETHERNET, *GATEWAY, 73),
    number("ethernet_port", _G.ETHERNET, *PORT, 74),
    toggle("ethernet_enabled", _G.ETHERNET, *ENABLED, 390),
    number("ethernet_timeout_s", _G.ETHERNET, *TIMEOUT, 295),
    text("dns_address", _G.ETHERNET, "Адрес сервера DNS", "DNS server address", 284, 275),
    toggle("dns_static", _G.ETHERNET, "Статичный DNS", "Static DNS", 283),

    toggle("wifi_dhcp", _G.WIFI, *DHCP, 325, 325),
    text("wifi_address", _G.WIFI, *ADDRESS, 326, 326),
    text("wifi_mask", _G.WIFI, *MASK, 327, 327),
    text("wifi_gateway", _G.WIFI, *GATEWAY, 328, 328),
    number("wifi_port", _G.WIFI, *PORT, 329),
    toggle("wifi_enabled", _G.WIFI, *ENABLED, 392),
    number("wifi_timeout_s", _G.WIFI, *TIMEOUT, 296),
    text("wifi_name", _G.WIFI, "Имя сети", "Network name", 269, 269),
    text("wifi_password", _G.WIFI, "Пароль", "Password", 270, 270),
    choice("wifi_mode", _G.WIFI, "Режим", "Mode", WIFI_MODES, (268, coded(WIFI_MODE_CODES)), (268, coded(WIFI_MODE_CODES))),
    number("wifi_channel", _G.WIFI, "Канал точки доступа", "Channel of the access point", 271, 271),
    choice("wifi_security", _G.WIFI, "Режим безопасности", "Security mode", WIFI_SECURITY, (272, coded(WITHOUT_WEP)), (272, coded(WITHOUT_WEP | {"wep": 1}))),

    toggle("bluetooth_enabled", _G.BLUETOOTH, *ENABLED, 391),
    number("bluetooth_timeout_s", _G.BLUETOOTH, *TIMEOUT, 298),
    toggle("bluetooth_visible", _G.BLUETOOTH, "Видимость", "Visible", 331, 331),

    # The public lists have no switch of the modem, only the time to wait for it.
    toggle("gsm_enabled", _G.GSM, *ENABLED, None),
    number("gsm_timeout_s", _G.GSM, *TIMEOUT, 297),

    percent("print_brightness_percent", _G.PRINTER, "Яркость печати, %", "Print brightness, %", (8, scaled(0, 100)), (8, scaled(1, 15))),
    number("line_spacing", _G.PRINTER, "Межстрочный интервал, точек", "Line spacing, dots", 12, 12),
    choice("paper_width", _G.PRINTER, "Тип бумаги", "Paper", TAPES, (285, coded({"default": 0, "80": 1, "57": 2}))),
    toggle("full_cut", _G.PRINTER, "Полная отрезка чека", "Cut receipts off fully", 322),
    toggle("print_quality_first", _G.PRINTER, "Приоритет качества печати над скоростью", "Quality of print before speed", 286),
    toggle("cutter_disabled", _G.PRINTER, "Отключение отрезчика", "Cutter off", (300, coded(INVERTED))),
    toggle("strong_power_supply", _G.PRINTER, "Блок питания повышенной мощности", "Power supply of higher power", None),

    text("ofd_address", _G.OFD, "Адрес ОФД", "OFD address", 273, 273),
    number("ofd_port", _G.OFD, "Порт ОФД", "OFD port", 274, 274),
    choice("ofd_answer_timeout", _G.OFD, "Время ожидания квитанции", "Time to wait for the OFD's answer", MINUTES, (281, coded(MINUTE_CODES | {"default": 0})), (281, coded(MINUTE_CODES))),
    text("ism_address", _G.OFD, "Адрес ИСМ", "ISM address", 1000),
    number("ism_port", _G.OFD, "Порт ИСМ", "ISM port", 1001),
    text("okp_address", _G.OFD, "Адрес ОКП", "OKP address", 1002),
    number("okp_port", _G.OFD, "Порт ОКП", "OKP port", 1003),
    toggle("ofd_waits_for_document", _G.OFD, "Останавливать отправку документов в ОФД при открытом документе", "Send nothing to the OFD while a document is open", 350),

    # Code 2: receipts are printed also while no template has been loaded.
    toggle("loaded_templates", _G.FISCAL_CORE, "Использовать загружаемые шаблоны чеков", "Use loaded receipt templates", (292, coded({True: 2, False: 0}))),
    toggle("sound_at_start", _G.FISCAL_CORE, "Звуковой сигнал при включении ККТ", "Sound when switched on", 39, 39),
    toggle("sound_at_error", _G.FISCAL_CORE, "Звуковой сигнал при ошибках ККТ", "Sound at errors", 37, 37),
    toggle("no_diagnostic_receipt", _G.FISCAL_CORE, "Не печатать чек диагностики при отсутствии ошибок", "No diagnostic receipt without errors", (383, coded(INVERTED))),
    toggle("no_cut_and_header", _G.FISCAL_CORE, "Отключить автоматическую отрезку и печать клише при закрытии чека", "Neither cut nor print the header when a receipt closes", 62, 62),
    choice("drive_speed", _G.FISCAL_CORE, "Скорость обмена", "Exchange speed", SPEEDS, (293, coded({"default": 0, **{str(step): step for step in range(1, 8)}}))),

    *(text(f"header_line_{line}", _G.HEADER_LINES, f"Строка клише {line}", f"Header line {line}", 183 + line, 183 + line) for line in range(1, 11)),
    # The setting for the alignment of header lines is not public.
    choice("header_alignment", _G.HEADER_LINES, "Строка форматирования", "Alignment", ALIGNMENTS, None),

    choice("extra_baud", _G.EXTRA_INTERFACES, *BAUD, BAUD_LABELS, None),
)
# fmt: on

BY_KEY: Final = {field.key: field for field in FIELDS}
