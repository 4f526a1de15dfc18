"""Facts that payments announce."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PaymentSettled:
    """The provider has the money.  Announced once for a payment, when it becomes paid."""

    payment_id: str
    purpose: str
    reference: str
    partner_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class PaymentRefunded:
    """The provider has given money of a paid payment back.  Announced once for a refund, one after
    another for a payment: ``refunded_kopecks`` is the sum of all with this one."""

    payment_id: str
    purpose: str
    reference: str
    partner_id: int
    amount_kopecks: int
    refunded_kopecks: int
    at: datetime
