"""Granting services, and asking whether they were granted."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.database import insert_into
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.models import Grant


async def grant(
    db: AsyncSession, partner_id: int, entitlements: Iterable[Entitlement], now: datetime
) -> None:
    """The partner may use these services; those that were granted before stay as they are."""
    rows = [
        {"partner_id": partner_id, "entitlement": each, "granted_at": now} for each in entitlements
    ]
    await db.execute(insert_into(db, Grant).values(rows).on_conflict_do_nothing())


async def has(db: AsyncSession, partner_id: int, entitlement: Entitlement) -> bool:
    """Whether the partner may use the service."""
    return await db.get(Grant, (partner_id, entitlement)) is not None
