"""Links by which a password is set: the invitation of a new employee, and recovery.

The token is in the letter, which the outbox holds until it has left, and nowhere else.  In the
link it stands after ``#``, which browsers send to no server, so that it reaches no log of a proxy.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
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
from fleet.kit.clock import Clock
from fleet.kit.database import Database
from fleet.kit.language import Language
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


@dataclass(frozen=True, slots=True)
class LetterContext:
    """How letters are written here: their language, and what links begin with."""

    language: Language
    links_begin_with: str


async def invite(
    db: AsyncSession,
    employee: Employee,
    kind: LinkKind,
    letter_context: LetterContext,
    now: datetime,
) -> None:
    """Send an employee whose partner is loaded a link: to activate the account while it has no
    password, of this ``kind`` afterwards.

    The links before it work on, until one is used (or the caller spends them): anybody may ask
    for one, and must not end another so.
    """
    kind = kind if employee.password_hash else LinkKind.INVITATION
    expires_at = now + LIFETIMES[kind]
    token = secrets.token_urlsafe(TOKEN_BYTES)
    db.add(
        PasswordLink(
            token_sha256=hash_token(token),
            employee_id=employee.id,
            kind=kind,
            created_at=now,
            expires_at=expires_at,
        )
    )
    await send(
        db,
        to=employee.email,
        template=LETTERS[kind],
        params={
            "name": employee.full_name,
            "login": employee.login,
            "partner": employee.partner.name,
            "link": f"{letter_context.links_begin_with}{PATH}#{token}",
        },
        language=letter_context.language,
        now=now,
        about=employee_reference(employee.id),
        expires_at=expires_at,
    )


async def invalidate(db: AsyncSession, employee_id: int, now: datetime) -> None:
    """End every link of an employee who is held, and withdraw the letters that still hold one."""
    await db.execute(
        update(PasswordLink)
        .where(PasswordLink.employee_id == employee_id, PasswordLink.spent_at.is_(None))
        .values(spent_at=now)
    )
    await withdraw_letters(db, employee_reference(employee_id), now)


async def find_valid_link(db: AsyncSession, token: str, now: datetime) -> PasswordLink:
    """The link, with its employee, if it would work now; refuses with what is wrong with it."""
    link = await db.scalar(
        select(PasswordLink)
        .where(PasswordLink.token_sha256 == hash_token(token))
        .options(joinedload(PasswordLink.employee).joinedload(Employee.partner))
    )
    if link is None:
        raise LINK_UNKNOWN()
    if link.spent_at is not None or not link.employee.active:
        raise LINK_USED()
    if link.expires_at <= now:
        raise LINK_EXPIRED()
    return link


async def set_password(
    database: Database, clock: Clock, token: str, password: str, address: str, language: Language
) -> None:
    """Set the password by a link, which spends all of them, and revoke everything signed in so far.

    Refuses as ``find_valid_link`` does, and a password of a wrong length.  It commits by itself:
    hashing holds no transaction, so the link is looked at before it and taken after it.
    """
    check_password(password)
    async with database.read() as db:
        await find_valid_link(db, token, clock())
    password_hash = await hash_password(password)
    now = clock()
    async with database.transaction() as db:
        link = await find_valid_link(db, token, now)
        await lock_employee(db, link.employee_id)
        await _use_link(db, link, now)
        link.employee.password_hash = password_hash
        await revoke_sign_ins(db, link.employee_id, now)
        # Failures with the password before say nothing of the new one.
        await attempts.reset(db, login_counters(link.employee.login, address))
        await _audit_use(db, link, address, now)
        if link.kind is not LinkKind.INVITATION:
            await notify_employee(db, link.employee, "password_changed", language, now)
    log.info("password_set", employee_id=link.employee_id, kind=link.kind)


async def _use_link(db: AsyncSession, link: PasswordLink, now: datetime) -> None:
    """Of two who use one link at once the second finds it spent, and so does who uses it while
    its employee is locked out: the row decides."""
    taken = await db.scalar(
        update(PasswordLink)
        .where(PasswordLink.token_sha256 == link.token_sha256, PasswordLink.spent_at.is_(None))
        .values(spent_at=now)
        .returning(PasswordLink.employee_id)
    )
    if taken is None:
        raise LINK_USED()
    await invalidate(db, link.employee_id, now)


async def _audit_use(db: AsyncSession, link: PasswordLink, address: str, now: datetime) -> None:
    """Who has the link of a letter is its employee, as far as anybody can tell."""
    what = "activated" if link.kind is LinkKind.INVITATION else "password_changed"
    who = to_actor(link.employee, 0, address)
    after = {"by": "link"}
    objects = [f"employee:{link.employee_id}"]
    await audit.write(Act(db, who, now), f"accounts.{what}", objects, after=after)


async def notify_employee(
    db: AsyncSession,
    employee: Employee,
    template: str,
    language: Language,
    now: datetime,
    **more: str,
) -> None:
    """A letter to an employee, who has an address or is not told, of what became of the account."""
    if employee.email:
        params = {"name": employee.full_name, "login": employee.login, **more}
        await send(
            db,
            to=employee.email,
            template=template,
            params=params,
            language=language,
            now=now,
            about=employee_reference(employee.id),
        )
