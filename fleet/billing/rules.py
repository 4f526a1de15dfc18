"""Pure rules of payments: statuses, their transitions, time limits and polling intervals."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

CURRENCY: Final = "RUB"

MAX_AMOUNT_KOPECKS: Final = 100_000_000_00
"""A hundred million roubles: a larger sum is a mistake, not a purchase."""

PAYMENT_PAGE_LIFETIME: Final = timedelta(hours=1)
"""Time in which a person may open the payment page.

It equals YooKassa's own time for confirmation; YooKassa remembers an Idempotence-Key for 24 hours,
so every repetition falls within that.
"""

MAX_WAIT: Final = timedelta(days=7)
"""Time after which a payment is cancelled here if the provider reports no outcome."""

POLL_INTERVAL: Final = timedelta(minutes=1)
SLOW_POLL_INTERVAL: Final = timedelta(minutes=10)
FAST_POLLING_PERIOD: Final = timedelta(minutes=15)
REFUND_POLL_INTERVAL: Final = timedelta(days=1)
REFUND_POLLING_PERIOD: Final = timedelta(days=30)
"""Time in which the provider is asked daily about a paid payment, to find refunds whose notices
were lost; later refunds are rare."""

MAX_REASON: Final = 64
PAYMENT_ID: Final = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
EXPIRED: Final = "expired"
"""Reason of a payment that was not made in time."""


class PaymentStatus(StrEnum):
    WAITING = "waiting"
    PAID = "paid"
    CANCELLED = "cancelled"
    """Nobody paid in time, or the payer or the shop cancelled."""
    FAILED = "failed"
    """The provider or the bank declined."""


TRANSITIONS: Mapping[PaymentStatus, frozenset[PaymentStatus]] = MappingProxyType(
    {
        PaymentStatus.WAITING: frozenset(
            {PaymentStatus.PAID, PaymentStatus.CANCELLED, PaymentStatus.FAILED}
        ),
        # Money that was taken counts, even if the payment had been given up here.
        PaymentStatus.CANCELLED: frozenset({PaymentStatus.PAID}),
        PaymentStatus.FAILED: frozenset({PaymentStatus.PAID}),
        PaymentStatus.PAID: frozenset(),
    }
)


@dataclass(frozen=True, slots=True)
class PaymentReport:
    """A provider's report of a payment; ``payment_id`` is this server's number of it."""

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
    """A provider's report of a refund, with its numbers of the payment and of the refund."""

    provider: str
    refund_id: str
    provider_id: str
    amount_kopecks: int
    currency: str


def next_poll_at(created_at: datetime, now: datetime, chance: float) -> datetime:
    """Return when to ask the provider again about a waiting payment; ``chance`` 0..1 spreads it."""
    young = now - created_at < FAST_POLLING_PERIOD
    return now + (POLL_INTERVAL if young else SLOW_POLL_INTERVAL) * (0.9 + 0.2 * chance)


def next_refund_poll_at(settled_at: datetime, now: datetime, chance: float) -> datetime | None:
    """Return when to ask the provider again about a paid payment; None = never."""
    if now - settled_at >= REFUND_POLLING_PERIOD:
        return None
    return now + REFUND_POLL_INTERVAL * (0.9 + 0.2 * chance)


def is_payment_id(text: str) -> bool:
    """Tell whether the text has the form of a payment's number: a UUID in lower case."""
    return re.fullmatch(PAYMENT_ID, text, re.ASCII) is not None


def to_roubles(kopecks: int) -> str:
    """Return the amount as payment systems write it: ``123456`` -> ``1234.56``."""
    return f"{kopecks // 100}.{kopecks % 100:02}"


def to_kopecks(roubles: str) -> int:
    """Return kopecks: ``1234.56`` -> ``123456``; raise ``ValueError`` for any other form."""
    if re.fullmatch(r"[0-9]{1,12}\.[0-9]{2}", roubles, re.ASCII) is None:
        raise ValueError("an amount is roubles, a point and two digits of kopecks")
    return int(roubles.replace(".", ""))
