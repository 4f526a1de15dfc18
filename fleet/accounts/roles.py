"""The roles of employees and what each may do: the one matrix of rights.

From the table of the ATOL Connect manual; its column names were lost, this reading is ours.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from fleet.kit.language import BilingualText


class Role(StrEnum):
    OBSERVER = "observer"
    SOFTWARE_SPECIALIST = "software_specialist"
    MANAGER = "manager"
    ENGINEER = "engineer"
    CHIEF_ENGINEER = "chief_engineer"
    ADMINISTRATOR = "administrator"
    ADMINISTRATOR_PLUS = "administrator_plus"
    SUPPORT_OPERATOR = "support_operator"
    """Works at the support organisation, not at a partner."""


FROM_COMMAND_LINE = frozenset({Role.ADMINISTRATOR_PLUS, Role.SUPPORT_OPERATOR})
"""Granted and taken away from the command line only, never by an employee."""


class Right(StrEnum):
    MONITORING = "monitoring"
    SUBSCRIPTIONS = "subscriptions"
    FIRMWARE = "firmware"
    SETTINGS = "settings"
    TEMPLATES = "templates"
    ASSISTANTS = "assistants"
    REGISTERS = "registers"
    """Add, hide and block registers, ask for access to them."""
    ORGANISATION = "organisation"
    """The organisation itself, its employees, groups of registers, the audit log."""
    TRANSFER_SUBSCRIPTIONS = "transfer_subscriptions"
    SUPPORT = "support"
    """Decide access requests of every partner."""


_OBSERVER = frozenset({Right.MONITORING})
_SOFTWARE = _OBSERVER | {
    Right.FIRMWARE,
    Right.SETTINGS,
    Right.TEMPLATES,
    Right.ASSISTANTS,
    Right.REGISTERS,
}
_MANAGER = _OBSERVER | {Right.SUBSCRIPTIONS}
_ENGINEER = _SOFTWARE | _MANAGER
_ADMINISTRATOR = _ENGINEER | {Right.ORGANISATION}

ROLE_NAMES: Mapping[str, BilingualText] = MappingProxyType(
    {
        Role.OBSERVER: BilingualText("Наблюдатель", "Observer"),
        Role.SOFTWARE_SPECIALIST: BilingualText("Специалист ПО", "Software specialist"),
        Role.MANAGER: BilingualText("Менеджер", "Manager"),
        Role.ENGINEER: BilingualText("Инженер", "Engineer"),
        Role.CHIEF_ENGINEER: BilingualText("Главный инженер", "Chief engineer"),
        Role.ADMINISTRATOR: BilingualText("Администратор", "Administrator"),
        Role.ADMINISTRATOR_PLUS: BilingualText("Администратор+", "Administrator+"),
        Role.SUPPORT_OPERATOR: BilingualText("Оператор поддержки", "Support operator"),
    }
)
RIGHT_NAMES: Mapping[str, BilingualText] = MappingProxyType(
    {
        Right.MONITORING: BilingualText("Просмотр касс", "Viewing registers"),
        Right.SUBSCRIPTIONS: BilingualText("Работа с подписками", "Subscriptions"),
        Right.FIRMWARE: BilingualText("Обновление ПО", "Firmware updates"),
        Right.SETTINGS: BilingualText("Настройка касс", "Register settings"),
        Right.TEMPLATES: BilingualText("Работа с шаблонами", "Templates"),
        Right.ASSISTANTS: BilingualText("Управление Ассистентами", "Managing Assistants"),
        Right.REGISTERS: BilingualText("Управление кассами", "Managing registers"),
        Right.ORGANISATION: BilingualText("Управление организацией", "Managing the organisation"),
        Right.TRANSFER_SUBSCRIPTIONS: BilingualText(
            "Передача подписок", "Transferring subscriptions"
        ),
        Right.SUPPORT: BilingualText("Рассмотрение запросов на доступ", "Deciding access requests"),
    }
)

RIGHTS: Mapping[Role, frozenset[Right]] = MappingProxyType(
    {
        Role.OBSERVER: _OBSERVER,
        Role.SOFTWARE_SPECIALIST: _SOFTWARE,
        Role.MANAGER: _MANAGER,
        Role.ENGINEER: _ENGINEER,
        Role.CHIEF_ENGINEER: _ENGINEER,
        Role.ADMINISTRATOR: _ADMINISTRATOR,
        Role.ADMINISTRATOR_PLUS: _ADMINISTRATOR | {Right.TRANSFER_SUBSCRIPTIONS},
        Role.SUPPORT_OPERATOR: _OBSERVER | {Right.SUPPORT},
    }
)

ADMINISTRATORS = frozenset(role for role, rights in RIGHTS.items() if Right.ORGANISATION in rights)


def granted_by_support(right: str) -> Role | None:
    """Return the role to ask support for, if no role that administrators grant has the right."""
    having = [role for role in Role if right in RIGHTS[role]]
    return having[0] if FROM_COMMAND_LINE.issuperset(having) else None
