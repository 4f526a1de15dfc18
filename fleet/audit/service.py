"""Writing of the audit log, in the transaction of the change itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert

from fleet.audit.models import AuditEntry
from fleet.audit.rules import mask_secrets, search_text
from fleet.kit.act import Act

State = Mapping[str, Any]
"""The state of an object, JSON-like; secrets in it are masked before it is stored."""


async def write(
    act: Act,
    what: str,
    objects: Sequence[str],
    *,
    before: State | None = None,
    after: State | None = None,
    partner_id: int | None = None,
) -> None:
    """Write one entry for each of ``objects``, all with the same states.

    ``what`` is the feature and the action (``registers.hidden``); an object is its kind and key
    (``register:00107703864827``).  ``partner_id`` names the partner whose log it is when the act
    has no caller (``act.who`` is None).
    """
    who = act.who
    entry = {
        "at": act.now,
        "partner_id": who.partner_id if who else partner_id,
        "employee_id": who.employee_id if who else None,
        "login": who.login if who else "",
        "address": who.address if who else "",
        "what": what,
        "before": None if before is None else mask_secrets(before),
        "after": None if after is None else mask_secrets(after),
    }
    if objects:
        told = search_text(entry["login"], entry["address"], what, entry["before"], entry["after"])
        rows = [
            {**entry, "object": name, "search_text": f"{name.lower()} {told}"} for name in objects
        ]
        await act.db.execute(insert(AuditEntry), rows)
