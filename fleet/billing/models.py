"""Tables of payments and refunds, and the books of the sandbox provider."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from fleet.accounts.models import Employee, Partner
from fleet.billing.rules import PaymentStatus
from fleet.kit.database import Base


class Payment(Base):
    """Money that a partner owes for ``reference`` of ``purpose``; only the opener interprets these.

    ``provider`` is empty and ``provider_id`` is None until the provider has created its payment.
    ``due_at`` is the next time when the worker asks the provider for the status or for refunds;
    None = there is nothing left to ask.
    """

    __tablename__ = "payments"
    __table_args__ = (UniqueConstraint("provider", "provider_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=lambda: str(uuid4()))
    """A UUID, which is also the provider's idempotence key."""
    partner_id: Mapped[int] = mapped_column(ForeignKey(Partner.id), index=True)
    employee_id: Mapped[int] = mapped_column(ForeignKey(Employee.id))
    amount_kopecks: Mapped[int] = mapped_column(BigInteger)
    purpose: Mapped[str] = mapped_column(String(32))
    reference: Mapped[str] = mapped_column(String(64))
    description: Mapped[str] = mapped_column(String(128))
    provider: Mapped[str] = mapped_column(String(16), default="")
    provider_id: Mapped[str | None] = mapped_column(String(64))
    redirect_url: Mapped[str] = mapped_column(String(2048), default="")
    status: Mapped[PaymentStatus]
    reason: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    settled_at: Mapped[datetime | None]
    refunded_kopecks: Mapped[int] = mapped_column(BigInteger, server_default="0", default=0)
    """Sum of the payment's refunds."""


class Refund(Base):
    """Money of a payment that its provider has returned; rows are only added."""

    __tablename__ = "refunds"

    provider: Mapped[str] = mapped_column(String(16), primary_key=True)
    refund_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The provider's number of the refund."""
    payment_id: Mapped[str] = mapped_column(ForeignKey(Payment.id), index=True)
    amount_kopecks: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]


class SandboxPayment(Base):
    """The sandbox's own record of a payment, as a real provider would keep it.

    It holds no card data.
    """

    __tablename__ = "sandbox_payments"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=lambda: str(uuid4()))
    payment_id: Mapped[str] = mapped_column(String(36), unique=True)
    """Number of the payment (``Payment.id``); also the idempotence key."""
    amount_kopecks: Mapped[int] = mapped_column(BigInteger)
    description: Mapped[str] = mapped_column(String(128))
    return_url: Mapped[str] = mapped_column(String(2048))
    status: Mapped[PaymentStatus]
    reason: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime]


class SandboxRefund(Base):
    """The sandbox's own record of a refund."""

    __tablename__ = "sandbox_refunds"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=lambda: str(uuid4()))
    sandbox_payment_id: Mapped[str] = mapped_column(ForeignKey(SandboxPayment.id), index=True)
    amount_kopecks: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
