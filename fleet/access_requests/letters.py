"""Letters about access to registers."""

from collections.abc import Mapping

from sqlalchemy import or_, select

from fleet.accounts.models import Employee
from fleet.accounts.roles import ADMINISTRATORS
from fleet.kit.act import Act
from fleet.notifications.service import send


async def notify_partner(
    act: Act,
    partner_id: int,
    template: str,
    params: Mapping[str, str],
    employee_id: int | None = None,
) -> None:
    """Send the letter to each active administrator of the partner, and to this employee."""
    concerned = or_(Employee.role.in_(ADMINISTRATORS), Employee.id == employee_id)
    addresses = await act.db.scalars(
        select(Employee.email)
        .where(Employee.partner_id == partner_id, Employee.active, concerned, Employee.email != "")
        .distinct()
        .order_by(Employee.email)
    )
    for address in addresses.all():
        await send(act, to=address, template=template, params=params)
