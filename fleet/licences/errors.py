"""Refusals of licences."""

from dataclasses import replace

from fleet.kit.errors import ErrorKind, Refusal
from fleet.licences.rules import KINDS
from fleet.subscriptions.catalogue import purchase_hint
from protocol.licences import LicenceKind
from protocol.platforms import Platform

SERVICE_MISSING = Refusal(
    ErrorKind.FORBIDDEN,
    "licence_not_brought",
    ru="У кассы нет услуги {services_ru}, которая даёт эту лицензию. Купите и назначьте кассе "
    "подписку: {plans_ru} («Кассы» / «Подписки»).",
    en="The register lacks the service {services_en}, which includes this licence. Buy and "
    "assign it a subscription: {plans_en} (Registers / Subscriptions).",
    field="serial_numbers",
)


def service_missing(kind: LicenceKind, platform: Platform | None, model: int) -> Refusal:
    """Return the refusal with the services and plans that this register needs."""
    names = purchase_hint(KINDS[kind].required_services, platform, model)
    russian, english = SERVICE_MISSING.ru.format_map(names), SERVICE_MISSING.en.format_map(names)
    return replace(SERVICE_MISSING, ru=russian, en=english)
