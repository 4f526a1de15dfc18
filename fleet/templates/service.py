"""Changes of templates: creating, replacing and deleting them."""

import hashlib
from collections.abc import Mapping
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


async def create(act: Act, model: type[Model], values: Values) -> Model:
    """Create a template of the actor's partner; raise ``NAME_TAKEN`` if the partner has that name.

    ``values`` are checked columns (see the functions below).
    """
    row = model(**values, partner_id=act.actor.partner_id, created_at=act.now, changed_at=act.now)
    await _flush_unique(act.db, row)
    await audit.write(
        act, f"templates.{row.kind}_created", [f"{row.kind}:{row.id}"], after=_audit_state(row)
    )
    return row


async def change(act: Act, model: type[Model], id_: int, values: Values) -> Model:
    """Give a template of the partner other values; earlier uploads stay as they are."""
    row = await _lock_changeable(act.db, act.actor, model, id_)
    before = _audit_state(row)
    for name, value in {**values, "changed_at": act.now}.items():
        setattr(row, name, value)
    await _flush_unique(act.db, row)
    await audit.write(
        act,
        f"templates.{row.kind}_changed",
        [f"{row.kind}:{row.id}"],
        before=before,
        after=_audit_state(row),
    )
    return row


async def remove(act: Act, model: type[Model], id_: int) -> None:
    """Delete a template of the partner; raise ``OUTLET_IN_USE`` if a tips template uses it."""
    row = await _lock_changeable(act.db, act.actor, model, id_)
    await audit.write(
        act, f"templates.{row.kind}_removed", [f"{row.kind}:{row.id}"], before=_audit_state(row)
    )
    try:
        async with act.db.begin_nested():
            await act.db.delete(row)
    except IntegrityError:  # only outlets are referenced by other rows
        raise OUTLET_IN_USE() from None


def settings_values(name: str, platform: Platform, values: Mapping[str, Value]) -> Values:
    """Return the columns of a settings template; raise ``InvalidInput`` with each bad field."""
    if found := value_errors(platform, values):
        raise InvalidInput(found)
    return {"name": name, "platform": platform, "values": dict(values)}


def receipt_values(name: str, tape_width_mm: int, content: str) -> Values:
    """Return the columns of a receipt template; ``content`` is Base64."""
    raw = content_of(content)
    return {
        "name": name,
        "tape_width_mm": tape_width_mm,
        "content": raw,
        "size": len(raw),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }


def info_receipt_values(name: str, text: str) -> Values:
    """Return the columns of an info-receipt; raise a refusal if no platform can print it."""
    require_printable(text, Platform.V5_0)
    return {"name": name, "text": text}


async def tips_values(
    db: AsyncSession, actor: Actor, name: str, description: str, outlet_id: int
) -> Values:
    """Return the columns of a tips template; raise ``OUTLET_NOT_FOUND`` for another's outlet."""
    await find_own(db, actor, Outlet, outlet_id, "outlet_id")
    return {"name": name, "description": description, "outlet_id": outlet_id}


async def _lock_changeable(db: AsyncSession, actor: Actor, model: type[Model], id_: int) -> Model:
    if model is ReceiptTemplate and id_ < 0:
        raise SYSTEM_TEMPLATE(id=system_row(id_).id)
    return await find_own(db, actor, model, id_)


async def _flush_unique(db: AsyncSession, row: PartnerRecord) -> None:
    """Write the row; raise ``NAME_TAKEN`` if its name is taken.

    If two transactions take one name at once, the database refuses one of them.
    """
    name = row.name
    try:
        async with db.begin_nested():
            db.add(row)
            await db.flush()
    except IntegrityError:
        raise NAME_TAKEN(name=name) from None


def _audit_state(row: PartnerRecord) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.audited}
