"""Pure rules of access requests: statuses, outcome of each register, age of a consent."""

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
"""Maximum number of a partner's files that belong to no request yet."""
FILE_KEPT_FOR: Final = timedelta(hours=24)
"""Time after which a file that belongs to no request is deleted."""

CONSENT_VALID: Final = timedelta(days=30)
MOSCOW: Final = timezone(timedelta(hours=3))
"""Time zone of support, which defines the day of a request."""
EASTERNMOST: Final = timezone(timedelta(hours=12))
"""Russian time zone where a day begins first: a later date is in the future all over Russia."""


class RequestStatus(StrEnum):
    """Status of a request (ATOL Connect manual, "Профиль / Доступы")."""

    PROCESSING = "processing"
    PARTIAL = "partial"
    """The partner has some of the client's registers, at least one of them granted by the
    request."""
    FULL = "full"
    """The partner has all of the client's registers; both change with partners and owners."""
    CLOSED = "closed"
    """All registers that it granted were transferred to other partners."""
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    """Withdrawn by the partner before the decision."""


GRANTED: Final = (RequestStatus.PARTIAL, RequestStatus.FULL)


class RefusalReason(StrEnum):
    """Reason why a request is refused: one of the manual's eight."""

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
    """Way in which a register can come to the partner that asks for it."""

    BY_NUMBER = "by_number"
    """It belongs to no partner and reports no owner: it is enrolled."""
    AT_ONCE = "at_once"
    """It belongs to no partner and reports this client as its owner."""
    BY_REQUEST = "by_request"


class RegisterFacts(NamedTuple):
    """Stored facts of a register; ``owner_inn`` is empty until it reports its owner."""

    partner_id: int | None
    fiscalised: bool
    owner_inn: str


def judge(known: RegisterFacts, seen: bool, client_inn: str) -> AccessRoute | Refusal:
    """Return how the register of a claim in the name of this client is obtained, or the refusal.

    ``seen``: the employee sees the register already; to an employee with a limited scope one
    outside it is like another partner's.  A fiscalised register without a reported owner may not be
    taken: support decides.
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
    """Return the error of a consent signed on this day, None if it can be sent now."""
    if signed_on > now.astimezone(EASTERNMOST).date():
        return CONSENT_IN_THE_FUTURE()
    if signed_on < now.astimezone(MOSCOW).date() - CONSENT_VALID:
        return CONSENT_TOO_OLD(days=CONSENT_VALID.days)
    return None


def reason_text(reason: RefusalReason, language: Language) -> str:
    russian, english = REASONS[reason]
    return russian if language is Language.RU else english
