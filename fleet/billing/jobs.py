"""What the worker does about payments."""

from fleet.billing.desk import Desk
from fleet.kit.clock import Clock
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database


async def ask_payments(database: Database, clock: Clock, config: FleetConfig) -> int:
    """A portion of the payments that wait: those that notices were lost of, and those to end."""
    return await Desk.of(database, clock, config).ask_waiting()
