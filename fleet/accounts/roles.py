"""The roles of employees and the one matrix of their rights.

Theory of operation.  An endpoint names the right that it needs (``@endpoint(right=…)``).  An
employee has one role, and ``RIGHTS`` maps each role to its set of rights; the sets build on one
another, from ``_OBSERVER`` to ``_ADMINISTRATOR``.  Administrators assign every role except those
in ``FROM_COMMAND_LINE``, which only support assigns.  A right says what an employee may do; their
scope (``ScopeEntry``) says with which registers.

The matrix follows the table of the ATOL Connect manual.  The column names of that table were
lost, so the assignment of columns to rights is our interpretation.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from fleet.kit.language import BilingualText


class Role(StrEnum):
    """The role of an employee."""

    OBSERVER = "observer"
    SOFTWARE_SPECIALIST = "software_specialist"
    MANAGER = "manager"
    ENGINEER = "engineer"
    CHIEF_ENGINEER = "chief_engineer"
    ADMINISTRATOR = "administrator"
    ADMINISTRATOR_PLUS = "administrator_plus"
    SUPPORT_OPERATOR = "support_operator"
    """An employee of the support organisation, not of a partner."""


FROM_COMMAND_LINE = frozenset({Role.ADMINISTRATOR_PLUS, Role.SUPPORT_OPERATOR})
"""Roles that are assigned and removed only from the command line, never by an employee."""


class Right(StrEnum):
    """A right that a role may have and an endpoint may need."""

    MONITORING = "monitoring"
    SUBSCRIPTIONS = "subscriptions"
    FIRMWARE = "firmware"
    SETTINGS = "settings"
    TEMPLATES = "templates"
    ASSISTANTS = "assistants"
    REGISTERS = "registers"
    """Add, hide and block registers; request access to registers."""
    ORGANISATION = "organisation"
    """Manage the organisation, its employees and groups of registers; read the audit log."""
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
    """Return the role with the right if only support assigns such roles, else None."""
    having = [role for role in Role if right in RIGHTS[role]]
    return having[0] if FROM_COMMAND_LINE.issuperset(having) else None
