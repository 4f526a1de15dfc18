"""Changes of a partner's employees.

An employee with the right ``organisation`` may change employees who have no more rights than
themselves, and of their own account only the contacts, so that nobody locks themselves out.  A
lock on the partner prevents two administrators from deactivating each other at the same time.

An API token cannot manage employees: a thief of a token could otherwise set an account's e-mail
address to their own mailbox and recover its password, activate a deactivated employee, or
deactivate everybody who could stop them.
"""

from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from fleet.accounts import attempts
from fleet.accounts.errors import (
    EMPLOYEE_NOT_FOUND,
    INACTIVE,
    LAST_ADMINISTRATOR,
    LOGIN_TAKEN,
    NO_EMAIL,
    NOT_YOURSELF,
    ROLE_ABOVE_YOURS,
    ROLE_NOT_GRANTED,
    SCOPE_OF_ADMINISTRATOR,
    SCOPE_TOO_LARGE,
    TOKEN_MANAGES_NO_PEOPLE,
)
from fleet.accounts.forms import EmployeeBody, NewEmployee, Scope
from fleet.accounts.links import invalidate, invite, notify_employee
from fleet.accounts.models import Employee, LinkKind, Partner, ScopeEntry, ScopeKind
from fleet.accounts.queries import find_by_login, scope_of
from fleet.accounts.roles import (
    ADMINISTRATORS,
    FROM_COMMAND_LINE,
    RIGHTS,
    ROLE_NAMES,
    Role,
)
from fleet.accounts.rules import MAX_SCOPE, check_login, letter_counters, normalise_login
from fleet.accounts.service import employee_search_text, lock_employee, revoke_sign_ins
from fleet.audit import service as audit
from fleet.audit.service import State
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import insert_into
from fleet.kit.dialect import select_for_update


async def add(act: Act, body: NewEmployee) -> Employee:
    """Add an employee and send the invitation.

    Refuse an API token, an invalid or taken login, a role that only support assigns, and a scope
    for an administrator.
    """
    _refuse_api_token(act.actor)
    _check_role(body.role, body.scope)
    _check_size(body.scope)
    employee = Employee(
        partner_id=act.actor.partner_id,
        login=normalise_login(body.login or body.email),
        full_name=body.full_name,
        email=body.email,
        phone=body.phone,
        role=body.role,
        limited=body.scope is not None,
        active=True,
        password_hash="",
        created_at=act.now,
    )
    await insert(act, employee, body.scope)
    await act.db.refresh(employee, ["partner"])
    await invite(act, employee, LinkKind.INVITATION)
    await _count_letter(act, body.email, field="email")
    return employee


async def insert(act: Act, employee: Employee, scope: Scope | None) -> None:
    """Add the employee's row, scope and audit entry; refuse an invalid or taken login."""
    check_login(employee.login)
    employee.search_text = employee_search_text(employee)
    try:
        async with act.db.begin_nested():
            act.db.add(employee)
    except IntegrityError:
        raise LOGIN_TAKEN(login=employee.login) from None
    await _set_scope(act.db, employee, scope)
    await _write(act, "employee_added", employee, after=await _audit_state(act.db, employee))


async def change(act: Act, employee_id: int, body: EmployeeBody) -> Employee:
    """Replace contacts, role and scope; they take effect with the employee's next request.

    A new e-mail address ends the links that were sent to the old one, and the old address is
    informed by a letter.
    """
    employee = await _lock_managed(act.db, act.actor, employee_id)
    before, present = await _audit_state(act.db, employee), await scope_of(act.db, employee)
    if body.email != employee.email:
        await _abandon_old_email(act, employee)
    employee.full_name, employee.email, employee.phone = body.full_name, body.email, body.phone
    employee.search_text = employee_search_text(employee)
    if (body.role, _scope_entries(body.scope)) != (employee.role, _scope_entries(present)):
        _check_size(body.scope, present)
        await _change_access(act.db, act.actor, employee, body)
    await act.db.flush()
    after = await _audit_state(act.db, employee)
    if after != before:
        await _write(act, "employee_changed", employee, before, after)
    return employee


async def _count_letter(act: Act, email: str, *, field: str) -> None:
    counters = letter_counters(email, act.actor.partner_id)
    await attempts.count(act, counters, act.actor.address, field=field)


async def _abandon_old_email(act: Act, employee: Employee) -> None:
    """End the links that were sent to the old address, and inform it by a letter.

    The owner of the old address may be the victim of the change.  An employee without a password
    has only been invited; then the old address may be a mistyped one and gets no letter.
    """
    await invalidate(act, employee.id)
    if employee.email and employee.password_hash:
        await _count_letter(act, employee.email, field="email")
        await notify_employee(act, employee, "email_changed", by=act.actor.login)


async def _change_access(
    db: AsyncSession, actor: Actor, employee: Employee, body: EmployeeBody
) -> None:
    if employee.id == actor.employee_id:
        raise NOT_YOURSELF(field="role" if body.role is not employee.role else "scope")
    if body.role is not employee.role:
        if employee.role in FROM_COMMAND_LINE:
            raise ROLE_NOT_GRANTED(role=ROLE_NAMES[employee.role])
        _check_role(body.role, body.scope)
        await _require_other_administrator(db, employee, unless=body.role in ADMINISTRATORS)
    elif body.scope is not None and body.role in ADMINISTRATORS:
        raise SCOPE_OF_ADMINISTRATOR(role=ROLE_NAMES[body.role])
    employee.role, employee.limited = body.role, body.scope is not None
    await _set_scope(db, employee, body.scope)


async def deactivate(act: Act, employee_id: int) -> Employee:
    """Deactivate an employee; sign-ins, API tokens and links end at once."""
    employee = await _lock_managed(act.db, act.actor, employee_id)
    if employee.id == act.actor.employee_id:
        raise NOT_YOURSELF()
    if employee.active:
        await _require_other_administrator(act.db, employee, unless=False)
        employee.active = False
        await revoke_sign_ins(act, employee.id)
        await invalidate(act, employee.id)
        await _write(act, "employee_deactivated", employee)
    return employee


async def activate(act: Act, employee_id: int) -> Employee:
    """Activate an employee again, with the password they had."""
    employee = await _lock_managed(act.db, act.actor, employee_id)
    if not employee.active:
        employee.active = True
        await _write(act, "employee_activated", employee)
    return employee


async def send_link(act: Act, employee_id: int) -> None:
    """Send a link to change the password, or another invitation.

    The current password stays valid until the link is used.
    """
    employee = await _lock_managed(act.db, act.actor, employee_id)
    if not employee.active:
        raise INACTIVE()
    if not employee.email:
        raise NO_EMAIL()
    await invalidate(act, employee.id)
    await invite(act, employee, LinkKind.RESET)
    await _count_letter(act, employee.email, field="id")
    await _write(act, "link_sent", employee, after={"email": employee.email})


async def grant_role(act: Act, login: str, role: Role) -> Employee:
    """Assign any role, from the command line; a new administrator's scope is removed."""
    employee = await find_by_login(act.db, login)
    await _lock(act.db, employee.partner_id)
    await lock_employee(act.db, employee.id)
    await act.db.refresh(employee)
    await _require_other_administrator(act.db, employee, unless=role in ADMINISTRATORS)
    before = {"role": employee.role}
    employee.role = role
    if role in ADMINISTRATORS:
        employee.limited = False
        await _set_scope(act.db, employee, None)
    await _write(act, "role_granted", employee, before, {"role": role})
    return employee


async def widen_scope(db: AsyncSession, actor: Actor, serial_numbers: Collection[str]) -> None:
    """Add registers that the actor brought to the partner to their scope, if it is limited."""
    if actor.limited:
        await _widen(db, actor.employee_id, serial_numbers)


async def widen_scope_of(
    db: AsyncSession, employee_id: int, serial_numbers: Collection[str]
) -> None:
    """Add registers that the partner got by an employee's request to the employee's scope.

    Nothing is done for an employee without a limited scope.
    """
    if (await db.get_one(Employee, employee_id)).limited:
        await _widen(db, employee_id, serial_numbers)


async def _widen(db: AsyncSession, employee_id: int, serial_numbers: Collection[str]) -> None:
    rows = [
        {"employee_id": employee_id, "kind": ScopeKind.REGISTER, "value": serial}
        for serial in sorted(serial_numbers)
    ]
    if rows:
        await db.execute(insert_into(db, ScopeEntry).values(rows).on_conflict_do_nothing())


async def _lock_managed(db: AsyncSession, actor: Actor, employee_id: int) -> Employee:
    """Return an employee whom the actor may change; lock them and their partner until the commit.

    Refuse an API token, an employee of another partner, and one with more rights than the actor.
    """
    _refuse_api_token(actor)
    await _lock(db, actor.partner_id)
    await lock_employee(db, employee_id)
    employee = await db.scalar(
        select(Employee)
        .where(Employee.id == employee_id, Employee.partner_id == actor.partner_id)
        .options(joinedload(Employee.partner))
    )
    if employee is None:
        raise EMPLOYEE_NOT_FOUND()
    if not actor.rights >= RIGHTS[employee.role]:
        raise ROLE_ABOVE_YOURS()
    return employee


async def _lock(db: AsyncSession, partner_id: int) -> None:
    await db.execute(
        select_for_update(db, select(Partner.id).where(Partner.id == partner_id), wait=True)
    )


async def _require_other_administrator(
    db: AsyncSession, employee: Employee, *, unless: bool
) -> None:
    """Refuse to remove the partner's last administrator who can sign in, unless ``unless``."""
    if unless or employee.role not in ADMINISTRATORS:
        return
    others = select(Employee.id).where(
        Employee.partner_id == employee.partner_id,
        Employee.id != employee.id,
        Employee.role.in_(ADMINISTRATORS),
        Employee.active,
        Employee.password_hash != "",
    )
    if await db.scalar(others.limit(1)) is None:
        raise LAST_ADMINISTRATOR()


def _refuse_api_token(actor: Actor) -> None:
    if actor.by_token:
        raise TOKEN_MANAGES_NO_PEOPLE()


def _check_role(role: Role, scope: Scope | None) -> None:
    if role in FROM_COMMAND_LINE:
        raise ROLE_NOT_GRANTED(role=ROLE_NAMES[role])
    if scope is not None and role in ADMINISTRATORS:
        raise SCOPE_OF_ADMINISTRATOR(role=ROLE_NAMES[role])


def _check_size(scope: Scope | None, present: Scope | None = None) -> None:
    """Refuse a scope over ``MAX_SCOPE`` that has entries which the present one does not have.

    Registers that an employee adds join their scope without a limit, so a scope that is already
    longer may stay or shrink.
    """
    if scope is None or max(len(scope.clients), len(scope.registers)) <= MAX_SCOPE:
        return
    if not (_scope_entries(scope) or set()) <= (_scope_entries(present) or set()):
        raise SCOPE_TOO_LARGE(most=MAX_SCOPE)


def _scope_entries(scope: Scope | None) -> set[tuple[ScopeKind, str]] | None:
    if scope is None:
        return None
    clients = {(ScopeKind.CLIENT, inn) for inn in scope.clients}
    return clients | {(ScopeKind.REGISTER, serial) for serial in scope.registers}


async def _set_scope(db: AsyncSession, employee: Employee, scope: Scope | None) -> None:
    await db.execute(delete(ScopeEntry).where(ScopeEntry.employee_id == employee.id))
    entries = _scope_entries(scope)
    if entries:
        await db.execute(
            insert_into(db, ScopeEntry),
            [{"employee_id": employee.id, "kind": kind, "value": value} for kind, value in entries],
        )


async def _audit_state(db: AsyncSession, employee: Employee) -> dict[str, object]:
    scope = await scope_of(db, employee)
    return {
        "login": employee.login,
        "full_name": employee.full_name,
        "email": employee.email,
        "phone": employee.phone,
        "role": employee.role,
        "scope": scope.model_dump() if scope else None,
    }


async def _write(
    act: Act, what: str, employee: Employee, before: State | None = None, after: State | None = None
) -> None:
    await audit.write(
        act,
        f"accounts.{what}",
        [f"employee:{employee.id}"],
        before=before,
        after=after,
        partner_id=employee.partner_id,
    )
