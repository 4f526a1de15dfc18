"""TABLE of the kinds of licences: what they are called, and the services that bring them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from fleet.subscriptions.entitlements import Entitlement
from protocol.licences import LicenceKind


class LicenceKindRow(NamedTuple):
    """``required_services``: any of these services brings it; empty = the base licence does."""

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
"""Every register leaves the factory with it (ATOL Connect manual, «Лицензии и подписки»)."""
