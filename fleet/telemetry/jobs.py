"""Periodic job that deletes old readings, so that the history does not fill the disk."""

from datetime import timedelta

from fleet.kit.act import Act
from fleet.kit.dialect import delete_portion
from fleet.telemetry.models import READINGS


async def delete_old_readings(act: Act, limit: int) -> int:
    """Delete at most ``limit`` readings older than ``readings_days``; return how many."""
    before = act.now - timedelta(days=act.config.readings_days)
    return await delete_portion(
        act.db, READINGS, "accepted_at < :accepted_at", limit, accepted_at=before
    )
