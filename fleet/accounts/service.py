"""Signing in, and what a sign-in is worth."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, delete, inspect, not_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, joinedload

from fleet.accounts import attempts
from fleet.accounts.errors import WRONG_CREDENTIALS
from fleet.accounts.models import Employee, PasswordLink, SignIn, SignInAttempts
from fleet.accounts.passwords import UNKNOWN_LOGIN_HASH, require_capacity, verify_password
from fleet.accounts.roles import RIGHTS
from fleet.accounts.rules import (
    ATTEMPTS_WINDOW,
    LINK_RETENTION,
    SIGN_IN_LIFETIME,
    TOKEN_BYTES,
    address_counters,
    hash_token,
    login_counters,
    normalise_login,
    search_text,
)
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.clock import Clock
from fleet.kit.database import Base, Database
from fleet.kit.dialect import select_for_update

RETENTION = (
    (SignIn, SignIn.expires_at, timedelta(0)),
    (PasswordLink, PasswordLink.expires_at, LINK_RETENTION),
    (SignInAttempts, SignInAttempts.window_began_at, ATTEMPTS_WINDOW),
)
"""TABLE: how long after which moment a row is of no use any more."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpenedSignIn:
    """A fresh sign-in.  ``token`` is shown this once and kept nowhere."""

    token: str
    sign_in: SignIn
    employee: Employee


async def sign_in(
    database: Database, clock: Clock, login: str, password: str, address: str
) -> OpenedSignIn:
    """Open a sign-in, or refuse: ``wrong_credentials`` (whatever was wrong), ``too_many_attempts``,
    ``sign_ins_wait``.

    It commits by itself, twice: the attempt is counted before the password is looked at, so
    that neither a refusal nor many requests at once get around the limit, and hashing holds
    no transaction.
    """
    login = normalise_login(login)
    require_capacity()
    counters = (*login_counters(login, address), *address_counters(address))
    async with database.transaction() as db:
        await attempts.count(db, counters, address, clock(), field="login")
    async with database.read() as db:
        employee = await db.scalar(
            select(Employee).where(Employee.login == login).options(joinedload(Employee.partner))
        )
    known = employee is not None and employee.active
    kept = employee.password_hash if employee else ""
    password_fits = await verify_password(password, kept or UNKNOWN_LOGIN_HASH)
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
    if await db.scalar(select_for_update(db, unchanged, wait=True)) is None:
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
    await _reset_attempts(db, employee.login, address)
    who = to_actor(employee, opened.id, address)
    await audit.write(Act(db, who, now), "accounts.signed_in", [f"employee:{employee.id}"])
    return OpenedSignIn(token, opened, employee)


async def _reset_attempts(db: AsyncSession, login: str, address: str) -> None:
    """A success clears its login where it comes from; elsewhere, and of its address, it takes back
    itself, not others' failures."""
    *here, anywhere = login_counters(login, address)
    await attempts.reset(db, tuple(here))
    await attempts.uncount(db, (anywhere, *address_counters(address)))


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
    if found is None:
        return None
    by_token = found.token_name is not None
    return to_actor(found.employee, found.id, address, by_token=by_token)


async def sign_out(db: AsyncSession, actor: Actor, now: datetime) -> None:
    """Revoke the sign-in that asks."""
    await db.execute(update(SignIn).where(SignIn.id == actor.sign_in_id).values(revoked_at=now))
    await audit.write(Act(db, actor, now), "accounts.signed_out", [f"employee:{actor.employee_id}"])


async def lock_employee(db: AsyncSession, employee_id: int) -> None:
    """Lock an employee until the commit: before their links and sign-ins are changed."""
    await db.execute(
        select_for_update(db, select(Employee.id).where(Employee.id == employee_id), wait=True)
    )


async def revoke_sign_ins(
    db: AsyncSession, employee_id: int, now: datetime, *unless: ColumnElement[bool]
) -> int:
    """Revoke every sign-in and API token of an employee who is held, ``unless`` holds; how many."""
    revoked = await db.scalars(
        update(SignIn)
        .where(SignIn.employee_id == employee_id, SignIn.revoked_at.is_(None))
        .where(*(not_(condition) for condition in unless))
        .values(revoked_at=now)
        .returning(SignIn.id)
    )
    return len(revoked.all())


async def delete_expired_sign_ins(db: AsyncSession, now: datetime) -> int:
    """Remove sign-ins, links and windows of attempts that are over; how many there were.

    None decides anything any more, so it may run at any time.
    """
    return sum(
        [await _delete_expired(db, table, ended <= now - kept) for table, ended, kept in RETENTION]
    )


async def _delete_expired(db: AsyncSession, table: type[Base], over: ColumnElement[bool]) -> int:
    (key,) = inspect(table).primary_key
    free = select_for_update(db, select(key).where(over), wait=False)
    return len((await db.scalars(delete(table).where(key.in_(free)).returning(key))).all())


def employee_search_text(employee: Employee) -> str:
    """What the search of employees looks through."""
    return search_text(
        employee.login, employee.full_name, employee.email or "", employee.phone or ""
    )


def to_actor(employee: Employee, sign_in_id: int, address: str, *, by_token: bool = False) -> Actor:
    return Actor(
        employee_id=employee.id,
        partner_id=employee.partner_id,
        login=employee.login,
        role=employee.role,
        rights=frozenset(RIGHTS[employee.role]),
        sign_in_id=sign_in_id,
        address=address,
        limited=employee.limited,
        by_token=by_token,
    )
