"""Queries of payments."""

from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.billing.errors import PAYMENT_NOT_FOUND
from fleet.billing.models import Payment, Refund
from fleet.billing.rules import PAYMENT_ID, PaymentStatus, is_payment_id
from fleet.kit.actor import Actor
from fleet.kit.input import Input
from fleet.kit.validation import describe_pattern

UUID_PATTERN = describe_pattern(
    f"^{PAYMENT_ID}$",
    "нужен полный номер платежа (UUID), он указан в заказе.",
    "must be the full number of the payment (a UUID), as shown in the order.",
)


class PaymentKey(Input):
    """Key of a payment."""

    id: str = Field(pattern=UUID_PATTERN, description="The payment's UUID.")


class PaymentView(BaseModel):
    """A payment as the API and the outcome page show it."""

    id: str
    status: PaymentStatus
    reason: str = Field(description="Why it came to nothing, in the provider's word; or empty.")
    amount_kopecks: int
    description: str
    purpose: str
    reference: str
    redirect_url: str = Field(description="The provider's payment page; empty = not made yet.")
    created_at: datetime
    settled_at: datetime | None
    refunded_kopecks: int = Field(description="What the provider has given back so far.")


async def find_own(db: AsyncSession, actor: Actor, payment_id: str) -> PaymentView:
    """Return the payment of the actor's partner; raise ``PAYMENT_NOT_FOUND``."""
    mine = select(Payment).where(Payment.id == payment_id, Payment.partner_id == actor.partner_id)
    return payment_view(await db.scalar(mine), payment_id)


def payment_view(payment: Payment | None, payment_id: str) -> PaymentView:
    """Return the payment as it is shown; raise ``PAYMENT_NOT_FOUND`` for None."""
    if payment is None:
        raise PAYMENT_NOT_FOUND(id=payment_id)
    return PaymentView(**{name: getattr(payment, name) for name in PaymentView.model_fields})


async def find_payment(db: AsyncSession, payment_id: str) -> Payment | None:
    """Return any partner's payment, None if ``payment_id``, which may be any text, is unknown.

    Only for requests of providers and their pages.
    """
    return await db.get(Payment, payment_id) if is_payment_id(payment_id) else None


async def find_by_provider_id(db: AsyncSession, provider: str, provider_id: str) -> Payment | None:
    """Return the payment with this number of the provider, None if there is none."""
    its = (Payment.provider == provider, Payment.provider_id == provider_id)
    found: Payment | None = await db.scalar(select(Payment).where(*its))
    return found


async def is_refund_known(db: AsyncSession, provider: str, refund_id: str) -> bool:
    """Tell whether the refund is stored already."""
    return await db.get(Refund, (provider, refund_id)) is not None
