"""Opening, checking and ending sign-ins."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

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
from fleet.kit.acts import Acts
from fleet.kit.database import Base
from fleet.kit.dialect import select_for_update

RETENTION = (
    (SignIn, SignIn.expires_at, timedelta(0)),
    (PasswordLink, PasswordLink.expires_at, LINK_RETENTION),
    (SignInAttempts, SignInAttempts.window_began_at, ATTEMPTS_WINDOW),
)
"""TABLE: a model, its time column, and how long after that time its rows are kept."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpenedSignIn:
    """A new sign-in; ``token`` is shown only once and stored nowhere."""

    token: str
    sign_in: SignIn
    employee: Employee


async def sign_in(acts: Acts, login: str, password: str, address: str) -> OpenedSignIn:
    """Open a sign-in.

    Refuse ``wrong_credentials`` (whatever was wrong), ``too_many_attempts`` or ``sign_ins_wait``.
    The function commits by itself, twice: the attempt is counted before the password is checked,
    so that neither a refusal nor many simultaneous requests get around the limit, and no
    transaction stays open during hashing.
    """
    login = normalise_login(login)
    require_capacity()
    counters = (*login_counters(login, address), *address_counters(address))
    async with acts.transaction() as act:
        await attempts.count(act, counters, address, field="login")
    async with acts.read() as act:
        employee = await act.db.scalar(
            select(Employee).where(Employee.login == login).options(joinedload(Employee.partner))
        )
    known = employee is not None and employee.active
    kept = employee.password_hash if employee else ""
    password_fits = await verify_password(password, kept or UNKNOWN_LOGIN_HASH)
    if employee is None or not (known and password_fits):
        log.warning("sign_in_refused", address=address)
        raise WRONG_CREDENTIALS()
    async with acts.transaction() as act:
        return await _open_sign_in(act, employee, address)


async def _open_sign_in(act: Act, employee: Employee, address: str) -> OpenedSignIn:
    """Open the sign-in of an employee whose password has been checked.

    Refuse if the password was changed or the employee deactivated during the check: that revoked
    all sign-ins, and none may be opened after it.
    """
    same = (Employee.active, Employee.password_hash == employee.password_hash)
    unchanged = select(Employee.id).where(Employee.id == employee.id, *same)
    if await act.db.scalar(select_for_update(act.db, unchanged, wait=True)) is None:
        raise WRONG_CREDENTIALS()
    token = secrets.token_urlsafe(TOKEN_BYTES)
    opened = SignIn(
        token_sha256=hash_token(token),
        employee_id=employee.id,
        address=address,
        created_at=act.now,
        expires_at=act.now + SIGN_IN_LIFETIME,
    )
    act.db.add(opened)
    await act.db.flush()
    await _reset_attempts(act.db, employee.login, address)
    who = to_actor(employee, opened.id, address)
    await audit.write(act.by(who), "accounts.signed_in", [f"employee:{employee.id}"])
    return OpenedSignIn(token, opened, employee)


async def _reset_attempts(db: AsyncSession, login: str, address: str) -> None:
    """Reset the login's counters for this network; take this attempt back from the other counters.

    The other counters (the login from anywhere, the address) keep the failures of others.
    """
    *here, anywhere = login_counters(login, address)
    await attempts.reset(db, tuple(here))
    await attempts.uncount(db, (anywhere, *address_counters(address)))


async def authenticate(act: Act, token: str, address: str) -> Actor | None:
    """Return the employee whose token it is.

    Return None for an unknown, expired or revoked token and for one of an inactive employee.
    """
    found = await act.db.scalar(
        select(SignIn)
        .join(SignIn.employee)
        .options(contains_eager(SignIn.employee))
        .where(
            SignIn.token_sha256 == hash_token(token),
            SignIn.expires_at > act.now,
            SignIn.revoked_at.is_(None),
            Employee.active,
        )
    )
    if found is None:
        return None
    by_token = found.token_name is not None
    return to_actor(found.employee, found.id, address, by_token=by_token)


async def sign_out(act: Act) -> None:
    """Revoke the sign-in that makes the request."""
    await act.db.execute(
        update(SignIn).where(SignIn.id == act.actor.sign_in_id).values(revoked_at=act.now)
    )
    await audit.write(act, "accounts.signed_out", [f"employee:{act.actor.employee_id}"])


async def lock_employee(db: AsyncSession, employee_id: int) -> None:
    """Lock an employee until the commit, before their links and sign-ins are changed."""
    await db.execute(
        select_for_update(db, select(Employee.id).where(Employee.id == employee_id), wait=True)
    )


async def revoke_sign_ins(act: Act, employee_id: int, *unless: ColumnElement[bool]) -> int:
    """Revoke the employee's sign-ins and API tokens that match no condition of ``unless``.

    Return how many were revoked.  The caller must have locked the employee.
    """
    revoked = await act.db.scalars(
        update(SignIn)
        .where(SignIn.employee_id == employee_id, SignIn.revoked_at.is_(None))
        .where(*(not_(condition) for condition in unless))
        .values(revoked_at=act.now)
        .returning(SignIn.id)
    )
    return len(revoked.all())


async def delete_expired_sign_ins(act: Act) -> int:
    """Delete expired sign-ins, links and counters of attempts; return how many.

    They no longer affect any decision, so this may run at any time.
    """
    return sum(
        [
            await _delete_expired(act.db, table, ended <= act.now - kept)
            for table, ended, kept in RETENTION
        ]
    )


async def _delete_expired(db: AsyncSession, table: type[Base], over: ColumnElement[bool]) -> int:
    (key,) = inspect(table).primary_key
    free = select_for_update(db, select(key).where(over), wait=False)
    return len((await db.scalars(delete(table).where(key.in_(free)).returning(key))).all())


def employee_search_text(employee: Employee) -> str:
    """Return the text that the search of employees uses."""
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
