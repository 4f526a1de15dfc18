"""Periodic job of the worker for payments."""

from fleet.billing.processor import PaymentProcessor
from fleet.kit.acts import Acts


async def poll_payments(acts: Acts) -> int:
    """Ask providers about some due payments, end expired ones; return how many were due.

    The question finds payments and refunds whose notices were lost.
    """
    return await PaymentProcessor.from_config(acts).poll_due()
