"""Links by which a password is set: the invitation of a new employee, and recovery.

The token is in the letter, which the outbox holds until it has left, and nowhere else.  In the
link it stands after ``#``, which browsers send to no server, so that it reaches no log of a proxy.
"""

import secrets

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from fleet.accounts import attempts
from fleet.accounts.errors import LINK_EXPIRED, LINK_UNKNOWN, LINK_USED
from fleet.accounts.models import Employee, LinkKind, PasswordLink
from fleet.accounts.passwords import hash_password
from fleet.accounts.rules import (
    INVITATION_LIFETIME,
    RECOVERY_LIFETIME,
    RESET_LIFETIME,
    TOKEN_BYTES,
    check_password,
    employee_reference,
    hash_token,
    login_counters,
)
from fleet.accounts.service import lock_employee, revoke_sign_ins, to_actor
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.acts import Acts
from fleet.notifications.service import send, withdraw_letters

LIFETIMES = {
    LinkKind.INVITATION: INVITATION_LIFETIME,
    LinkKind.RECOVERY: RECOVERY_LIFETIME,
    LinkKind.RESET: RESET_LIFETIME,
}
LETTERS = {
    LinkKind.INVITATION: "invitation",
    LinkKind.RECOVERY: "password_link",
    LinkKind.RESET: "password_reset",
}
PATH = "/password"
"""Where on the server's public address a person sets a password."""

log = structlog.get_logger(__name__)


async def invite(act: Act, employee: Employee, kind: LinkKind) -> None:
    """Send an employee whose partner is loaded a link: to activate the account while it has no
    password, of this ``kind`` afterwards.

    The links before it work on, until one is used (or the caller spends them): anybody may ask
    for one, and must not end another so.
    """
    kind = kind if employee.password_hash else LinkKind.INVITATION
    expires_at = act.now + LIFETIMES[kind]
    token = secrets.token_urlsafe(TOKEN_BYTES)
    act.db.add(
        PasswordLink(
            token_sha256=hash_token(token),
            employee_id=employee.id,
            kind=kind,
            created_at=act.now,
            expires_at=expires_at,
        )
    )
    await send(
        act,
        to=employee.email,
        template=LETTERS[kind],
        params={
            "name": employee.full_name,
            "login": employee.login,
            "partner": employee.partner.name,
            "link": f"{act.config.links_begin_with}{PATH}#{token}",
        },
        about=employee_reference(employee.id),
        expires_at=expires_at,
    )


async def invalidate(act: Act, employee_id: int) -> None:
    """End every link of an employee who is held, and withdraw the letters that still hold one."""
    await act.db.execute(
        update(PasswordLink)
        .where(PasswordLink.employee_id == employee_id, PasswordLink.spent_at.is_(None))
        .values(spent_at=act.now)
    )
    await withdraw_letters(act, employee_reference(employee_id))


async def find_valid_link(act: Act, token: str) -> PasswordLink:
    """The link, with its employee, if it would work now; refuses with what is wrong with it."""
    link = await act.db.scalar(
        select(PasswordLink)
        .where(PasswordLink.token_sha256 == hash_token(token))
        .options(joinedload(PasswordLink.employee).joinedload(Employee.partner))
    )
    if link is None:
        raise LINK_UNKNOWN()
    if link.spent_at is not None or not link.employee.active:
        raise LINK_USED()
    if link.expires_at <= act.now:
        raise LINK_EXPIRED()
    return link


async def set_password(acts: Acts, token: str, password: str, address: str) -> None:
    """Set the password by a link, which spends all of them, and revoke everything signed in so far.

    Refuses as ``find_valid_link`` does, and a password of a wrong length.  It commits by itself:
    hashing holds no transaction, so the link is looked at before it and taken after it.
    """
    check_password(password)
    async with acts.read() as act:
        await find_valid_link(act, token)
    password_hash = await hash_password(password)
    async with acts.transaction() as act:
        link = await find_valid_link(act, token)
        await lock_employee(act.db, link.employee_id)
        await _use_link(act, link)
        link.employee.password_hash = password_hash
        await revoke_sign_ins(act, link.employee_id)
        # Failures with the password before say nothing of the new one.
        await attempts.reset(act.db, login_counters(link.employee.login, address))
        await _audit_use(act, link, address)
        if link.kind is not LinkKind.INVITATION:
            await notify_employee(act, link.employee, "password_changed")
    log.info("password_set", employee_id=link.employee_id, kind=link.kind)


async def _use_link(act: Act, link: PasswordLink) -> None:
    """Of two who use one link at once the second finds it spent, and so does who uses it while
    its employee is locked out: the row decides."""
    taken = await act.db.scalar(
        update(PasswordLink)
        .where(PasswordLink.token_sha256 == link.token_sha256, PasswordLink.spent_at.is_(None))
        .values(spent_at=act.now)
        .returning(PasswordLink.employee_id)
    )
    if taken is None:
        raise LINK_USED()
    await invalidate(act, link.employee_id)


async def _audit_use(act: Act, link: PasswordLink, address: str) -> None:
    """Who has the link of a letter is its employee, as far as anybody can tell."""
    what = "activated" if link.kind is LinkKind.INVITATION else "password_changed"
    who = to_actor(link.employee, 0, address)
    after = {"by": "link"}
    objects = [f"employee:{link.employee_id}"]
    await audit.write(act.by(who), f"accounts.{what}", objects, after=after)


async def notify_employee(
    act: Act,
    employee: Employee,
    template: str,
    **more: str,
) -> None:
    """A letter to an employee, who has an address or is not told, of what became of the account."""
    if employee.email:
        params = {"name": employee.full_name, "login": employee.login, **more}
        await send(
            act,
            to=employee.email,
            template=template,
            params=params,
            about=employee_reference(employee.id),
        )
