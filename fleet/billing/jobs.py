"""What the worker does about payments."""

from fleet.billing.processor import PaymentProcessor
from fleet.kit.clock import Clock
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database


async def poll_payments(database: Database, clock: Clock, config: FleetConfig) -> int:
    """A portion of the payments that notices may have been lost of, and of those to end."""
    return await PaymentProcessor.from_config(database, clock, config).poll_due()
