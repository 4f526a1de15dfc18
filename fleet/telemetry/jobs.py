"""History does not fill the disk."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.dialect import delete_portion
from fleet.telemetry.models import READINGS


async def delete_old_readings(db: AsyncSession, before: datetime, limit: int) -> int:
    """Remove at most ``limit`` readings older than ``before``; returns how many."""
    return await delete_portion(
        db, READINGS, "accepted_at < :accepted_at", limit, accepted_at=before
    )
