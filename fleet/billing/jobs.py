"""What the worker does about payments."""

from fleet.billing.desk import Desk
from fleet.kit.acts import Acts


async def ask_payments(acts: Acts) -> int:
    """A portion of the payments that notices may have been lost of, and of those to end."""
    return await Desk.of(acts).ask_due()
