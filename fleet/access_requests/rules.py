"""Rules of access requests: statuses, what becomes of each register, how old a consent may be."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from fleet.access_requests.errors import CONSENT_IN_THE_FUTURE, CONSENT_TOO_OLD, OWNER_DIFFERS
from fleet.kit.errors import DomainError, Refusal
from fleet.kit.language import Language
from fleet.registers.errors import ALREADY_YOURS
from fleet.registers.rules import MAX_REGISTERS as MAX_REGISTERS

MAX_FILES: Final = 5
MAX_FILES_WAITING: Final = 20
"""Files of a partner that no request holds yet."""
FILE_KEPT_FOR: Final = timedelta(hours=24)
"""A file that no request has taken by then is forgotten."""

CONSENT_VALID: Final = timedelta(days=30)
MOSCOW: Final = timezone(timedelta(hours=3))
"""Where the support decides: its day is the day of a request."""
EASTERNMOST: Final = timezone(timedelta(hours=12))
"""Where the day begins first: a date that has not come there has come nowhere in Russia."""


class RequestStatus(StrEnum):
    """Where a request stands (ATOL Connect manual, "Профиль / Доступы")."""

    PROCESSING = "processing"
    PARTIAL = "partial"
    """The partner has some of the client's registers, of those granted at least one."""
    FULL = "full"
    """The partner has all of the client's registers; both follow who has them and who owns them."""
    CLOSED = "closed"
    """What it gave was handed over to another partner."""
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    """By the partner, before it was decided."""


GRANTED: Final = (RequestStatus.PARTIAL, RequestStatus.FULL)


class RefusalReason(StrEnum):
    """Why a request is refused; the manual's eight."""

    NO_STAMP = "no_stamp"
    INN_DIFFERS = "inn_differs"
    INN_MISSING = "inn_missing"
    POOR_PHOTO = "poor_photo"
    CONSENT_TOO_OLD = "consent_too_old"
    IMAGE_EDITED = "image_edited"
    INCOMPLETE = "incomplete"
    ORGANISATION_CODE_WRONG = "organisation_code_wrong"


REASONS: Final[Mapping[RefusalReason, tuple[str, str]]] = MappingProxyType(
    {
        RefusalReason.NO_STAMP: (
            "Нет печати (кроме ИП)",
            "There is no stamp (not needed for sole traders)",
        ),
        RefusalReason.INN_DIFFERS: (
            "ИНН клиента в запросе не совпадает с ИНН в согласии",
            "The client's INN in the request does not match the consent",
        ),
        RefusalReason.INN_MISSING: (
            "В согласии отсутствует ИНН клиента",
            "The consent does not state the client's INN",
        ),
        RefusalReason.POOR_PHOTO: (
            "Низкое качество фотографии с согласием",
            "The photo of the consent is of poor quality",
        ),
        RefusalReason.CONSENT_TOO_OLD: (
            "С даты согласия прошло больше 30 дней",
            "The consent is more than 30 days old",
        ),
        RefusalReason.IMAGE_EDITED: (
            "Согласие исправлено в графическом редакторе",
            "The consent was altered with a graphics editor",
        ),
        RefusalReason.INCOMPLETE: (
            "Согласие на предоставление доступа заполнено не полностью",
            "The consent is not filled in completely",
        ),
        RefusalReason.ORGANISATION_CODE_WRONG: (
            "Код организации не указан или указан неверно",
            "The organisation code is missing or wrong",
        ),
    }
)


class AccessRoute(StrEnum):
    """How a register can come to the partner who asks for it."""

    BY_NUMBER = "by_number"
    """It is nobody's and names no owner: it is enrolled."""
    AT_ONCE = "at_once"
    """It is nobody's and names this client as its owner."""
    BY_REQUEST = "by_request"


class RegisterFacts(NamedTuple):
    """What is known of a register.  ``owner_inn`` is empty until it has named its owner."""

    partner_id: int | None
    fiscalised: bool
    owner_inn: str


def judge(known: RegisterFacts, seen: bool, client_inn: str) -> AccessRoute | Refusal:
    """What becomes of one register of a claim in the name of this client.

    ``facts``: it is among those that the employee sees already; one outside their scope is to them
    like another partner's.  A fiscalised one that has not named its owner yet is nobody's to
    take: support decides.
    """
    if seen:
        return ALREADY_YOURS
    if known.owner_inn not in ("", client_inn):
        return OWNER_DIFFERS
    if known.partner_id is not None:
        return AccessRoute.BY_REQUEST
    if known.owner_inn:
        return AccessRoute.AT_ONCE
    return AccessRoute.BY_REQUEST if known.fiscalised else AccessRoute.BY_NUMBER


def refuse_consent(signed_on: date, now: datetime) -> DomainError | None:
    """Why a consent of this day cannot be sent now, if it cannot."""
    if signed_on > now.astimezone(EASTERNMOST).date():
        return CONSENT_IN_THE_FUTURE()
    if signed_on < now.astimezone(MOSCOW).date() - CONSENT_VALID:
        return CONSENT_TOO_OLD(days=CONSENT_VALID.days)
    return None


def reason_text(reason: RefusalReason, language: Language) -> str:
    russian, english = REASONS[reason]
    return russian if language is Language.RU else english
