"""Changing accounts: partners, employees, sign-ins."""

import secrets
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, delete, not_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, joinedload

from fleet.accounts import attempts
from fleet.accounts.errors import (
    LOGIN_TAKEN,
    PARTNER_NAME,
    ROLE_NOT_GRANTED,
    WRONG_CREDENTIALS,
)
from fleet.accounts.models import Employee, Partner, PasswordLink, SignIn, SignInAttempts
from fleet.accounts.passwords import UNKNOWN_LOGIN_HASH, fits, hash_password
from fleet.accounts.roles import FROM_COMMAND_LINE, RIGHTS, ROLE_NAMES, Role
from fleet.accounts.rules import (
    ATTEMPTS_WINDOW,
    LINK_KEPT_FOR,
    MAX_NAME,
    SIGN_IN_LIFETIME,
    TOKEN_BYTES,
    attempt_counters,
    check_login,
    check_password,
    hash_token,
    normalise_login,
    search_text,
)
from fleet.audit import service as audit
from fleet.kit.actor import Actor
from fleet.kit.clock import Clock
from fleet.kit.database import Database
from fleet.kit.dialect import locked

FIRST_PARTNER_NAME = "Партнёр"
FIRST_EMPLOYEE_NAME = "Администратор"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpenedSignIn:
    """A fresh sign-in.  ``token`` is shown this once and kept nowhere."""

    token: str
    sign_in: SignIn
    employee: Employee


async def create_partner(db: AsyncSession, name: str, now: datetime) -> Partner:
    partner = Partner(name=name, created_at=now)
    db.add(partner)
    await db.flush()
    return partner


async def found_partner(
    db: AsyncSession, name: str, login: str, full_name: str, password: str, now: datetime
) -> Partner:
    """A partner and its Administrator, from the command line; refuses as ``create_employee``
    does, and a name of no or too many characters."""
    if not 0 < len(name.strip()) <= MAX_NAME:
        raise PARTNER_NAME(most=MAX_NAME)
    partner = await create_partner(db, name.strip(), now)
    await create_employee(
        db,
        None,
        now,
        partner_id=partner.id,
        login=login,
        full_name=full_name,
        role=Role.ADMINISTRATOR,
        password=password,
    )
    return partner


async def create_employee(
    db: AsyncSession,
    actor: Actor | None,
    now: datetime,
    *,
    partner_id: int,
    login: str,
    full_name: str,
    role: Role,
    password: str,
) -> Employee:
    """Add an employee who may sign in at once; ``actor`` None = the command line.

    Refuses an unfit or taken login, a password of a wrong length and a role that an employee
    may not grant.
    """
    login = normalise_login(login)
    check_login(login)
    check_password(password)
    if actor is not None and role in FROM_COMMAND_LINE:
        raise ROLE_NOT_GRANTED(role=ROLE_NAMES[role])
    if await db.scalar(select(Employee.id).where(Employee.login == login)) is not None:
        raise LOGIN_TAKEN(login=login)
    employee = Employee(
        partner_id=partner_id,
        login=login,
        full_name=full_name,
        role=role,
        active=True,
        password_hash=await hash_password(password),
        created_at=now,
    )
    await _add_employee(db, actor, employee, now)
    return employee


async def bootstrap(
    db: AsyncSession, login: str, password: str, now: datetime, *, overwrite: bool = False
) -> None:
    """The first partner and its Administrator, once.

    An employee who exists keeps the password, unless ``overwrite``: then another password
    replaces it and revokes the sign-ins made with the old one.
    """
    employee = await db.scalar(select(Employee).where(Employee.login == normalise_login(login)))
    if employee is None:
        await _bootstrap_employee(db, login, password, now)
    elif overwrite and not await fits(password, employee.password_hash):
        employee.password_hash = await hash_password(password)
        await revoke_sign_ins(db, employee.id, now)
        await audit.write(
            db,
            None,
            now,
            "accounts.password_changed",
            [f"employee:{employee.id}"],
            partner_id=employee.partner_id,
        )


async def _bootstrap_employee(db: AsyncSession, login: str, password: str, now: datetime) -> None:
    partner = await create_partner(db, FIRST_PARTNER_NAME, now)
    employee = Employee(
        partner_id=partner.id,
        login=normalise_login(login),
        full_name=FIRST_EMPLOYEE_NAME,
        role=Role.ADMINISTRATOR,
        active=True,
        password_hash=await hash_password(password),
        created_at=now,
    )
    await _add_employee(db, None, employee, now)


async def _add_employee(
    db: AsyncSession, actor: Actor | None, employee: Employee, now: datetime
) -> None:
    employee.search_text = searched(employee)
    db.add(employee)
    await db.flush()
    await audit.write(
        db,
        actor,
        now,
        "accounts.employee_added",
        [f"employee:{employee.id}"],
        after={"login": employee.login, "full_name": employee.full_name, "role": employee.role},
        partner_id=employee.partner_id,
    )


async def sign_in(
    database: Database, clock: Clock, login: str, password: str, address: str
) -> OpenedSignIn:
    """Open a sign-in, or refuse: ``wrong_credentials`` (whatever was wrong), ``too_many_attempts``.

    It commits by itself, twice: the attempt is counted before the password is looked at, so
    that neither a refusal nor many requests at once get around the limit, and hashing holds
    no transaction.
    """
    login = normalise_login(login)
    async with database.transaction() as db:
        await attempts.count(db, attempt_counters(login, address), address, clock(), field="login")
    async with database.read() as db:
        employee = await db.scalar(
            select(Employee).where(Employee.login == login).options(joinedload(Employee.partner))
        )
    known = employee is not None and employee.active
    kept = employee.password_hash if employee else ""
    password_fits = await fits(password, kept or UNKNOWN_LOGIN_HASH)
    if employee is None or not (known and password_fits):
        log.warning("sign_in_refused", address=address)
        raise WRONG_CREDENTIALS()
    async with database.transaction() as db:
        return await _open_sign_in(db, employee, address, clock())


async def _open_sign_in(
    db: AsyncSession, employee: Employee, address: str, now: datetime
) -> OpenedSignIn:
    """Refuses when the password was changed, or the employee locked out, while it was looked at:
    what that revokes must not come after it."""
    same = (Employee.active, Employee.password_hash == employee.password_hash)
    unchanged = select(Employee.id).where(Employee.id == employee.id, *same)
    if await db.scalar(locked(db, unchanged, wait=True)) is None:
        raise WRONG_CREDENTIALS()
    token = secrets.token_urlsafe(TOKEN_BYTES)
    opened = SignIn(
        token_sha256=hash_token(token),
        employee_id=employee.id,
        address=address,
        created_at=now,
        expires_at=now + SIGN_IN_LIFETIME,
    )
    db.add(opened)
    await db.flush()
    await _forget_attempt(db, employee.login, address)
    who = to_actor(employee, opened.id, address)
    await audit.write(db, who, now, "accounts.signed_in", [f"employee:{employee.id}"])
    return OpenedSignIn(token, opened, employee)


async def _forget_attempt(db: AsyncSession, login: str, address: str) -> None:
    """A success clears its login; of its address it takes back itself, not others' failures."""
    (login_counter, _), (address_counter, _) = attempt_counters(login, address)
    await db.execute(delete(SignInAttempts).where(SignInAttempts.counter == login_counter))
    await db.execute(
        update(SignInAttempts)
        .where(SignInAttempts.counter == address_counter, SignInAttempts.attempts > 0)
        .values(attempts=SignInAttempts.attempts - 1)
    )


async def authenticate(db: AsyncSession, token: str, now: datetime, address: str) -> Actor | None:
    """Whose token it is; None when unknown, expired, revoked or of an inactive employee."""
    found = await db.scalar(
        select(SignIn)
        .join(SignIn.employee)
        .options(contains_eager(SignIn.employee))
        .where(
            SignIn.token_sha256 == hash_token(token),
            SignIn.expires_at > now,
            SignIn.revoked_at.is_(None),
            Employee.active,
        )
    )
    return to_actor(found.employee, found.id, address) if found else None


async def sign_out(db: AsyncSession, actor: Actor, now: datetime) -> None:
    """Revoke the sign-in that asks."""
    await db.execute(update(SignIn).where(SignIn.id == actor.sign_in_id).values(revoked_at=now))
    await audit.write(db, actor, now, "accounts.signed_out", [f"employee:{actor.employee_id}"])


async def revoke_sign_ins(
    db: AsyncSession, employee_id: int, now: datetime, *unless: ColumnElement[bool]
) -> int:
    """Revoke every sign-in and API token of an employee, ``unless`` holds; how many."""
    revoked = await db.scalars(
        update(SignIn)
        .where(SignIn.employee_id == employee_id, SignIn.revoked_at.is_(None))
        .where(*(not_(condition) for condition in unless))
        .values(revoked_at=now)
        .returning(SignIn.id)
    )
    return len(revoked.all())


async def forget_sign_ins(db: AsyncSession, now: datetime) -> int:
    """Remove sign-ins, links and windows of attempts that are over; how many there were.

    None decides anything any more, so it may run at any time.
    """
    began = SignInAttempts.window_began_at
    old = (
        delete(SignIn).where(SignIn.expires_at <= now).returning(SignIn.id),
        delete(PasswordLink)
        .where(PasswordLink.expires_at <= now - LINK_KEPT_FOR)
        .returning(PasswordLink.employee_id),
        delete(SignInAttempts)
        .where(began <= now - ATTEMPTS_WINDOW)
        .returning(SignInAttempts.counter),
    )
    return sum([len((await db.scalars(statement)).all()) for statement in old])


def searched(employee: Employee) -> str:
    """What the search of employees looks through."""
    return search_text(
        employee.login, employee.full_name, employee.email or "", employee.phone or ""
    )


def to_actor(employee: Employee, sign_in_id: int, address: str) -> Actor:
    return Actor(
        employee_id=employee.id,
        partner_id=employee.partner_id,
        login=employee.login,
        role=employee.role,
        rights=frozenset(RIGHTS[employee.role]),
        sign_in_id=sign_in_id,
        address=address,
        limited=employee.limited,
    )
