"""Reading accounts."""

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from fleet.accounts.models import Employee
from fleet.accounts.roles import RIGHTS, Right, Role


class PartnerView(BaseModel):
    """The organisation that an employee works for."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str


class EmployeeView(BaseModel):
    """An employee as they see themselves: who they are and what they may do."""

    id: int
    login: str
    full_name: str
    role: Role
    rights: list[Right]
    partner: PartnerView


def view(employee: Employee) -> EmployeeView:
    """The picture of an employee whose partner is loaded."""
    return EmployeeView(
        id=employee.id,
        login=employee.login,
        full_name=employee.full_name,
        role=employee.role,
        rights=sorted(RIGHTS[employee.role]),
        partner=PartnerView.model_validate(employee.partner),
    )


async def by_id(db: AsyncSession, employee_id: int) -> EmployeeView:
    """The employee with this key, who must exist."""
    statement = select(Employee).where(Employee.id == employee_id)
    found = await db.scalars(statement.options(joinedload(Employee.partner)))
    return view(found.one())
