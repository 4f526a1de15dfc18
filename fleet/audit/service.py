"""Writing the audit log, in the transaction of the change itself."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit.models import AuditEntry
from fleet.audit.rules import mask_secrets, search_text
from fleet.kit.actor import Actor

State = Mapping[str, Any]
"""JSON-like picture of an object; secrets in it are masked before they are stored."""


async def write(
    db: AsyncSession,
    actor: Actor | None,
    now: datetime,
    what: str,
    objects: Sequence[str],
    *,
    before: State | None = None,
    after: State | None = None,
    partner_id: int | None = None,
) -> None:
    """One entry for each of ``objects``, all with the same states.

    ``actor`` None = the command line or the server itself; then ``partner_id`` names the tenant.
    """
    entry = {
        "at": now,
        "partner_id": actor.partner_id if actor else partner_id,
        "employee_id": actor.employee_id if actor else None,
        "login": actor.login if actor else "",
        "address": actor.address if actor else "",
        "what": what,
        "before": None if before is None else mask_secrets(before),
        "after": None if after is None else mask_secrets(after),
    }
    if objects:
        told = search_text(entry["login"], entry["address"], what, entry["before"], entry["after"])
        rows = [
            {**entry, "object": name, "search_text": f"{name.lower()} {told}"} for name in objects
        ]
        await db.execute(insert(AuditEntry), rows)
