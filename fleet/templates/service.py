"""Making, changing and removing templates."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.validation import InvalidInput
from fleet.templates.errors import NAME_TAKEN, OUTLET_IN_USE, SYSTEM_TEMPLATE
from fleet.templates.models import Outlet, PartnerRecord, ReceiptTemplate
from fleet.templates.queries import find_own, system_row
from fleet.templates.rules import content_of, require_printable, value_errors
from fleet.templates.settings_table import Value
from protocol.platforms import Platform

Model = TypeVar("Model", bound=PartnerRecord)
Values = Mapping[str, Any]


async def create(
    db: AsyncSession, actor: Actor, model: type[Model], values: Values, now: datetime
) -> Model:
    """A new template of the actor's partner; refuses a name that the partner has already.

    ``values`` are columns, already checked (see the functions below).
    """
    row = model(**values, partner_id=actor.partner_id, created_at=now, changed_at=now)
    await _flush_unique(db, row)
    await _audit(db, actor, now, row, "created", after=_audit_state(row))
    return row


async def change(
    db: AsyncSession, actor: Actor, model: type[Model], id_: int, values: Values, now: datetime
) -> Model:
    """Gives a template of the partner other values; what was uploaded before stays as it is."""
    row = await _lock_changeable(db, actor, model, id_)
    before = _audit_state(row)
    for name, value in {**values, "changed_at": now}.items():
        setattr(row, name, value)
    await _flush_unique(db, row)
    await _audit(db, actor, now, row, "changed", before=before, after=_audit_state(row))
    return row


async def remove(
    db: AsyncSession, actor: Actor, model: type[Model], id_: int, now: datetime
) -> None:
    """Deletes a template of the partner; an outlet only if no tips template needs it."""
    row = await _lock_changeable(db, actor, model, id_)
    await _audit(db, actor, now, row, "removed", before=_audit_state(row))
    try:
        async with db.begin_nested():
            await db.delete(row)
    except IntegrityError:  # only outlets are pointed at
        raise OUTLET_IN_USE() from None


def settings_values(name: str, platform: Platform, values: Mapping[str, Value]) -> Values:
    """Columns of a settings template; refuses values, naming the field of each."""
    if found := value_errors(platform, values):
        raise InvalidInput(found)
    return {"name": name, "platform": platform, "values": dict(values)}


def receipt_values(name: str, tape_width_mm: int, content: str) -> Values:
    """Columns of a receipt template; ``content`` is Base64."""
    raw = content_of(content)
    return {
        "name": name,
        "tape_width_mm": tape_width_mm,
        "content": raw,
        "size": len(raw),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }


def info_receipt_values(name: str, text: str) -> Values:
    """Columns of an info-receipt; refuses what no platform can print."""
    require_printable(text, Platform.V5_0)
    return {"name": name, "text": text}


async def tips_values(
    db: AsyncSession, actor: Actor, name: str, description: str, outlet_id: int
) -> Values:
    """Columns of a tips template; refuses an outlet of anybody else."""
    await find_own(db, actor, Outlet, outlet_id, "outlet_id")
    return {"name": name, "description": description, "outlet_id": outlet_id}


async def _lock_changeable(db: AsyncSession, actor: Actor, model: type[Model], id_: int) -> Model:
    if model is ReceiptTemplate and id_ < 0:
        raise SYSTEM_TEMPLATE(id=system_row(id_).id)
    return await find_own(db, actor, model, id_)


async def _flush_unique(db: AsyncSession, row: PartnerRecord) -> None:
    """Of two who take one name at once the database refuses one."""
    name = row.name
    try:
        async with db.begin_nested():
            db.add(row)
            await db.flush()
    except IntegrityError:
        raise NAME_TAKEN(name=name) from None


def _audit_state(row: PartnerRecord) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.audited}


async def _audit(
    db: AsyncSession,
    actor: Actor,
    now: datetime,
    row: PartnerRecord,
    verb: str,
    *,
    before: Values | None = None,
    after: Values | None = None,
) -> None:
    what = f"templates.{row.kind}_{verb}"
    objects = [f"{row.kind}:{row.id}"]
    await audit.write(Act(db, actor, now), what, objects, before=before, after=after)
