"""Changes of the partner's own card."""

from sqlalchemy import select

from fleet.accounts.forms import OrganisationBody
from fleet.accounts.models import Partner
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.dialect import select_for_update


async def change(act: Act, body: OrganisationBody) -> Partner:
    """Replace the partner's name and ИНН; its code and UUID never change."""
    own = select(Partner).where(Partner.id == act.actor.partner_id)
    partner = (await act.db.scalars(select_for_update(act.db, own, wait=True))).one()
    before = {"name": partner.name, "inn": partner.inn}
    partner.name, partner.inn = body.name, body.inn or ""
    after = {"name": partner.name, "inn": partner.inn}
    if after != before:
        objects = [f"partner:{partner.id}"]
        await audit.write(
            act,
            "accounts.organisation_changed",
            objects,
            before=before,
            after=after,
        )
    return partner
