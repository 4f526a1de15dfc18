"""Letters about access: to whom, and what they say."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts.models import Employee
from fleet.accounts.roles import ADMINISTRATORS
from fleet.kit.language import Language
from fleet.notifications.service import send


async def notify_partner(
    db: AsyncSession,
    partner_id: int,
    template: str,
    params: Mapping[str, str],
    language: Language,
    now: datetime,
    employee_id: int | None = None,
) -> None:
    """A letter to each active administrator of the partner, and to this employee."""
    concerned = or_(Employee.role.in_(ADMINISTRATORS), Employee.id == employee_id)
    addresses = await db.scalars(
        select(Employee.email)
        .where(Employee.partner_id == partner_id, Employee.active, concerned, Employee.email != "")
        .distinct()
        .order_by(Employee.email)
    )
    for address in addresses.all():
        await send(db, to=address, template=template, params=params, language=language, now=now)
