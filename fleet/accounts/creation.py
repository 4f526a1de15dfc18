"""Creation of partners and employees with a password, by support and by the first start."""

from collections.abc import Callable

from sqlalchemy import select

from fleet.accounts.employees import insert
from fleet.accounts.forms import NewPartner
from fleet.accounts.links import invalidate, notify_employee
from fleet.accounts.models import Employee, Partner
from fleet.accounts.passwords import hash_password
from fleet.accounts.queries import find_by_login
from fleet.accounts.roles import Role
from fleet.accounts.rules import check_password, normalise_login
from fleet.accounts.service import lock_employee, revoke_sign_ins
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.dialect import lock_until_commit

FIRST_PARTNER_NAME = "Партнёр"
FIRST_EMPLOYEE_NAME = "Администратор"


async def create_first_administrator(
    act: Act, login: str, choose_password: Callable[[], str]
) -> Employee:
    """Return the first partner's Administrator; create both if there is no employee ``login``.

    Of several processes that start at once one creates them.  ``choose_password`` is called only
    for a new employee; an existing one is not changed.
    """
    await lock_until_commit(act.db, "first administrator", 0)
    found = await act.db.scalar(select(Employee).where(Employee.login == login))
    if found is not None:
        return found
    partner = await create_partner(act, FIRST_PARTNER_NAME)
    return await create_employee(
        act,
        partner_id=partner.id,
        login=login,
        full_name=FIRST_EMPLOYEE_NAME,
        role=Role.ADMINISTRATOR,
        password=choose_password(),
    )


async def set_password(act: Act, login: str, password: str) -> Employee:
    """Set the password of an employee who cannot reset it by e-mail.

    All links, sign-ins and API tokens of the employee end.  Refuse a password of a wrong length
    and an unknown login.
    """
    check_password(password)
    password_hash = await hash_password(password)
    employee = await find_by_login(act.db, login)
    await lock_employee(act.db, employee.id)
    await invalidate(act, employee.id)
    await revoke_sign_ins(act, employee.id)
    employee.password_hash = password_hash
    await audit.write(
        act,
        "accounts.password_changed",
        [f"employee:{employee.id}"],
        partner_id=employee.partner_id,
    )
    await notify_employee(act, employee, "password_changed")
    return employee


async def create_partner(act: Act, name: str) -> Partner:
    partner = Partner(name=name, created_at=act.now)
    act.db.add(partner)
    await act.db.flush()
    await audit.write(
        act,
        "accounts.partner_created",
        [f"partner:{partner.id}"],
        after={"name": name},
        partner_id=partner.id,
    )
    return partner


async def create_partner_with_administrator(act: Act, body: NewPartner, password: str) -> Partner:
    """Create a partner and its Administrator; refuse what ``create_employee`` refuses."""
    partner = await create_partner(act, body.name)
    await create_employee(
        act,
        partner_id=partner.id,
        login=body.login,
        full_name=body.full_name,
        email=body.email or "",
        role=Role.ADMINISTRATOR,
        password=password,
    )
    return partner


async def create_employee(
    act: Act,
    *,
    partner_id: int,
    login: str,
    full_name: str,
    role: Role,
    password: str,
    email: str = "",
) -> Employee:
    """Create an employee of any role who can sign in at once.

    Refuse an invalid or taken login and a password of a wrong length.
    """
    check_password(password)
    employee = Employee(
        partner_id=partner_id,
        login=normalise_login(login),
        full_name=full_name,
        email=email,
        phone="",
        role=role,
        limited=False,
        active=True,
        password_hash=await hash_password(password),
        created_at=act.now,
    )
    await insert(act, employee, None)
    return employee
