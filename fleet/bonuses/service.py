"""Accrual of bonuses."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.bonuses.models import Bonus
from fleet.kit.act import Act
from fleet.kit.database import table_of
from fleet.kit.dialect import Columns, insert_columns
from fleet.registers.models import CashRegister
from fleet.subscriptions.events import SubscriptionsAssigned


async def on_subscriptions_assigned(act: Act, fact: SubscriptionsAssigned) -> None:
    """Store the points of each assigned subscription that was bought with any.

    An assignment brings points once: the database refuses a second row for it.
    """
    worth = [each for each in fact.assignments if each.bonus_points]
    if not worth:
        return
    owners = await _owners(act.db, {each.serial_number for each in worth})
    clients = [owners.get(each.serial_number, ("", "")) for each in worth]
    columns: Columns = {
        "assignment_id": [each.id for each in worth],
        "partner_id": [each.partner_id for each in worth],
        "employee_id": [each.employee_id for each in worth],
        "serial_number": [each.serial_number for each in worth],
        "client_inn": [inn for inn, _ in clients],
        "client_name": [name for _, name in clients],
        "plan": [each.plan for each in worth],
        "points": [each.bonus_points for each in worth],
    }
    await insert_columns(act.db, table_of(Bonus), columns, {"at": fact.at})


async def _owners(db: AsyncSession, serials: set[str]) -> dict[str, tuple[str, str]]:
    columns = (CashRegister.serial_number, CashRegister.owner_inn, CashRegister.owner_name)
    rows = await db.execute(select(*columns).where(CashRegister.serial_number.in_(serials)))
    return {serial: (inn, name) for serial, inn, name in rows}
