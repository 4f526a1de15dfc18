# ruff: noqa: E501
"""TABLE: names of KKT-PC commands and of the steps made of them, for people."""

from collections.abc import Mapping
from types import MappingProxyType

from protocol.kktpc.text import Language

# fmt: off
COMMAND_NAMES: Mapping[str, Mapping[Language, str]] = MappingProxyType({
    "read_state": {"ru": "запрос состояния", "en": "read state"},
    "discount": {"ru": "скидка или надбавка", "en": "discount or surcharge"},
    "read_state_code": {"ru": "запрос кода состояния", "en": "read state code"},
    "read_table": {"ru": "чтение таблицы", "en": "read table"},
    "beep": {"ru": "звуковой сигнал", "en": "beep"},
    "leave_mode": {"ru": "выход из режима", "en": "leave mode"},
    "cash_in": {"ru": "внесение наличных", "en": "cash in"},
    "close_receipt": {"ru": "закрытие чека", "en": "close receipt"},
    "print_string": {"ru": "печать строки", "en": "print line"},
    "read_cash": {"ru": "запрос суммы наличных", "en": "read cash in drawer"},
    "cash_out": {"ru": "выплата наличных", "en": "cash out"},
    "write_table": {"ru": "запись в таблицу", "en": "write table"},
    "enter_mode": {"ru": "вход в режим", "en": "enter mode"},
    "read_last_shift": {"ru": "запрос итогов последней смены", "en": "read totals of last shift"},
    "cancel_receipt": {"ru": "аннулирование чека", "en": "cancel receipt"},
    "close_shift": {"ru": "закрытие смены", "en": "close shift"},
    "set_date": {"ru": "установка даты", "en": "set date"},
    "print_report": {"ru": "печать отчёта", "en": "print report"},
    "reset": {"ru": "технологическое обнуление", "en": "technological reset"},
    "print_cliche": {"ru": "печать клише", "en": "print header"},
    "enter_protection_code": {"ru": "ввод кода защиты", "en": "enter protection code"},
    "initialise_tables": {"ru": "инициализация таблиц", "en": "initialise tables"},
    "print_footer": {"ru": "печать нижней части чека", "en": "print footer"},
    "read_protection_code": {"ru": "проверка кода защиты", "en": "check protection code"},
    "cut": {"ru": "отрезка чека", "en": "cut receipt"},
    "read_picture_memory": {"ru": "запрос памяти картинок", "en": "read picture memory"},
    "open_drawer": {"ru": "открытие денежного ящика", "en": "open cash drawer"},
    "print_demo": {"ru": "демонстрационная печать", "en": "print demo"},
    "sound": {"ru": "звук", "en": "sound"},
    "send_to_port": {"ru": "передача данных в порт", "en": "send data to port"},
    "read_picture": {"ru": "запрос картинки", "en": "read picture"},
    "read_register": {"ru": "чтение регистра", "en": "read register"},
    "open_receipt": {"ru": "открытие чека", "en": "open receipt"},
    "pay": {"ru": "оплата чека", "en": "pay receipt"},
    "open_shift": {"ru": "открытие смены", "en": "open shift"},
    "read_version": {"ru": "запрос версии", "en": "read version"},
    "ask_fiscal_drive": {"ru": "запрос к ФН", "en": "ask fiscal drive"},
    "read_type": {"ru": "запрос типа устройства", "en": "read device type"},
    "fiscalise": {"ru": "регистрация ККТ", "en": "register with the tax service"},
    "close_archive": {"ru": "закрытие архива ФН", "en": "close fiscal drive archive"},
    "read_last_error": {"ru": "запрос последней ошибки", "en": "read last error"},
    "receipt_tax": {"ru": "налог на чек", "en": "receipt tax"},
    "power": {"ru": "перезапуск или выключение", "en": "restart or switch off"},
    "write_setting": {"ru": "запись настройки", "en": "write setting"},
    "read_setting": {"ru": "чтение настройки", "en": "read setting"},
    "firmware_begin": {"ru": "начало загрузки прошивки", "en": "begin firmware upload"},
    "firmware_block": {"ru": "загрузка прошивки", "en": "upload firmware"},
    "firmware_verify": {"ru": "проверка прошивки", "en": "verify firmware"},
    "firmware_install": {"ru": "установка прошивки", "en": "install firmware"},
    "write_licence": {"ru": "запись лицензии", "en": "write licence"},
    "rotate_key": {"ru": "перезапись сертификата", "en": "certificate rewrite"},
    "print_receipts": {"ru": "включение или отключение печати чеков", "en": "paper receipts on or off"},
    "template_begin": {"ru": "начало загрузки шаблона", "en": "begin template upload"},
    "template_block": {"ru": "загрузка шаблона", "en": "upload template"},
    "relay": {"ru": "передача данных по EoT", "en": "relay data over EoT"},
    "template_apply": {"ru": "применение шаблона", "en": "apply template"},
    "item": {"ru": "регистрация позиции", "en": "register item"},
    "write_requisite": {"ru": "запись реквизита", "en": "write requisite"},
    "read_requisite": {"ru": "чтение реквизита", "en": "read requisite"},
    "begin_item": {"ru": "начало регистрации позиции", "en": "begin item"},
    "end_item": {"ru": "завершение регистрации позиции", "en": "end item"},
    "firmware": {"ru": "обновление прошивки", "en": "firmware update"},
    "set_clock": {"ru": "установка даты и времени", "en": "set date and time"},
    "ask_journal": {"ru": "запрос электронного журнала", "en": "ask electronic journal"},
})
# fmt: on


def name_of(command: str) -> Mapping[Language, str]:
    """Return the name in both languages; an unknown command is its own name."""
    return COMMAND_NAMES.get(command, {"ru": command, "en": command})
