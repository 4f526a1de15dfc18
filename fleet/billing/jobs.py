"""What the worker does about payments."""

from fleet.billing.processor import PaymentProcessor
from fleet.kit.acts import Acts


async def poll_payments(acts: Acts) -> int:
    """A portion of the payments that notices may have been lost of, and of those to end."""
    return await PaymentProcessor.from_config(acts.database, acts.clock, acts.config).poll_due()
