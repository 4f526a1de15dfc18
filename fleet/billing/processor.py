"""Requests to payment providers: made between transactions, never inside one."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import structlog

from fleet.billing import queries, service
from fleet.billing.errors import PAYMENT_NOT_FOUND
from fleet.billing.models import Payment
from fleet.billing.providers import (
    Invoice,
    PaymentEvent,
    Provider,
    ProviderNotice,
    Providers,
    RefundEvent,
)
from fleet.billing.queries import PaymentView
from fleet.billing.rules import PaymentReport, PaymentStatus, RefundReport
from fleet.billing.sandbox import Sandbox
from fleet.billing.yookassa import YooKassa
from fleet.kit.actor import Actor
from fleet.kit.acts import Acts
from fleet.kit.errors import DomainError

RETURN_PATH: Final = "/pay/"
"""Path of the page that a person returns to; the payment's number follows it."""
PORTION: Final = 4
"""Number of payments that the worker asks about in one run.

Each may use the provider's time limit twice (for the status, then for the refunds): 53 of the 60
seconds that a job may take.
"""

log = structlog.get_logger("payments")

_PROVIDER_FACTORIES: Final[dict[str, Callable[[Acts], Provider]]] = {
    "sandbox": lambda acts: Sandbox(acts.database, acts.clock, acts.config),
    "yookassa": lambda acts: YooKassa(acts.config),
}


@dataclass(frozen=True, slots=True)
class PaymentProcessor:
    """The payments of a server, and the providers that it uses."""

    acts: Acts
    providers: Providers

    @classmethod
    def from_config(cls, acts: Acts) -> "PaymentProcessor":
        """Create the processor.

        The sandbox is used only if it is configured, as it takes no money.
        """
        config = acts.config
        chosen = _PROVIDER_FACTORIES[config.payments](acts)
        earlier = config.payments == "sandbox" and config.yookassa_secret_file is not None
        others = (YooKassa(config),) if earlier else ()
        return cls(acts, Providers(chosen, others))

    async def check_out(self, actor: Actor, payment_id: str) -> PaymentView:
        """Have the provider create the payment; return it with the page in ``redirect_url``.

        A repeated call returns the same page, even if the provider's first answer was lost.
        """
        async with self.acts.read() as act:
            await queries.find_own(act.db, actor, payment_id)
            payment = await queries.find_payment(act.db, payment_id)
        assert payment is not None
        if service.needs_creation(payment, self.acts.clock()):
            payment = await self._create_at_provider(payment)
        return queries.payment_view(payment, payment_id)

    async def _create_at_provider(self, payment: Payment) -> Payment:
        provider = self.providers.active
        invoice = Invoice(
            payment_id=payment.id,
            amount_kopecks=payment.amount_kopecks,
            description=payment.description,
            return_url=f"{self.acts.config.links_begin_with}{RETURN_PATH}{payment.id}",
        )
        made = await provider.create_payment(invoice)
        async with self.acts.transaction() as act:
            return await service.record_created(act, payment.id, provider.name, *made)

    async def on_notice(self, name: str, notice: ProviderNotice) -> None:
        """Handle a provider's notice; anybody may send one, so it is verified before it is used."""
        provider = self.providers.by_name(name)
        match provider.read_notice(notice):
            case PaymentEvent() as event:
                await self._on_payment_event(provider, event)
            case RefundEvent() as event:
                await self._on_refund_event(provider, event)

    async def _on_payment_event(self, provider: Provider, event: PaymentEvent) -> None:
        async with self.acts.read() as act:
            payment = await queries.find_payment(act.db, event.payment_id)
        if payment is None or not _may_concern(payment, provider, event):
            raise PAYMENT_NOT_FOUND(id=event.payment_id)
        if event.report is None and payment.status is PaymentStatus.PAID:
            return
        await self._settle(event.report or await provider.fetch_payment(event.provider_id))

    async def _on_refund_event(self, provider: Provider, event: RefundEvent) -> None:
        async with self.acts.read() as act:
            payment = await queries.find_by_provider_id(act.db, provider.name, event.provider_id)
            known = await queries.is_refund_known(act.db, provider.name, event.refund_id)
        if payment is None:
            raise PAYMENT_NOT_FOUND(id=event.provider_id)
        if known:
            return
        report = await provider.fetch_refund(event.refund_id)
        if report is None:
            return
        if payment.status is not PaymentStatus.PAID:  # its own notice is late or lost
            await self._settle(await provider.fetch_payment(event.provider_id))
        await self._refund([report])

    async def _settle(self, report: PaymentReport) -> None:
        async with self.acts.transaction() as act:
            await service.settle(act, report)

    async def _refund(self, reports: Iterable[RefundReport]) -> None:
        async with self.acts.transaction() as act:
            for report in reports:
                await service.refund(act, report)

    async def poll_due(self) -> int:
        """Ask the providers about a portion of the waiting and the paid payments; return how many.

        This finds payments and refunds whose notices were lost.
        """
        async with self.acts.transaction() as act:
            payments = await service.lease_due(act, PORTION)
        async with asyncio.TaskGroup() as asking:
            for payment in payments:
                if payment.status in (PaymentStatus.WAITING, PaymentStatus.PAID):
                    asking.create_task(self._poll(payment))
        return len(payments)

    async def _poll(self, payment: Payment) -> None:
        try:
            provider = self.providers.by_name(payment.provider)
            report = await provider.fetch_payment(payment.provider_id or "")
            await self._settle(report)
            if report.refunded_kopecks > payment.refunded_kopecks:
                await self._refund(await provider.fetch_refunds(report.provider_id))
        except DomainError as error:  # asked again when it is due next
            log.warning("payment_not_asked", payment=payment.id, reason=error.code)


def _may_concern(payment: Payment, provider: Provider, event: PaymentEvent) -> bool:
    """Tell whether a notice can concern this payment; if not, the provider need not be asked."""
    known = payment.provider_id in (None, event.provider_id)
    return known and payment.provider in ("", provider.name)
