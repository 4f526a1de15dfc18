"""Transfer of subscriptions to another partner."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts import attempts
from fleet.accounts.models import Employee, Partner
from fleet.accounts.roles import RIGHTS, Right
from fleet.accounts.rules import normalise_login
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.acts import Acts
from fleet.kit.errors import DomainError
from fleet.subscriptions import stock
from fleet.subscriptions.catalogue import Plan
from fleet.subscriptions.errors import (
    NONE_LEFT,
    PARTNER_NOT_FOUND,
    QUANTITY_OR_ALL,
    SAME_PARTNER,
    STOCK_TOO_SMALL,
)
from fleet.subscriptions.models import MovementReason, Transfer
from fleet.subscriptions.rules import pick_units
from fleet.subscriptions.service import find_plan

ASSIGNING_ROLES: Final = [role for role, rights in RIGHTS.items() if Right.SUBSCRIPTIONS in rights]
MAX_NEW_RECIPIENTS: Final = 30
"""Limit of new recipients that a partner may name per window, so that nobody can find out logins
or names of organisations by trying."""


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """A transfer as requested.

    ``to`` is the UUID of a partner or the login of one of its employees. ``quantity`` is None
    exactly when ``all`` of the plan's units are to be transferred.
    """

    plan: str
    to: str
    quantity: int | None
    all: bool


@dataclass(frozen=True, slots=True)
class TransferDraft:
    """A transfer that could be made now."""

    plan: Plan
    partner: Partner
    quantity: int
    available: int


async def find_partner(db: AsyncSession, text: str) -> Partner:
    """Return the partner with this UUID, or with an active employee of this login.

    The partner must have an active employee who may assign subscriptions; otherwise raise
    ``PARTNER_NOT_FOUND``.  The UUID has priority: anybody could choose a login that equals another
    partner's UUID.
    """
    name = normalise_login(text)
    by_login = select(Employee.partner_id).where(Employee.login == name, Employee.active)
    able = select(Employee.partner_id).where(Employee.active, Employee.role.in_(ASSIGNING_ROLES))
    for whose in (Partner.uuid == name, Partner.id.in_(by_login)):
        found: Partner | None = await db.scalar(select(Partner).where(whose, Partner.id.in_(able)))
        if found is not None:
            return found
    raise PARTNER_NOT_FOUND()


async def count_new_recipient(acts: Acts, to: str) -> None:
    """Count an attempt to name a recipient that is new to the partner or does not exist.

    Raise ``too_many_attempts`` above the limit, before the caller reveals anything.  The count is
    committed here, so it remains if the caller then raises an error.
    """
    async with acts.transaction() as act:
        if not await _received_before(act.db, act.actor, to):
            counter = (f"receivers:{act.actor.partner_id}", MAX_NEW_RECIPIENTS)
            await attempts.count(act, (counter,), act.actor.address, field="to")


async def _received_before(db: AsyncSession, actor: Actor, to: str) -> bool:
    try:
        found = await find_partner(db, to)
    except DomainError:
        return False
    ours = (Transfer.from_partner_id == actor.partner_id, Transfer.to_partner_id == found.id)
    return await db.scalar(select(Transfer.id).where(*ours).limit(1)) is not None


async def preview(db: AsyncSession, actor: Actor, request: TransferRequest) -> TransferDraft:
    """Return the transfer that could be made now; raise the errors of ``transfer``."""
    plan, partner = await _resolve(db, actor, request)
    available = (await stock.available(db, actor.partner_id)).get(plan.code, 0)
    return _draft(plan, partner, request, available)


async def transfer(act: Act, request: TransferRequest) -> Transfer:
    """Move subscriptions to another partner's stock.

    Each unit keeps the points it was bought with, since they were paid for: the partner that
    assigns it gets them.  Units with the fewest points are moved first.
    """
    plan, partner = await _resolve(act.db, act.actor, request)
    held = await stock.lock_stock(
        act.db, act.actor.partner_id, [plan.code], with_partner=partner.id
    )
    units = held.get(plan.code, {})
    draft = _draft(plan, partner, request, sum(units.values()))
    done = Transfer(
        from_partner_id=act.actor.partner_id,
        to_partner_id=partner.id,
        employee_id=act.actor.employee_id,
        plan=plan.code,
        quantity=draft.quantity,
        at=act.now,
    )
    act.db.add(done)
    await act.db.flush()
    moved = pick_units(units, draft.quantity, richest=False)
    gone = stock.MovementContext(
        MovementReason.TRANSFER_OUT, act.now, act.actor.employee_id, done.id
    )
    taken = {(plan.code, points): count for points, count in moved.items()}
    await stock.take_units(act.db, act.actor.partner_id, taken, gone)
    came = stock.MovementContext(MovementReason.TRANSFER_IN, act.now, None, done.id)
    await stock.add_units(act.db, partner.id, plan.code, moved, came)
    await _log(act, done)
    return done


async def _resolve(
    db: AsyncSession, actor: Actor, request: TransferRequest
) -> tuple[Plan, Partner]:
    if (request.quantity is None) != request.all:
        raise QUANTITY_OR_ALL()
    plan = find_plan(request.plan)
    partner = await find_partner(db, request.to)
    if partner.id == actor.partner_id:
        raise SAME_PARTNER()
    return plan, partner


def _draft(plan: Plan, partner: Partner, request: TransferRequest, available: int) -> TransferDraft:
    names = {"ru": plan.name_ru, "en": plan.name_en}
    quantity = available if request.quantity is None else request.quantity
    if quantity > available:
        raise STOCK_TOO_SMALL(**names, available=available)
    if quantity == 0:
        raise NONE_LEFT(**names)
    return TransferDraft(plan, partner, quantity, available)


async def _log(act: Act, done: Transfer) -> None:
    """Write the transfer to the audit log of both partners."""
    what, objects = "subscriptions.transferred", [f"transfer:{done.id}"]
    after = {"plan": done.plan, "quantity": done.quantity}
    await audit.write(act, what, objects, after={**after, "to": done.to_partner_id})
    received = {**after, "from": done.from_partner_id}
    partner = done.to_partner_id
    await audit.write(act.by(None), what, objects, after=received, partner_id=partner)
