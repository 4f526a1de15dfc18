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
