"""Endpoints of bonuses."""

from fleet.accounts.roles import Right
from fleet.bonuses import queries
from fleet.bonuses.queries import (
    Balance,
    BonusFilter,
    BonusRow,
    ClientBonuses,
    EmployeeBonuses,
)
from fleet.kit.http import Call, endpoint
from fleet.kit.input import Nothing
from fleet.kit.paging import Page, PageQuery


@endpoint("GET", "/bonuses", right=Right.SUBSCRIPTIONS)
async def list_bonuses(call: Call[BonusFilter, None]) -> Page[BonusRow]:
    """List the accruals of bonus points, newest first."""
    return await queries.history(call.act, call.query)


@endpoint("GET", "/bonuses/balance", right=Right.SUBSCRIPTIONS)
async def show_balance(call: Call[Nothing, None]) -> Balance:
    """Show the sum of all bonus points accrued so far."""
    return await queries.balance(call.db, call.actor)


@endpoint("GET", "/bonuses/clients", right=Right.SUBSCRIPTIONS)
async def list_by_client(call: Call[PageQuery, None]) -> Page[ClientBonuses]:
    """List the bonus points per client."""
    return await queries.by_client(call.db, call.actor, call.query)


@endpoint("GET", "/bonuses/employees", right=Right.ORGANISATION)
async def list_by_employee(call: Call[PageQuery, None]) -> Page[EmployeeBonuses]:
    """List the bonus points per employee, for administrators."""
    return await queries.by_employee(call.db, call.actor, call.query)


ENDPOINTS = (list_bonuses, show_balance, list_by_client, list_by_employee)
