"""Links by which a password is set: invitations, resets and recovery.

The token is only in the letter, which the outbox keeps until it is sent.  In the link it comes
after ``#``: browsers do not send that part to a server, so it appears in no log of a proxy.
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
"""The path of the page where a person sets a password."""

log = structlog.get_logger(__name__)


async def invite(act: Act, employee: Employee, kind: LinkKind) -> None:
    """Send a link to an employee, whose partner must be loaded.

    It activates an account without a password; for any other account it is of this ``kind``.
    Earlier links stay valid until one is used or the caller invalidates them: anybody may request
    a link, and must not be able to end another one so.
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
    """End every link of an employee and withdraw the unsent letters that contain one.

    The caller must have locked the employee.
    """
    await act.db.execute(
        update(PasswordLink)
        .where(PasswordLink.employee_id == employee_id, PasswordLink.spent_at.is_(None))
        .values(spent_at=act.now)
    )
    await withdraw_letters(act, employee_reference(employee_id))


async def find_valid_link(act: Act, token: str) -> PasswordLink:
    """Return the link of a token with its employee; refuse an unknown, used or expired one."""
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
    """Set the password by a link; end all links, sign-ins and API tokens of the employee.

    Refuse what ``find_valid_link`` refuses, and a password of a wrong length.  The function commits
    by itself: no transaction stays open during hashing, so the link is checked before and used
    after it.
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
        # Failed attempts with the previous password must not count against the new one.
        await attempts.reset(act.db, login_counters(link.employee.login, address))
        await _audit_use(act, link, address)
        if link.kind is not LinkKind.INVITATION:
            await notify_employee(act, link.employee, "password_changed")
    log.info("password_set", employee_id=link.employee_id, kind=link.kind)


async def _use_link(act: Act, link: PasswordLink) -> None:
    """Mark the link as used and end all others; refuse ``link_spent`` if it is used already.

    The UPDATE of the row decides between two simultaneous uses, and between a use and the
    deactivation of the employee.
    """
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
    """Write the audit entry in the employee's name: the holder of a link counts as the employee."""
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
    """Send an employee a letter about a change of the account, if they have an e-mail address."""
    if employee.email:
        params = {"name": employee.full_name, "login": employee.login, **more}
        await send(
            act,
            to=employee.email,
            template=template,
            params=params,
            about=employee_reference(employee.id),
        )
