"""Interface of a payment provider, and the set of providers that a server uses.

A provider creates a payment of its own and its page takes the money; later it sends a notice
(webhook) to ``/pay/notices/<name>``.  A notice is trusted once it is verified: by its signature, or
by asking the provider.  The worker asks too, since notices get lost.
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
    """Data of a payment for its provider; ``payment_id`` is also the idempotence key."""

    payment_id: str
    amount_kopecks: int
    description: str
    return_url: str


class CreatedPayment(NamedTuple):
    """The provider's payment, and the address of its page."""

    provider_id: str
    redirect_url: str


@dataclass(frozen=True, slots=True)
class ProviderNotice:
    """A received webhook request, with the unchanged body."""

    headers: Mapping[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """A parsed notice of a payment.

    ``report`` None = it proves nothing, so the provider is asked.
    """

    payment_id: str
    provider_id: str
    report: PaymentReport | None


@dataclass(frozen=True, slots=True)
class RefundEvent:
    """A parsed notice of a refund, with the provider's numbers of the refund and of the payment.

    It proves nothing: the provider is asked.
    """

    refund_id: str
    provider_id: str


class Provider(Protocol):
    """A payment provider; its requests raise ``PROVIDER_AWAY``, which may be retried."""

    @property
    def name(self) -> str: ...

    async def create_payment(self, invoice: Invoice) -> CreatedPayment:
        """Create the payment; the same invoice returns the same payment."""
        ...

    def read_notice(self, notice: ProviderNotice) -> PaymentEvent | RefundEvent | None:
        """Return the event of a notice, None if it concerns nothing that this server handles.

        Raise ``SIGNATURE_WRONG`` or ``NOTICE_BROKEN``.
        """
        ...

    async def fetch_payment(self, provider_id: str) -> PaymentReport:
        """Return the payment's current state; raise ``PAYMENT_NOT_FOUND``."""
        ...

    async def fetch_refund(self, refund_id: str) -> RefundReport | None:
        """Return the refund, None if its money was not returned; raise ``PAYMENT_NOT_FOUND``."""
        ...

    async def fetch_refunds(self, provider_id: str) -> Sequence[RefundReport]:
        """Return all refunds of the payment whose money was returned."""
        ...


def unreadable_field(error: ValidationError) -> str:
    """Return the name of the field that a provider's message has wrong.

    "JSON" = the whole message.
    """
    return ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"]) or "JSON"


@dataclass(frozen=True, slots=True)
class Providers:
    """Providers in use: ``active`` gets the new payments, ``others`` still serve earlier ones."""

    active: Provider
    others: tuple[Provider, ...] = ()

    def by_name(self, name: str) -> Provider:
        for provider in (self.active, *self.others):
            if provider.name == name:
                return provider
        raise PROVIDER_UNKNOWN(provider=name)
