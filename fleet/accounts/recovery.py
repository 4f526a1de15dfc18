"""A forgotten password: a stranger asks, and the worker answers whoever reads the mailbox.

The request writes one row whatever the address is, so that neither the answer nor its time tells
whether we know it.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from fleet.accounts import attempts
from fleet.accounts.links import LetterContext, invite
from fleet.accounts.models import Employee, LinkKind, Recovery
from fleet.accounts.rules import (
    MAX_EMPLOYEES_PER_EMAIL,
    MAX_PARTNER_EMPLOYEES_PER_EMAIL,
    recovery_counters,
)
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.dialect import select_for_update
from fleet.kit.language import Language


async def request_links(
    db: AsyncSession, email: str, address: str, language: Language, now: datetime
) -> None:
    """Note that links are asked for; refuses ``too_many_attempts``."""
    await attempts.count(db, recovery_counters(email, address), address, now, field="email")
    db.add(Recovery(email=email, address=address, language=language, asked_at=now))


async def answer_requests(
    db: AsyncSession, links_begin_with: str, now: datetime, limit: int
) -> int:
    """Write the letters that were asked for; how many requests that were."""
    oldest = select(Recovery).order_by(Recovery.id).limit(limit)
    asked = (await db.scalars(select_for_update(db, oldest, wait=False))).all()
    # One order for all workers, as readers are held until the commit.
    for recovery in sorted(asked, key=lambda one: one.email):
        post = LetterContext(recovery.language, links_begin_with)
        for employee in await _lock_mailbox_owners(db, recovery.email):
            await invite(db, employee, LinkKind.RECOVERY, post, now)
            await _write_letters(db, employee, recovery, now)
    await db.execute(delete(Recovery).where(Recovery.id.in_([one.id for one in asked])))
    return len(asked)


async def _lock_mailbox_owners(db: AsyncSession, email: str) -> Sequence[Employee]:
    """Active employees with this address, some of each partner, held: of one partner those first
    who have chosen a password, of all the firsts of each.  Whoever adds employees with somebody's
    address does not come before them; who is just losing the address or the account, which ends
    their links, gets none after that."""
    of_partner = (
        func.row_number()
        .over(
            partition_by=Employee.partner_id,
            order_by=(Employee.password_hash == "", Employee.id),
        )
        .label("place")
    )
    reads = (Employee.email == email, Employee.active)
    placed = select(Employee.id, of_partner).where(*reads).subquery()
    readers = (
        select(Employee)
        .join(placed, placed.c.id == Employee.id)
        .where(placed.c.place <= MAX_PARTNER_EMPLOYEES_PER_EMAIL, *reads)
        .options(joinedload(Employee.partner))
        .order_by(placed.c.place, Employee.id)
        .limit(MAX_EMPLOYEES_PER_EMAIL)
    )
    return (await db.scalars(select_for_update(db, readers, wait=True, of=Employee))).all()


async def _write_letters(
    db: AsyncSession, employee: Employee, recovery: Recovery, now: datetime
) -> None:
    await audit.write(
        Act(db, None, now),
        "accounts.recovery_asked",
        [f"employee:{employee.id}"],
        after={"asked_from": recovery.address},
        partner_id=employee.partner_id,
    )
