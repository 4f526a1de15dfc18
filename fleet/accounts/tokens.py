"""What a person holds themselves: their password, sign-ins and API tokens."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts import attempts
from fleet.accounts.errors import (
    SIGN_IN_NOT_FOUND,
    TOKEN_LIFETIME,
    TOKEN_MAKES_NO_TOKEN,
    TOO_MANY_TOKENS,
    WRONG_PASSWORD,
)
from fleet.accounts.links import invalidate, notify_employee
from fleet.accounts.models import Employee, SignIn
from fleet.accounts.passwords import hash_password, require_capacity, verify_password
from fleet.accounts.rules import (
    MAX_TOKEN_LIFETIME,
    MAX_TOKENS,
    TOKEN_BYTES,
    check_password,
    hash_token,
    letter_counters,
    password_counters,
)
from fleet.accounts.service import lock_employee, revoke_sign_ins
from fleet.audit import service as audit
from fleet.audit.service import State
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.clock import Clock
from fleet.kit.database import Database
from fleet.kit.http import NOT_SIGNED_IN
from fleet.kit.language import Language


async def change_password(
    database: Database, clock: Clock, actor: Actor, present: str, new: str, language: Language
) -> None:
    """Replace one's own password and revoke the other sign-ins; API tokens stay.

    Refuses a wrong present password, a new one of a wrong length, and too many guesses.  It
    commits by itself, as ``service.sign_in`` does and for the same reasons.
    """
    check_password(new)
    require_capacity()
    async with database.transaction() as db:
        counters = password_counters(actor.employee_id)
        await attempts.count(db, counters, actor.address, clock(), field="password")
    async with database.read() as db:
        employee = await db.get_one(Employee, actor.employee_id)
    if not await verify_password(present, employee.password_hash):
        raise WRONG_PASSWORD()
    password_hash = await hash_password(new)
    async with database.transaction() as db:
        same = (Employee.id == employee.id, Employee.password_hash == employee.password_hash)
        changed = update(Employee).where(*same).values(password_hash=password_hash)
        if await db.scalar(changed.returning(Employee.id)) is None:
            raise WRONG_PASSWORD()
        await _notify_password_changed(db, actor, employee, language, clock())


async def _notify_password_changed(
    db: AsyncSession, actor: Actor, employee: Employee, language: Language, now: datetime
) -> None:
    await invalidate(db, actor.employee_id, now)
    await _revoke_others(db, actor, now)
    await _write(db, actor, now, "accounts.password_changed")
    left = str(await _count_tokens(db, actor, now))
    await notify_employee(db, employee, "own_password_changed", language, now, tokens=left)


async def revoke_others(db: AsyncSession, actor: Actor, now: datetime) -> int:
    """Revoke one's sign-ins but the one that asks, and no API token; how many."""
    await lock_employee(db, actor.employee_id)
    revoked = await _revoke_others(db, actor, now)
    if revoked:
        await _write(db, actor, now, "accounts.sign_ins_revoked", {"revoked": revoked})
    return revoked


async def _revoke_others(db: AsyncSession, actor: Actor, now: datetime) -> int:
    return await revoke_sign_ins(
        db,
        actor.employee_id,
        now,
        SignIn.id == actor.sign_in_id,
        SignIn.token_name.is_not(None),
    )


async def revoke(
    db: AsyncSession, actor: Actor, sign_in_id: int, now: datetime, *, token: bool
) -> None:
    """Revoke one's own sign-in, or API token; refuses what is not a valid one of theirs."""
    found = await db.execute(
        update(SignIn)
        .where(
            SignIn.id == sign_in_id,
            SignIn.employee_id == actor.employee_id,
            SignIn.token_name.is_not(None) if token else SignIn.token_name.is_(None),
            SignIn.revoked_at.is_(None),
            SignIn.expires_at > now,
        )
        .values(revoked_at=now)
        .returning(SignIn.token_name, SignIn.address, SignIn.created_at)
    )
    revoked = found.one_or_none()
    if revoked is None:
        raise SIGN_IN_NOT_FOUND()
    name, address, created_at = revoked
    what = "accounts.token_revoked" if token else "accounts.sign_in_revoked"
    told = {"name": name} if token else {"opened_from": address}
    opened = {"id": sign_in_id, "created_at": created_at.isoformat(), **told}
    await _write(db, actor, now, what, before=opened)


async def create(
    db: AsyncSession,
    actor: Actor,
    name: str,
    expires_at: datetime,
    language: Language,
    now: datetime,
) -> tuple[str, SignIn]:
    """A personal API token: its text, shown this once and kept nowhere, and its row.

    It has the rights of its employee, whatever they become; a letter tells them.  Refuses an
    expiry that is past or too far, one token too many, one letter too many, a sign-in that was
    revoked while it asked, and an asker that is a token itself: a stolen one would make itself
    longer-lived.
    """
    if not timedelta(0) < expires_at - now <= MAX_TOKEN_LIFETIME:
        raise TOKEN_LIFETIME(days=MAX_TOKEN_LIFETIME.days)
    if actor.by_token:
        raise TOKEN_MAKES_NO_TOKEN()
    await lock_employee(db, actor.employee_id)
    await _require_valid_sign_in(db, actor)
    if await _count_tokens(db, actor, now) >= MAX_TOKENS:
        raise TOO_MANY_TOKENS(most=MAX_TOKENS)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = SignIn(
        token_sha256=hash_token(token),
        employee_id=actor.employee_id,
        token_name=name,
        address=actor.address,
        created_at=now,
        expires_at=expires_at,
    )
    db.add(row)
    await db.flush()
    told = {"id": row.id, "name": name, "expires_at": expires_at.isoformat()}
    await _write(db, actor, now, "accounts.token_created", told)
    until = f"{expires_at:%Y-%m-%d %H:%M} UTC"
    await _notify_new_token(db, actor, name, until, language, now)
    return token, row


async def _notify_new_token(
    db: AsyncSession, actor: Actor, name: str, until: str, language: Language, now: datetime
) -> None:
    """A letter, of which each mailbox gets so many, to an employee who has one."""
    employee = await db.get_one(Employee, actor.employee_id)
    if not employee.email:
        return
    await notify_employee(db, employee, "token_created", language, now, token=name, until=until)
    counters = letter_counters(employee.email, employee.partner_id)
    await attempts.count(db, counters, actor.address, now, field="name")


async def _require_valid_sign_in(db: AsyncSession, actor: Actor) -> None:
    """Of an employee who is held: what revoked all that they had must not be outlived."""
    asking = select(SignIn.id).where(SignIn.id == actor.sign_in_id, SignIn.revoked_at.is_(None))
    if await db.scalar(asking) is None:
        raise NOT_SIGNED_IN()


async def _count_tokens(db: AsyncSession, actor: Actor, now: datetime) -> int:
    valid = select(func.count()).where(
        SignIn.employee_id == actor.employee_id,
        SignIn.token_name.is_not(None),
        SignIn.revoked_at.is_(None),
        SignIn.expires_at > now,
    )
    return (await db.scalars(valid)).one()


async def _write(
    db: AsyncSession,
    actor: Actor,
    now: datetime,
    what: str,
    after: State | None = None,
    before: State | None = None,
) -> None:
    objects = [f"employee:{actor.employee_id}"]
    await audit.write(Act(db, actor, now), what, objects, before=before, after=after)
