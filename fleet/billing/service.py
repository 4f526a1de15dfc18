"""Opening, settling and refunding payments.

No provider is asked here: that happens between transactions (``processor``).
"""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit import service as audit
from fleet.billing.errors import (
    AMOUNT_UNFIT,
    PAYMENT_AWAITED,
    PAYMENT_CANCELLED,
    PAYMENT_FAILED,
    PAYMENT_NOT_FOUND,
    REPORT_UNFIT,
)
from fleet.billing.events import PaymentRefunded, PaymentSettled
from fleet.billing.models import Payment, Refund
from fleet.billing.rules import (
    CURRENCY,
    EXPIRED,
    MAX_AMOUNT_KOPECKS,
    MAX_REASON,
    MAX_WAIT,
    PAYMENT_PAGE_LIFETIME,
    TRANSITIONS,
    PaymentReport,
    PaymentStatus,
    RefundReport,
    is_payment_id,
    next_poll_at,
    next_refund_poll_at,
    to_roubles,
)
from fleet.kit.act import Act
from fleet.kit.dialect import select_for_update
from fleet.kit.errors import Refusal
from fleet.kit.metrics import PAYMENTS

FAILED_REFUSALS: Mapping[PaymentStatus, Refusal] = MappingProxyType(
    {PaymentStatus.CANCELLED: PAYMENT_CANCELLED, PaymentStatus.FAILED: PAYMENT_FAILED}
)
"""Error for a request to pay a payment that ended without money."""

FIELD_NAMES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "provider": ("платёжная система", "payment system"),
        "id": ("номер платежа", "payment number"),
        "amount": ("сумма", "amount"),
        "currency": ("валюта", "currency"),
        "status": ("статус платежа", "payment status"),
    }
)
"""Names, for people, of the fields in which a provider's report may differ from the payment."""

log = structlog.get_logger("payments")


async def open_payment(
    act: Act,
    *,
    partner_id: int,
    employee_id: int,
    amount_kopecks: int,
    purpose: str,
    reference: str,
    description: str,
) -> Payment:
    """Create a waiting payment in the caller's transaction and return it.

    After the commit ``POST /payments/{id}/checkout`` returns the provider's page for it.
    ``PaymentSettled`` with the same purpose and reference announces that it was paid.
    """
    if not 0 < amount_kopecks <= MAX_AMOUNT_KOPECKS:
        raise AMOUNT_UNFIT(most=to_roubles(MAX_AMOUNT_KOPECKS))
    payment = Payment(
        partner_id=partner_id,
        employee_id=employee_id,
        amount_kopecks=amount_kopecks,
        purpose=purpose,
        reference=reference,
        description=description,
        status=PaymentStatus.WAITING,
        created_at=act.now,
        due_at=act.now + PAYMENT_PAGE_LIFETIME,
    )
    act.db.add(payment)
    await act.db.flush()
    await _log(act, payment, "payments.opened", {"amount_kopecks": amount_kopecks})
    return payment


def needs_creation(payment: Payment, now: datetime) -> bool:
    """Tell whether the provider must still create the payment; False for a paid one.

    Raise ``PAYMENT_CANCELLED``, ``PAYMENT_FAILED`` or ``PAYMENT_AWAITED`` for a payment that ended
    without money or whose time is over.
    """
    if payment.status in FAILED_REFUSALS:
        raise FAILED_REFUSALS[payment.status](id=payment.id)
    if payment.status is PaymentStatus.PAID:
        return False
    if (
        now - payment.created_at >= PAYMENT_PAGE_LIFETIME
    ):  # the provider's payment may be paid already
        raise (PAYMENT_AWAITED if payment.provider_id else PAYMENT_CANCELLED)(id=payment.id)
    return payment.provider_id is None


async def record_created(
    act: Act, payment_id: str, provider: str, provider_id: str, url: str
) -> Payment:
    """Store the number and the page of the payment that the provider has created.

    Two simultaneous requests store the same values, since the idempotence key was the same.
    """
    payment = await _lock_payment(act.db, payment_id)
    if needs_creation(payment, act.now):
        payment.provider, payment.provider_id, payment.redirect_url = provider, provider_id, url
        payment.due_at = next_poll_at(payment.created_at, act.now, random.random())
    return payment


async def settle(act: Act, report: PaymentReport) -> PaymentStatus:
    """Apply a verified report of a payment; return the resulting status.

    A repeated report, or a late one that contradicts a paid payment, changes nothing.  Raise
    ``REPORT_UNFIT`` for a report with another provider, number, amount or currency.
    """
    payment = await _lock_payment(act.db, report.payment_id)
    _require_match(payment, report)
    payment.provider, payment.provider_id = report.provider, report.provider_id
    if report.status in TRANSITIONS[payment.status]:
        await _finish(act, payment, report.status, report.reason)
    elif report.status is not payment.status:
        told = {"payment": payment.id, "is": payment.status, "reported": report.status}
        log.warning("payment_report_ignored", **told)
    return payment.status


async def refund(act: Act, report: RefundReport) -> None:
    """Store a verified refund; a repeated report changes nothing.

    Raise ``REPORT_UNFIT`` if the payment is not paid, the currency differs, or more is refunded
    than is left.
    """
    its = (Payment.provider == report.provider) & (Payment.provider_id == report.provider_id)
    payment = await _lock_where(act.db, its, report.provider_id)
    if await act.db.get(Refund, (report.provider, report.refund_id)) is not None:
        return
    before, amount = payment.refunded_kopecks, report.amount_kopecks
    _refuse_mismatch(
        payment,
        {
            "status": payment.status is PaymentStatus.PAID,
            "amount": 0 < amount <= payment.amount_kopecks - before,
            "currency": report.currency == CURRENCY,
        },
    )
    key = {"provider": report.provider, "refund_id": report.refund_id}
    act.db.add(Refund(**key, payment_id=payment.id, amount_kopecks=amount, at=act.now))
    payment.refunded_kopecks = before + amount
    after = {"refunded_kopecks": payment.refunded_kopecks, "refund": report.refund_id}
    await _log(act, payment, "payments.refunded", after, {"refunded_kopecks": before})
    opened_for = (payment.id, payment.purpose, payment.reference, payment.partner_id)
    await act.announce(PaymentRefunded(*opened_for, amount, payment.refunded_kopecks, act.now))


async def lease_due(act: Act, limit: int) -> list[Payment]:
    """Return at most ``limit`` due payments to ask the providers about, with the next time set.

    Waiting payments come first, then paid ones, which may have been refunded.  Payments without a
    page and those that wait longer than ``MAX_WAIT`` are cancelled here; their time is judged by
    ``due_at``, so a payment that came due while no worker ran is asked about once more.
    """
    paid_last = (Payment.status == PaymentStatus.PAID, Payment.due_at)
    due = select(Payment).where(Payment.due_at <= act.now).order_by(*paid_last).limit(limit)
    payments: Sequence[Payment] = (
        await act.db.scalars(select_for_update(act.db, due, wait=False))
    ).all()
    for payment in payments:
        assert payment.due_at is not None
        if payment.settled_at is not None:
            payment.due_at = next_refund_poll_at(payment.settled_at, act.now, random.random())
        elif payment.provider_id is None or payment.due_at - payment.created_at >= MAX_WAIT:
            await _finish(act, payment, PaymentStatus.CANCELLED, EXPIRED)
        else:
            payment.due_at = next_poll_at(payment.created_at, act.now, random.random())
    return list(payments)


async def _lock_payment(db: AsyncSession, payment_id: str) -> Payment:
    if not is_payment_id(payment_id):
        raise PAYMENT_NOT_FOUND(id=payment_id)
    return await _lock_where(db, Payment.id == payment_id, payment_id)


async def _lock_where(db: AsyncSession, which: ColumnElement[bool], number: str) -> Payment:
    """Return the payment's current row, locked until the commit; raise ``PAYMENT_NOT_FOUND``."""
    one: Select[Any] = select(Payment).where(which)
    found: Payment | None = await db.scalar(select_for_update(db, one, wait=True))
    if found is None:
        raise PAYMENT_NOT_FOUND(id=number)
    return found


def _require_match(payment: Payment, report: PaymentReport) -> None:
    _refuse_mismatch(
        payment,
        {
            "provider": payment.provider in ("", report.provider),
            "id": payment.provider_id in (None, report.provider_id),
            "amount": payment.amount_kopecks == report.amount_kopecks,
            "currency": report.currency == CURRENCY,
        },
    )


def _refuse_mismatch(payment: Payment, fits: Mapping[str, bool]) -> None:
    wrong = [name for name, good in fits.items() if not good]
    if wrong:
        log.error("payment_report_unfit", payment=payment.id, fields=wrong)
        ru, en = FIELD_NAMES[wrong[0]]
        raise REPORT_UNFIT(ru=ru, en=en)


async def _finish(act: Act, payment: Payment, status: PaymentStatus, reason: str) -> None:
    before, payment.status = payment.status, status
    payment.reason, payment.settled_at, payment.due_at = reason[:MAX_REASON], act.now, None
    if status is PaymentStatus.PAID:
        payment.due_at = next_refund_poll_at(act.now, act.now, random.random())
    after = {"status": status, "reason": payment.reason}
    await _log(act, payment, f"payments.{status}", after, {"status": before})
    PAYMENTS.labels(payment.provider or "none", status).inc()
    if status is PaymentStatus.PAID:
        paid = (payment.id, payment.purpose, payment.reference, payment.partner_id)
        await act.announce(PaymentSettled(*paid, act.now))


async def _log(
    act: Act,
    payment: Payment,
    what: str,
    after: dict[str, Any],
    before: dict[str, Any] | None = None,
) -> None:
    """Write an audit entry of the server.

    The payment and the entry of the order name the person.
    """
    objects = [f"payment:{payment.id}"]
    partner = payment.partner_id
    await audit.write(act.by(None), what, objects, before=before, after=after, partner_id=partner)
