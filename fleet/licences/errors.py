"""Why a licence is not issued, and the way out."""

from dataclasses import replace

from fleet.kit.errors import ErrorKind, Refusal
from fleet.licences.rules import KINDS
from fleet.subscriptions.catalogue import to_buy
from protocol.licences import LicenceKind
from protocol.platforms import Platform

NOT_BROUGHT = Refusal(
    ErrorKind.FORBIDDEN,
    "licence_not_brought",
    ru="У кассы нет услуги {services_ru}, которая даёт эту лицензию. Купите и назначьте кассе "
    "подписку: {plans_ru} («Кассы» / «Подписки»).",
    en="The register lacks the service {services_en}, which includes this licence. Buy and "
    "assign it a subscription: {plans_en} (Registers / Subscriptions).",
    field="serial_numbers",
)


def not_brought(kind: LicenceKind, platform: Platform | None, model: int) -> Refusal:
    """With the names of what such a register is to have."""
    names = to_buy(KINDS[kind].brought_by, platform, model)
    russian, english = NOT_BROUGHT.ru.format_map(names), NOT_BROUGHT.en.format_map(names)
    return replace(NOT_BROUGHT, ru=russian, en=english)
