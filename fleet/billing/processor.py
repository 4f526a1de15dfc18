"""Speaking with payment providers: between transactions, never inside one."""

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
from fleet.kit.clock import Clock
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.errors import DomainError

RETURN_PATH: Final = "/pay/"
"""Where a person comes back to, before the payment's number."""
PORTION: Final = 4
"""Payments that a worker asks about at once.  Each may take the provider's whole patience twice
(how it stands, and then its refunds): 53 of the 60 seconds that a job has."""

log = structlog.get_logger("payments")

_PROVIDER_FACTORIES: Final[dict[str, Callable[[Database, Clock, FleetConfig], Provider]]] = {
    "sandbox": Sandbox,
    "yookassa": lambda database, clock, config: YooKassa(config),
}


@dataclass(frozen=True, slots=True)
class PaymentProcessor:
    """The payments of a server, and the providers it uses."""

    database: Database
    clock: Clock
    config: FleetConfig
    providers: Providers

    @classmethod
    def from_config(
        cls, database: Database, clock: Clock, config: FleetConfig
    ) -> "PaymentProcessor":
        """The sandbox is there only when it is chosen: it gives goods for nothing."""
        chosen = _PROVIDER_FACTORIES[config.payments](database, clock, config)
        earlier = config.payments == "sandbox" and config.yookassa_secret_file is not None
        others = (YooKassa(config),) if earlier else ()
        return cls(database, clock, config, Providers(chosen, others))

    async def check_out(self, actor: Actor, payment_id: str) -> PaymentView:
        """Have the provider make the payment; its ``redirect_url`` is where the person goes.

        Repeated it gives the same page, also when the provider's first answer was lost.
        """
        async with self.database.read() as db:
            await queries.find_own(db, actor, payment_id)
            payment = await queries.find_payment(db, payment_id)
        assert payment is not None
        if service.needs_creation(payment, self.clock()):
            payment = await self._create_at_provider(payment)
        return queries.payment_view(payment, payment_id)

    async def _create_at_provider(self, payment: Payment) -> Payment:
        provider = self.providers.active
        invoice = Invoice(
            payment_id=payment.id,
            amount_kopecks=payment.amount_kopecks,
            description=payment.description,
            return_url=f"{self.config.links_begin_with}{RETURN_PATH}{payment.id}",
        )
        made = await provider.create_payment(invoice)
        async with self.database.transaction() as db:
            return await service.record_created(db, payment.id, provider.name, *made, self.clock())

    async def on_notice(self, name: str, notice: ProviderNotice) -> None:
        """Take a provider's notice.  Anybody may send one: it is proved before it is believed."""
        provider = self.providers.by_name(name)
        match provider.read_notice(notice):
            case PaymentEvent() as event:
                await self._on_payment_event(provider, event)
            case RefundEvent() as event:
                await self._on_refund_event(provider, event)

    async def _on_payment_event(self, provider: Provider, event: PaymentEvent) -> None:
        async with self.database.read() as db:
            payment = await queries.find_payment(db, event.payment_id)
        if payment is None or not _may_concern(payment, provider, event):
            raise PAYMENT_NOT_FOUND(id=event.payment_id)
        if event.report is None and payment.status is PaymentStatus.PAID:
            return
        await self._settle(event.report or await provider.fetch_payment(event.provider_id))

    async def _on_refund_event(self, provider: Provider, event: RefundEvent) -> None:
        async with self.database.read() as db:
            payment = await queries.find_by_provider_id(db, provider.name, event.provider_id)
            known = await queries.is_refund_known(db, provider.name, event.refund_id)
        if payment is None:
            raise PAYMENT_NOT_FOUND(id=event.provider_id)
        if known:
            return
        report = await provider.fetch_refund(event.refund_id)
        if report is None:
            return
        if payment.status is not PaymentStatus.PAID:  # its own notice is late, or was lost
            await self._settle(await provider.fetch_payment(event.provider_id))
        await self._refund([report])

    async def _settle(self, report: PaymentReport) -> None:
        async with self.database.transaction() as db:
            await service.settle(db, report, self.clock())

    async def _refund(self, reports: Iterable[RefundReport]) -> None:
        async with self.database.transaction() as db:
            for report in reports:
                await service.refund(db, report, self.clock())

    async def poll_due(self) -> int:
        """Ask the providers about a portion of what waits, and of what may have been refunded:
        notices get lost."""
        async with self.database.transaction() as db:
            payments = await service.lease_due(db, self.clock(), PORTION)
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
        except DomainError as error:  # the lease brings it up again
            log.warning("payment_not_asked", payment=payment.id, reason=error.code)


def _may_concern(payment: Payment, provider: Provider, event: PaymentEvent) -> bool:
    """Whether a notice can be about this payment; spares a question to the provider if not."""
    known = payment.provider_id in (None, event.provider_id)
    return known and payment.provider in ("", provider.name)
