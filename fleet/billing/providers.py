"""What a payment provider is, and which of them this server uses.

A provider makes a payment of its own and sends the person to its page; later it sends a notice
(webhook) to ``/pay/notices/<name>``.  A notice is believed when it is proved: by its signature,
or by asking the provider again.  The worker asks too, since notices get lost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from pydantic import ValidationError

from fleet.billing.errors import PROVIDER_UNKNOWN
from fleet.billing.rules import PaymentReport, RefundReport


@dataclass(frozen=True, slots=True)
class Invoice:
    """What a provider has to know; ``payment_id`` is also the idempotence key."""

    payment_id: str
    amount_kopecks: int
    description: str
    return_url: str


class CreatedPayment(NamedTuple):
    """The provider's payment, and the page to send the person to."""

    provider_id: str
    redirect_url: str


@dataclass(frozen=True, slots=True)
class ProviderNotice:
    """What a webhook brought: the body as it came."""

    headers: Mapping[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """A notice that was read; ``report`` None = the notice proves nothing, ask the provider."""

    payment_id: str
    provider_id: str
    report: PaymentReport | None


@dataclass(frozen=True, slots=True)
class RefundEvent:
    """A notice of a refund that was read, both numbers the provider's.  It proves nothing: the
    provider is asked."""

    refund_id: str
    provider_id: str


class Provider(Protocol):
    """Refuses with ``PROVIDER_AWAY`` when it cannot be reached, so that one may repeat."""

    @property
    def name(self) -> str: ...

    async def create_payment(self, invoice: Invoice) -> CreatedPayment:
        """Make the payment; the same invoice again is the same payment."""
        ...

    def read_notice(self, notice: ProviderNotice) -> PaymentEvent | RefundEvent | None:
        """What a notice is about; None for news that do not concern us.

        Refuses with ``SIGNATURE_WRONG`` or ``NOTICE_BROKEN``.
        """
        ...

    async def fetch_payment(self, provider_id: str) -> PaymentReport:
        """How the payment stands now.  ``PAYMENT_NOT_FOUND`` if there is none."""
        ...

    async def fetch_refund(self, refund_id: str) -> RefundReport | None:
        """The refund, if the money went back.  ``PAYMENT_NOT_FOUND`` if there is none."""
        ...

    async def fetch_refunds(self, provider_id: str) -> Sequence[RefundReport]:
        """All refunds of the payment whose money went back."""
        ...


def unreadable_field(error: ValidationError) -> str:
    """The field of a provider's message that cannot be read; "JSON" = none of it can."""
    return ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"]) or "JSON"


@dataclass(frozen=True, slots=True)
class Providers:
    """Those in use; new payments go to ``active``, earlier ones of others are still heard of."""

    active: Provider
    others: tuple[Provider, ...] = ()

    def by_name(self, name: str) -> Provider:
        for provider in (self.active, *self.others):
            if provider.name == name:
                return provider
        raise PROVIDER_UNKNOWN(provider=name)
