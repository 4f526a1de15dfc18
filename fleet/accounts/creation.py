"""What support and the first start make: partners, and people with a password of theirs."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

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
from fleet.kit.language import Language

FIRST_PARTNER_NAME = "Партнёр"
FIRST_EMPLOYEE_NAME = "Администратор"


async def create_first_administrator(
    db: AsyncSession, login: str, choose_password: Callable[[], str], now: datetime
) -> Employee:
    """The first partner's Administrator: made once, however many processes start at once, and
    only then is a password chosen.  Who exists stays as they are."""
    await lock_until_commit(db, "first administrator", 0)
    found = await db.scalar(select(Employee).where(Employee.login == login))
    if found is not None:
        return found
    partner = await create_partner(db, FIRST_PARTNER_NAME, now)
    return await create_employee(
        db,
        now,
        partner_id=partner.id,
        login=login,
        full_name=FIRST_EMPLOYEE_NAME,
        role=Role.ADMINISTRATOR,
        password=choose_password(),
    )


async def set_password(
    db: AsyncSession, login: str, password: str, language: Language, now: datetime
) -> Employee:
    """Another password for who has lost theirs, and no way to a mailbox; links, sign-ins and API
    tokens end.  Refuses a password of a wrong length and a login that nobody has."""
    check_password(password)
    password_hash = await hash_password(password)
    employee = await find_by_login(db, login)
    await lock_employee(db, employee.id)
    await invalidate(db, employee.id, now)
    await revoke_sign_ins(db, employee.id, now)
    employee.password_hash = password_hash
    await audit.write(
        Act(db, None, now),
        "accounts.password_changed",
        [f"employee:{employee.id}"],
        partner_id=employee.partner_id,
    )
    await notify_employee(db, employee, "password_changed", language, now)
    return employee


async def create_partner(db: AsyncSession, name: str, now: datetime) -> Partner:
    partner = Partner(name=name, created_at=now)
    db.add(partner)
    await db.flush()
    await audit.write(
        Act(db, None, now),
        "accounts.partner_created",
        [f"partner:{partner.id}"],
        after={"name": name},
        partner_id=partner.id,
    )
    return partner


async def create_partner_with_administrator(
    db: AsyncSession, body: NewPartner, password: str, now: datetime
) -> Partner:
    """A partner and its Administrator; refuses as ``create_employee`` does."""
    partner = await create_partner(db, body.name, now)
    await create_employee(
        db,
        now,
        partner_id=partner.id,
        login=body.login,
        full_name=body.full_name,
        email=body.email or "",
        role=Role.ADMINISTRATOR,
        password=password,
    )
    return partner


async def create_employee(
    db: AsyncSession,
    now: datetime,
    *,
    partner_id: int,
    login: str,
    full_name: str,
    role: Role,
    password: str,
    email: str = "",
) -> Employee:
    """Add an employee of any role who may sign in at once.

    Refuses an unfit or taken login and a password of a wrong length.
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
        created_at=now,
    )
    await insert(db, None, employee, None, now)
    return employee
