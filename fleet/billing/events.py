"""Facts that payments announce."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PaymentSettled:
    """Announcement that the provider has the money.

    Made once for a payment, when it becomes paid.
    """

    payment_id: str
    purpose: str
    reference: str
    partner_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class PaymentRefunded:
    """Announcement that the provider has returned money of a paid payment; made once for a refund.

    A payment may have several refunds; ``refunded_kopecks`` is their sum, including this one.
    """

    payment_id: str
    purpose: str
    reference: str
    partner_id: int
    amount_kopecks: int
    refunded_kopecks: int
    at: datetime
