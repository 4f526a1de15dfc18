"""Pure rules of payments: statuses, what may follow what, how long one waits and asks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

CURRENCY: Final = "RUB"

MAX_AMOUNT_KOPECKS: Final = 100_000_000_00
"""A hundred million roubles: beyond it stands a mistake, not a purchase."""

PAYMENT_PAGE_LIFETIME: Final = timedelta(hours=1)
"""So long a person may go to the payment page (YooKassa's own time for confirmation; it remembers
an Idempotence-Key for 24 hours, so every repetition falls within that)."""

MAX_WAIT: Final = timedelta(days=7)
"""A payment of which the provider knows no end after this is ended by us."""

POLL_INTERVAL: Final = timedelta(minutes=1)
SLOW_POLL_INTERVAL: Final = timedelta(minutes=10)
FAST_POLLING_PERIOD: Final = timedelta(minutes=15)
REFUND_POLL_INTERVAL: Final = timedelta(days=1)
REFUND_POLLING_PERIOD: Final = timedelta(days=30)
"""A refund whose notice was lost is found by asking about what was paid; later ones are rare."""

MAX_REASON: Final = 64
PAYMENT_ID: Final = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
EXPIRED: Final = "expired"
"""The reason of a payment that nobody made in time."""


class PaymentStatus(StrEnum):
    WAITING = "waiting"
    PAID = "paid"
    CANCELLED = "cancelled"
    """Nobody paid in time, or the person or the shop gave up."""
    FAILED = "failed"
    """The provider or the bank refused."""


TRANSITIONS: Mapping[PaymentStatus, frozenset[PaymentStatus]] = MappingProxyType(
    {
        PaymentStatus.WAITING: frozenset(
            {PaymentStatus.PAID, PaymentStatus.CANCELLED, PaymentStatus.FAILED}
        ),
        # Money that was taken is honoured, even if we had given the payment up.
        PaymentStatus.CANCELLED: frozenset({PaymentStatus.PAID}),
        PaymentStatus.FAILED: frozenset({PaymentStatus.PAID}),
        PaymentStatus.PAID: frozenset(),
    }
)


@dataclass(frozen=True, slots=True)
class PaymentReport:
    """What a provider says of a payment; ``payment_id`` is ours, given back."""

    provider: str
    provider_id: str
    payment_id: str
    status: PaymentStatus
    amount_kopecks: int
    currency: str
    reason: str = ""
    refunded_kopecks: int = 0


@dataclass(frozen=True, slots=True)
class RefundReport:
    """Money that a provider says it has given back; ``provider_id`` is its number of the payment,
    ``refund_id`` that of the refund."""

    provider: str
    refund_id: str
    provider_id: str
    amount_kopecks: int
    currency: str


def next_poll_at(created_at: datetime, now: datetime, chance: float) -> datetime:
    """When the provider is asked next about a payment that waits; ``chance`` 0..1 spreads it."""
    young = now - created_at < FAST_POLLING_PERIOD
    return now + (POLL_INTERVAL if young else SLOW_POLL_INTERVAL) * (0.9 + 0.2 * chance)


def next_refund_poll_at(settled_at: datetime, now: datetime, chance: float) -> datetime | None:
    """When the provider is asked next about a payment that was paid; None = never again."""
    if now - settled_at >= REFUND_POLLING_PERIOD:
        return None
    return now + REFUND_POLL_INTERVAL * (0.9 + 0.2 * chance)


def is_payment_id(text: str) -> bool:
    """Whether it can be the number of a payment: a UUID in lower case."""
    return re.fullmatch(PAYMENT_ID, text, re.ASCII) is not None


def to_roubles(kopecks: int) -> str:
    """``123456`` -> ``1234.56``, as payment systems write amounts."""
    return f"{kopecks // 100}.{kopecks % 100:02}"


def to_kopecks(roubles: str) -> int:
    """``1234.56`` -> ``123456``.  ``ValueError`` for anything but roubles and two digits."""
    if re.fullmatch(r"[0-9]{1,12}\.[0-9]{2}", roubles, re.ASCII) is None:
        raise ValueError("an amount is roubles, a point and two digits of kopecks")
    return int(roubles.replace(".", ""))
