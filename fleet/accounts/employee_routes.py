"""Endpoints of administrators: employees, the organisation, the audit log.

The audit log is served here, because its own feature is in a tier below the rights that guard it.
"""

from fleet.accounts import employees, organisation, queries
from fleet.accounts.forms import EmployeeBody, NewEmployee, OrganisationBody
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
    """List the employees of your organisation, sorted by login."""
    return await queries.page(call.db, call.actor, call.query)


@endpoint("POST", "/employees", right=Right.ORGANISATION, status=201)
async def add_employee(call: Call[Nothing, NewEmployee]) -> EmployeeCard:
    """Add an employee and send a letter with an activation link to their e-mail address.

    An API token cannot be used for this.
    """
    employee = await employees.add(call.act, call.body)
    return await queries.card(call.act, employee)


@endpoint("GET", "/employees/{id}", right=Right.ORGANISATION)
async def show_employee(call: Call[EmployeeKey, None]) -> EmployeeCard:
    """Show an employee with their scope and the last letter to them."""
    employee = await queries.find_own(call.db, call.actor, call.query.id)
    return await queries.card(call.act, employee)


@endpoint("PUT", "/employees/{id}", right=Right.ORGANISATION)
async def change_employee(call: Call[EmployeeKey, EmployeeBody]) -> EmployeeCard:
    """Replace the contacts, role and scope of an employee; each must be given.

    When the e-mail address changes, a letter informs the old address, and the links that were sent
    to it stop working: an employee who has not activated the account yet needs another link from
    `reset-password`.  An API token cannot be used for this.
    """
    employee = await employees.change(call.act, call.query.id, call.body)
    return await queries.card(call.act, employee)


@endpoint("POST", "/employees/{id}/deactivate", right=Right.ORGANISATION)
async def deactivate_employee(call: Call[EmployeeKey, None]) -> EmployeeCard:
    """Deactivate an employee; their sign-ins and API tokens end at once.

    An API token cannot be used for this.
    """
    employee = await employees.deactivate(call.act, call.query.id)
    return await queries.card(call.act, employee)


@endpoint("POST", "/employees/{id}/activate", right=Right.ORGANISATION)
async def activate_employee(call: Call[EmployeeKey, None]) -> EmployeeCard:
    """Activate a deactivated employee, who keeps their password.

    An API token cannot be used for this.
    """
    employee = await employees.activate(call.act, call.query.id)
    return await queries.card(call.act, employee)


@endpoint("POST", "/employees/{id}/reset-password", right=Right.ORGANISATION)
async def reset_password(call: Call[EmployeeKey, None]) -> None:
    """Send an employee a link to set a new password, or the invitation again.

    The current password stays valid until the link is used.  An API token cannot be used for this.
    """
    await employees.send_link(call.act, call.query.id)


@endpoint("GET", "/organisation", right=Right.ORGANISATION)
async def show_organisation(call: Call[Nothing, None]) -> OrganisationView:
    """Show the card of your organisation."""
    return await queries.organisation(call.db, call.actor)


@endpoint("PUT", "/organisation", right=Right.ORGANISATION)
async def change_organisation(call: Call[Nothing, OrganisationBody]) -> OrganisationView:
    """Replace the name and the ИНН of your organisation."""
    partner = await organisation.change(call.act, call.body)
    return OrganisationView.model_validate(partner)


@endpoint("GET", "/audit", right=Right.ORGANISATION)
async def list_audit(call: Call[AuditFilter, None]) -> Page[AuditRow]:
    """List the audit log of your organisation, newest entries first."""
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
