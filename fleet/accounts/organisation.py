"""The partner's own card."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts.forms import OrganisationBody
from fleet.accounts.models import Partner
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.dialect import select_for_update


async def change(db: AsyncSession, actor: Actor, body: OrganisationBody, now: datetime) -> Partner:
    """Replace what the partner says of itself; the code and the UUID are given and stay."""
    own = select(Partner).where(Partner.id == actor.partner_id)
    partner = (await db.scalars(select_for_update(db, own, wait=True))).one()
    before = {"name": partner.name, "inn": partner.inn}
    partner.name, partner.inn = body.name, body.inn or ""
    after = {"name": partner.name, "inn": partner.inn}
    if after != before:
        objects = [f"partner:{partner.id}"]
        await audit.write(
            Act(db, actor, now),
            "accounts.organisation_changed",
            objects,
            before=before,
            after=after,
        )
    return partner
