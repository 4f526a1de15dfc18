"""TABLE of paid services (ATOL Connect manual, «Лицензии и подписки») and of what needs them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Entitlement(StrEnum):
    """A service that a subscription brings."""

    MONITORING = "monitoring"
    FIRMWARE_LOCAL = "firmware_local"
    RECEIPT_TEMPLATES = "receipt_templates"
    SETTINGS = "settings"
    REMOTE_ACCESS = "remote_access"
    FIRMWARE_OVER_THE_AIR = "firmware_over_the_air"
    PLATFORM_5_LOCAL = "platform_5_local"
    PLATFORM_5_OVER_THE_AIR = "platform_5_over_the_air"
    TAX_CHANGE = "tax_change"
    FISCAL_PRINTER_MODE = "fiscal_printer_mode"
    AUTOMATIC_REGISTRATION = "automatic_registration"
    PAPER_OFF = "paper_off"


class EntitlementLabel(NamedTuple):
    """Name of a service in both languages."""

    ru: str
    en: str


LABELS: Mapping[Entitlement, EntitlementLabel] = MappingProxyType(
    {
        Entitlement.MONITORING: EntitlementLabel("Мониторинг ККТ", "Monitoring"),
        Entitlement.FIRMWARE_LOCAL: EntitlementLabel(
            "Обновление ПО локально", "Local firmware update"
        ),
        Entitlement.RECEIPT_TEMPLATES: EntitlementLabel(
            "Управление шаблонами чеков ККТ", "Receipt templates"
        ),
        Entitlement.SETTINGS: EntitlementLabel("Управление настройками ККТ", "Register settings"),
        Entitlement.REMOTE_ACCESS: EntitlementLabel("Удаленный доступ", "Remote access"),
        Entitlement.FIRMWARE_OVER_THE_AIR: EntitlementLabel(
            "Обновление ПО по воздуху", "Firmware update over the air"
        ),
        Entitlement.PLATFORM_5_LOCAL: EntitlementLabel(
            "Обновление на П 5.0 локально", "Local move to platform 5.0"
        ),
        Entitlement.PLATFORM_5_OVER_THE_AIR: EntitlementLabel(
            "Обновление на П 5.0 по воздуху", "Move to platform 5.0 over the air"
        ),
        Entitlement.TAX_CHANGE: EntitlementLabel("Перерегистрация ККТ", "Change of the tax system"),
        Entitlement.FISCAL_PRINTER_MODE: EntitlementLabel(
            "Работа в режиме фискального регистратора", "Fiscal printer mode"
        ),
        Entitlement.AUTOMATIC_REGISTRATION: EntitlementLabel(
            "Автоматическая регистрация ККТ", "Automatic registration"
        ),
        Entitlement.PAPER_OFF: EntitlementLabel(
            "Отключение печатной формы чека", "Paper receipts off"
        ),
    }
)

BY_OPERATION_TYPE: Mapping[str, Entitlement] = MappingProxyType(
    {
        "settings_upload": Entitlement.SETTINGS,
        "settings_download": Entitlement.SETTINGS,
        "receipt_template": Entitlement.RECEIPT_TEMPLATES,
        "info_receipt": Entitlement.RECEIPT_TEMPLATES,
        "tips_template": Entitlement.RECEIPT_TEMPLATES,
        "quick_registration": Entitlement.AUTOMATIC_REGISTRATION,
        "firmware_update": Entitlement.FIRMWARE_OVER_THE_AIR,
        "platform_move": Entitlement.PLATFORM_5_OVER_THE_AIR,
        "tax_system_change": Entitlement.TAX_CHANGE,
        "paper_receipt": Entitlement.PAPER_OFF,
    }
)
"""Operation type -> the service that it needs; a type without an entry needs none."""

BY_COMMAND: Mapping[str, tuple[Entitlement, ...]] = MappingProxyType(
    {
        "write_setting": (Entitlement.SETTINGS,),
        "read_setting": (Entitlement.SETTINGS,),
        "write_table": (Entitlement.SETTINGS,),
        "read_table": (Entitlement.SETTINGS,),
        "initialise_tables": (Entitlement.SETTINGS,),
        "template_begin": (Entitlement.RECEIPT_TEMPLATES,),
        "template_block": (Entitlement.RECEIPT_TEMPLATES,),
        "template_apply": (Entitlement.RECEIPT_TEMPLATES,),
        # The first registration or a later one: an earlier operation may decide which, so either
        # service is enough.
        "fiscalise": (Entitlement.AUTOMATIC_REGISTRATION, Entitlement.TAX_CHANGE),
        "print_receipts": (Entitlement.PAPER_OFF,),
    }
)
"""Command of the protocol -> services, any of which an operation of single commands needs for it;
the same as for the operation type that has this effect."""
