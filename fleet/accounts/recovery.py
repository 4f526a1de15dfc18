"""Recovery of a forgotten password: anybody requests links, the worker sends them to the mailbox.

The request writes one row for any address, so that neither the answer nor its duration reveals
whether the address is known.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from fleet.accounts import attempts
from fleet.accounts.links import invite
from fleet.accounts.models import Employee, LinkKind, Recovery
from fleet.accounts.rules import (
    MAX_EMPLOYEES_PER_EMAIL,
    MAX_PARTNER_EMPLOYEES_PER_EMAIL,
    recovery_counters,
)
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.dialect import select_for_update


async def request_links(act: Act, email: str, address: str) -> None:
    """Store a request for links; refuse ``too_many_attempts``."""
    await attempts.count(act, recovery_counters(email, address), address, field="email")
    act.db.add(Recovery(email=email, address=address, language=act.language, asked_at=act.now))


async def answer_requests(act: Act, limit: int) -> int:
    """Write the requested letters of at most ``limit`` requests; return how many requests."""
    oldest = select(Recovery).order_by(Recovery.id).limit(limit)
    asked = (await act.db.scalars(select_for_update(act.db, oldest, wait=False))).all()
    # All workers use one order, because the employees stay locked until the commit.
    for recovery in sorted(asked, key=lambda one: one.email):
        written = replace(act, language=recovery.language)
        for employee in await _lock_mailbox_owners(act.db, recovery.email):
            await invite(written, employee, LinkKind.RECOVERY)
            await _write_letters(act, employee, recovery)
    await act.db.execute(delete(Recovery).where(Recovery.id.in_([one.id for one in asked])))
    return len(asked)


async def _lock_mailbox_owners(db: AsyncSession, email: str) -> Sequence[Employee]:
    """Return and lock the active employees with this address who get a letter.

    Each partner has at most ``MAX_PARTNER_EMPLOYEES_PER_EMAIL`` of them, those with a password
    first; all partners together have at most ``MAX_EMPLOYEES_PER_EMAIL``, the first of each partner
    first.  So a partner that adds employees with a stranger's address cannot displace the
    stranger's letters.  The lock waits for a change that removes the address or deactivates the
    employee (which ends their links), so that no link is sent after it.
    """
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


async def _write_letters(act: Act, employee: Employee, recovery: Recovery) -> None:
    await audit.write(
        act,
        "accounts.recovery_asked",
        [f"employee:{employee.id}"],
        after={"asked_from": recovery.address},
        partner_id=employee.partner_id,
    )
