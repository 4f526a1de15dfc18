"""Endpoints of administrators: employees, the organisation, the audit log.

The log's own feature lies below the rights that guard it, so its list is served here.
"""

from fleet.accounts import employees, organisation, queries
from fleet.accounts.forms import EmployeeBody, NewEmployee, OrganisationBody
from fleet.accounts.links import LetterContext
from fleet.accounts.queries import (
    EmployeeCard,
    EmployeeFilter,
    EmployeeKey,
    EmployeeRow,
    OrganisationView,
)
from fleet.accounts.roles import Right
from fleet.audit import queries as audit_queries
from fleet.audit.queries import AuditFilter, AuditRow
from fleet.kit.http import Call, endpoint
from fleet.kit.input import Nothing
from fleet.kit.paging import Page


@endpoint("GET", "/employees", right=Right.ORGANISATION)
async def list_employees(call: Call[EmployeeFilter, None]) -> Page[EmployeeRow]:
    """The partner's employees, by login."""
    return await queries.page(call.db, call.actor, call.query)


@endpoint("POST", "/employees", right=Right.ORGANISATION, status=201)
async def add_employee(call: Call[Nothing, NewEmployee]) -> EmployeeCard:
    """Add an employee; a letter with an activation link goes to their e-mail address.

    Not by an API token.
    """
    post = LetterContext(call.language, call.config.links_begin_with)
    employee = await employees.add(call.db, call.actor, call.body, post, call.now)
    return await queries.card(call.db, employee, call.language)


@endpoint("GET", "/employees/{id}", right=Right.ORGANISATION)
async def show_employee(call: Call[EmployeeKey, None]) -> EmployeeCard:
    """An employee with their scope."""
    employee = await queries.find_own(call.db, call.actor, call.query.id)
    return await queries.card(call.db, employee, call.language)


@endpoint("PUT", "/employees/{id}", right=Right.ORGANISATION)
async def change_employee(call: Call[EmployeeKey, EmployeeBody]) -> EmployeeCard:
    """Replace contacts, role and scope of an employee; each must be given.

    Of a new e-mail address the old one is told by a letter, and the links that were sent to it
    end: who has not activated the account yet needs another by `reset-password`.  Not by an API
    token.
    """
    employee = await employees.change(
        call.db, call.actor, call.query.id, call.body, call.language, call.now
    )
    return await queries.card(call.db, employee, call.language)


@endpoint("POST", "/employees/{id}/deactivate", right=Right.ORGANISATION)
async def deactivate_employee(call: Call[EmployeeKey, None]) -> EmployeeCard:
    """Lock an employee out; their sign-ins and API tokens end at once.

    Not by an API token.
    """
    employee = await employees.deactivate(call.db, call.actor, call.query.id, call.now)
    return await queries.card(call.db, employee, call.language)


@endpoint("POST", "/employees/{id}/activate", right=Right.ORGANISATION)
async def activate_employee(call: Call[EmployeeKey, None]) -> EmployeeCard:
    """Let a deactivated employee in again.

    Not by an API token.
    """
    employee = await employees.activate(call.db, call.actor, call.query.id, call.now)
    return await queries.card(call.db, employee, call.language)


@endpoint("POST", "/employees/{id}/reset-password", right=Right.ORGANISATION)
async def reset_password(call: Call[EmployeeKey, None]) -> None:
    """Send an employee a link to set a password (or the invitation once more).

    Not by an API token.
    """
    post = LetterContext(call.language, call.config.links_begin_with)
    await employees.send_link(call.db, call.actor, call.query.id, post, call.now)


@endpoint("GET", "/organisation", right=Right.ORGANISATION)
async def show_organisation(call: Call[Nothing, None]) -> OrganisationView:
    """The organisation's card."""
    return await queries.organisation(call.db, call.actor)


@endpoint("PUT", "/organisation", right=Right.ORGANISATION)
async def change_organisation(call: Call[Nothing, OrganisationBody]) -> OrganisationView:
    """Replace the organisation's name and ИНН."""
    partner = await organisation.change(call.db, call.actor, call.body, call.now)
    return OrganisationView.model_validate(partner)


@endpoint("GET", "/audit", right=Right.ORGANISATION)
async def list_audit(call: Call[AuditFilter, None]) -> Page[AuditRow]:
    """The partner's audit log, newest first."""
    return await audit_queries.page(call.db, call.actor.partner_id, call.query)


ENDPOINTS = (
    list_employees,
    add_employee,
    show_employee,
    change_employee,
    deactivate_employee,
    activate_employee,
    reset_password,
    show_organisation,
    change_organisation,
    list_audit,
)
