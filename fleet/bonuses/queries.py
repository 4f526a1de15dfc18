"""Queries of bonuses: the history, the balance, totals per client and per employee.

An employee limited to some registers sees the points from those; only administrators see points per
employee.
"""

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts.models import Employee
from fleet.accounts.roles import Right
from fleet.bonuses.errors import ONLY_YOUR_OWN
from fleet.bonuses.models import Bonus
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.inn import Inn
from fleet.kit.input import MAX_INTEGER, Input, Moment, SerialText
from fleet.kit.language import Language
from fleet.kit.paging import Filters, Keyset, Page, PageQuery, conditions, page_of
from fleet.subscriptions.queries import plan_name, within_scope


class BonusFilter(PageQuery):
    """Conditions of the history; all given ones must hold."""

    client: Inn | None = Field(default=None, description="INN of the registers' owner.")
    employee_id: int | None = Field(default=None, ge=1, lt=2**31)
    serial_number: SerialText | None = None
    plan: str | None = Field(default=None, max_length=32)
    since: Moment | None = Field(default=None, alias="from", description="Not earlier than this.")
    until: Moment | None = Field(default=None, alias="to", description="Earlier than this.")


class BonusCursor(Input):
    id: int = Field(ge=1, lt=MAX_INTEGER)


class ClientBonusCursor(Input):
    client_inn: str = Field(max_length=12)


class BonusRow(BaseModel):
    """Points for one assigned subscription."""

    id: int
    points: int
    plan: str
    plan_name: str
    serial_number: str
    client_inn: str = Field(description="Empty: the register was not fiscalised yet.")
    client_name: str
    employee_id: int | None = Field(description="Who assigned it; for administrators.")
    at: datetime


class Balance(BaseModel):
    """Sum of all points so far."""

    points: int
    assignments: int = Field(description="That brought them.")


class ClientBonuses(BaseModel):
    """Points from the registers of one client."""

    client_inn: str
    client_name: str
    points: int
    assignments: int


class EmployeeBonuses(BaseModel):
    """Points from the assignments of one employee."""

    employee_id: int
    login: str
    full_name: str
    points: int
    assignments: int


FILTERS: Filters = {
    "client": lambda inn: Bonus.client_inn == inn,
    "employee_id": lambda employee_id: Bonus.employee_id == employee_id,
    "serial_number": lambda serial: Bonus.serial_number == serial,
    "plan": lambda code: Bonus.plan == code,
    "since": lambda moment: Bonus.at >= moment,
    "until": lambda moment: Bonus.at < moment,
}

NEWEST_FIRST: Final = Keyset(BonusCursor, {"id": Bonus.id}, down=True)
BY_CLIENT: Final = Keyset(ClientBonusCursor, {"client_inn": Bonus.client_inn})
BY_EMPLOYEE: Final = Keyset(BonusCursor, {"id": Employee.id})

_POINTS, _COUNT = func.coalesce(func.sum(Bonus.points), 0), func.count(Bonus.id)


def _visible_to(actor: Actor) -> list[ColumnElement[bool]]:
    return [Bonus.partner_id == actor.partner_id, *within_scope(actor, Bonus.serial_number)]


async def history(act: Act, query: BonusFilter) -> Page[BonusRow]:
    """Return a page of accruals, newest first.

    Raise ``ONLY_YOUR_OWN`` if a non-administrator asks for another employee's.
    """
    everybody = Right.ORGANISATION in act.actor.rights
    if not everybody and query.employee_id not in (None, act.actor.employee_id):
        raise ONLY_YOUR_OWN()
    statement = select(Bonus).where(*_visible_to(act.actor), *conditions(FILTERS, query))
    found = (await act.db.scalars(NEWEST_FIRST.page(statement, query))).all()
    return page_of(
        found,
        query.limit,
        lambda row: _shown(row, everybody, act.language),
        lambda row: BonusCursor(id=row.id),
    )


def _shown(row: Bonus, with_employee: bool, language: Language) -> BonusRow:
    named: dict[str, Any] = {
        "plan_name": plan_name(row.plan, language),
        "employee_id": row.employee_id if with_employee else None,
    }
    plain = BonusRow.model_fields.keys() - named.keys()
    return BonusRow(**{name: getattr(row, name) for name in plain}, **named)


async def balance(db: AsyncSession, actor: Actor) -> Balance:
    """Return the sum of all accrued points and the number of assignments that brought them."""
    points, count = (await db.execute(select(_POINTS, _COUNT).where(*_visible_to(actor)))).one()
    return Balance(points=points, assignments=count)


async def by_client(db: AsyncSession, actor: Actor, query: PageQuery) -> Page[ClientBonuses]:
    """Return a page of totals per client in the order of INN.

    Registers without owner come first.
    """
    statement = (
        select(Bonus.client_inn, func.max(Bonus.client_name), _POINTS, _COUNT)
        .where(*_visible_to(actor))
        .group_by(Bonus.client_inn)
    )
    found = [
        ClientBonuses(client_inn=inn, client_name=name, points=points, assignments=count)
        for inn, name, points, count in await db.execute(BY_CLIENT.page(statement, query))
    ]
    return page_of(
        found,
        query.limit,
        lambda row: row,
        lambda row: ClientBonusCursor(client_inn=row.client_inn),
    )


async def by_employee(db: AsyncSession, actor: Actor, query: PageQuery) -> Page[EmployeeBonuses]:
    """Return a page of totals per employee of the partner who made such assignments."""
    statement = (
        select(Employee.id, Employee.login, Employee.full_name, _POINTS, _COUNT)
        .join(Bonus, Bonus.employee_id == Employee.id)
        .where(*_visible_to(actor))
        .group_by(Employee.id, Employee.login, Employee.full_name)
    )
    found = [
        EmployeeBonuses(
            employee_id=id_, login=login, full_name=name, points=points, assignments=count
        )
        for id_, login, name, points, count in await db.execute(BY_EMPLOYEE.page(statement, query))
    ]
    return page_of(found, query.limit, lambda row: row, lambda row: BonusCursor(id=row.employee_id))
