"""Changes that a person makes to their own password, sign-ins and API tokens."""

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
from fleet.kit.acts import Acts
from fleet.kit.http import NOT_SIGNED_IN


async def change_password(acts: Acts, present: str, new: str) -> None:
    """Replace the actor's own password and revoke their other sign-ins; API tokens stay valid.

    Refuse a wrong current password, a new one of a wrong length, and too many attempts.  The
    function commits by itself, for the same reasons as ``service.sign_in``.
    """
    check_password(new)
    require_capacity()
    async with acts.transaction() as act:
        counters = password_counters(act.actor.employee_id)
        await attempts.count(act, counters, act.actor.address, field="password")
    async with acts.read() as act:
        employee = await act.db.get_one(Employee, act.actor.employee_id)
    if not await verify_password(present, employee.password_hash):
        raise WRONG_PASSWORD()
    password_hash = await hash_password(new)
    async with acts.transaction() as act:
        same = (Employee.id == employee.id, Employee.password_hash == employee.password_hash)
        changed = update(Employee).where(*same).values(password_hash=password_hash)
        if await act.db.scalar(changed.returning(Employee.id)) is None:
            raise WRONG_PASSWORD()
        await _notify_password_changed(act, employee)


async def _notify_password_changed(act: Act, employee: Employee) -> None:
    await invalidate(act, act.actor.employee_id)
    await _revoke_others(act)
    await _write(act, "accounts.password_changed")
    left = str(await _count_tokens(act))
    await notify_employee(act, employee, "own_password_changed", tokens=left)


async def revoke_others(act: Act) -> int:
    """Revoke the actor's sign-ins except the one that makes the request; return how many.

    API tokens stay valid.
    """
    await lock_employee(act.db, act.actor.employee_id)
    revoked = await _revoke_others(act)
    if revoked:
        await _write(act, "accounts.sign_ins_revoked", {"revoked": revoked})
    return revoked


async def _revoke_others(act: Act) -> int:
    return await revoke_sign_ins(
        act,
        act.actor.employee_id,
        SignIn.id == act.actor.sign_in_id,
        SignIn.token_name.is_not(None),
    )


async def revoke(act: Act, sign_in_id: int, *, token: bool) -> None:
    """Revoke the actor's sign-in, or with ``token`` their API token; refuse an invalid one."""
    found = await act.db.execute(
        update(SignIn)
        .where(
            SignIn.id == sign_in_id,
            SignIn.employee_id == act.actor.employee_id,
            SignIn.token_name.is_not(None) if token else SignIn.token_name.is_(None),
            SignIn.revoked_at.is_(None),
            SignIn.expires_at > act.now,
        )
        .values(revoked_at=act.now)
        .returning(SignIn.token_name, SignIn.address, SignIn.created_at)
    )
    revoked = found.one_or_none()
    if revoked is None:
        raise SIGN_IN_NOT_FOUND()
    name, address, created_at = revoked
    what = "accounts.token_revoked" if token else "accounts.sign_in_revoked"
    told = {"name": name} if token else {"opened_from": address}
    opened = {"id": sign_in_id, "created_at": created_at.isoformat(), **told}
    await _write(act, what, before=opened)


async def create(act: Act, name: str, expires_at: datetime) -> tuple[str, SignIn]:
    """Create a personal API token; return its text, which is stored nowhere, and its row.

    The token always has the present rights of its employee, whom a letter informs.  Refuse an
    expiry in the past or too far away, one token too many, one letter too many, a sign-in that was
    revoked during the request, and a request made with an API token: with a stolen one a thief
    could create others that live longer.
    """
    if not timedelta(0) < expires_at - act.now <= MAX_TOKEN_LIFETIME:
        raise TOKEN_LIFETIME(days=MAX_TOKEN_LIFETIME.days)
    if act.actor.by_token:
        raise TOKEN_MAKES_NO_TOKEN()
    await lock_employee(act.db, act.actor.employee_id)
    await _require_valid_sign_in(act.db, act.actor)
    if await _count_tokens(act) >= MAX_TOKENS:
        raise TOO_MANY_TOKENS(most=MAX_TOKENS)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = SignIn(
        token_sha256=hash_token(token),
        employee_id=act.actor.employee_id,
        token_name=name,
        address=act.actor.address,
        created_at=act.now,
        expires_at=expires_at,
    )
    act.db.add(row)
    await act.db.flush()
    told = {"id": row.id, "name": name, "expires_at": expires_at.isoformat()}
    await _write(act, "accounts.token_created", told)
    until = f"{expires_at:%Y-%m-%d %H:%M} UTC"
    await _notify_new_token(act, name, until)
    return token, row


async def _notify_new_token(act: Act, name: str, until: str) -> None:
    """Send the employee a letter about the new token, if they have an e-mail address.

    Refuse ``too_many_attempts`` when the mailbox has got too many letters.
    """
    employee = await act.db.get_one(Employee, act.actor.employee_id)
    if not employee.email:
        return
    await notify_employee(act, employee, "token_created", token=name, until=until)
    counters = letter_counters(employee.email, employee.partner_id)
    await attempts.count(act, counters, act.actor.address, field="name")


async def _require_valid_sign_in(db: AsyncSession, actor: Actor) -> None:
    """Refuse if the sign-in that makes the request has been revoked.

    The caller must have locked the employee, so that no token is created after a revocation of
    everything.
    """
    asking = select(SignIn.id).where(SignIn.id == actor.sign_in_id, SignIn.revoked_at.is_(None))
    if await db.scalar(asking) is None:
        raise NOT_SIGNED_IN()


async def _count_tokens(act: Act) -> int:
    valid = select(func.count()).where(
        SignIn.employee_id == act.actor.employee_id,
        SignIn.token_name.is_not(None),
        SignIn.revoked_at.is_(None),
        SignIn.expires_at > act.now,
    )
    return (await act.db.scalars(valid)).one()


async def _write(
    act: Act, what: str, after: State | None = None, before: State | None = None
) -> None:
    objects = [f"employee:{act.actor.employee_id}"]
    await audit.write(act, what, objects, before=before, after=after)
