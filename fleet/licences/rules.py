"""TABLE of the kinds of licences: their names, and the services that include them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from fleet.subscriptions.entitlements import Entitlement
from protocol.licences import LicenceKind


class LicenceKindRow(NamedTuple):
    """Row of a kind of licence.

    Any of ``required_services`` includes it; an empty tuple means that the base licence does.
    """

    ru: str
    en: str
    required_services: tuple[Entitlement, ...]


KINDS: Mapping[LicenceKind, LicenceKindRow] = MappingProxyType(
    {
        LicenceKind.PLATFORM_5_0: LicenceKindRow(
            "Лицензии для П 5.0",
            "Platform 5.0",
            (Entitlement.PLATFORM_5_OVER_THE_AIR, Entitlement.PLATFORM_5_LOCAL),
        ),
        # None of the twelve services of the manual is Web-ДККТ.
        LicenceKind.WEB_DKKT: LicenceKindRow("Web-ДККТ", "Web-DKKT", ()),
        LicenceKind.NEWGER_AS_PRINTER: LicenceKindRow(
            "Ньюджер в режиме ФР для 5.0",
            "Newger as a fiscal printer on 5.0",
            (Entitlement.FISCAL_PRINTER_MODE,),
        ),
    }
)

BASE = ("Базовая лицензия", "Base licence")
"""Names of the licence that every register has from the factory (ATOL Connect manual, «Лицензии
и подписки»)."""
