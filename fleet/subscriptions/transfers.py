"""Giving subscriptions to another partner."""

from dataclasses import dataclass
from datetime import datetime
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
from fleet.kit.clock import Clock
from fleet.kit.database import Database
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
"""How often per window a partner may name a receiver to whom it never gave anything: neither
logins nor the names of organisations are there to be tried one by one."""


@dataclass(frozen=True, slots=True)
class TransferRequest:
    """``to`` is the UUID of a partner or the login of one of its employees; ``quantity`` None with
    ``all``: whatever there is."""

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
    """The partner with this UUID, or whose active employee has this login; it must have someone
    who can assign what it gets.

    The UUID goes first: anybody may give an employee a login that looks like another's UUID.
    """
    name = normalise_login(text)
    by_login = select(Employee.partner_id).where(Employee.login == name, Employee.active)
    able = select(Employee.partner_id).where(Employee.active, Employee.role.in_(ASSIGNING_ROLES))
    for whose in (Partner.uuid == name, Partner.id.in_(by_login)):
        found: Partner | None = await db.scalar(select(Partner).where(whose, Partner.id.in_(able)))
        if found is not None:
            return found
    raise PARTNER_NOT_FOUND()


async def count_new_recipient(database: Database, clock: Clock, actor: Actor, to: str) -> None:
    """Count a receiver that is new to the partner, or is not there at all, before anything is
    said of it; refuses (``too_many_attempts``) when there were many.

    It commits by itself: a refusal that follows counts too.
    """
    async with database.transaction() as db:
        if not await _received_before(db, actor, to):
            counter = (f"receivers:{actor.partner_id}", MAX_NEW_RECIPIENTS)
            await attempts.count(db, (counter,), actor.address, clock(), field="to")


async def _received_before(db: AsyncSession, actor: Actor, to: str) -> bool:
    try:
        found = await find_partner(db, to)
    except DomainError:
        return False
    ours = (Transfer.from_partner_id == actor.partner_id, Transfer.to_partner_id == found.id)
    return await db.scalar(select(Transfer.id).where(*ours).limit(1)) is not None


async def preview(db: AsyncSession, actor: Actor, request: TransferRequest) -> TransferDraft:
    """What ``transfer`` would do now, for a person to look at; refuses what it would refuse."""
    plan, partner = await _resolve(db, actor, request)
    available = (await stock.available(db, actor.partner_id)).get(plan.code, 0)
    return _draft(plan, partner, request, available)


async def transfer(
    db: AsyncSession, actor: Actor, request: TransferRequest, now: datetime
) -> Transfer:
    """Move subscriptions to another partner's stock.

    Each unit keeps the points it was bought with: they are part of what was paid for, so who
    assigns it gets them, and no more are ever given than were bought.  The units with the fewest
    points go first.
    """
    plan, partner = await _resolve(db, actor, request)
    held = await stock.lock_stock(db, actor.partner_id, [plan.code], with_partner=partner.id)
    units = held.get(plan.code, {})
    draft = _draft(plan, partner, request, sum(units.values()))
    done = Transfer(
        from_partner_id=actor.partner_id,
        to_partner_id=partner.id,
        employee_id=actor.employee_id,
        plan=plan.code,
        quantity=draft.quantity,
        at=now,
    )
    db.add(done)
    await db.flush()
    moved = pick_units(units, draft.quantity, richest=False)
    gone = stock.MovementContext(MovementReason.TRANSFER_OUT, now, actor.employee_id, done.id)
    taken = {(plan.code, points): count for points, count in moved.items()}
    await stock.take_units(db, actor.partner_id, taken, gone)
    came = stock.MovementContext(MovementReason.TRANSFER_IN, now, None, done.id)
    await stock.add_units(db, partner.id, plan.code, moved, came)
    await _audit(db, actor, done, now)
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


async def _audit(db: AsyncSession, actor: Actor, done: Transfer, now: datetime) -> None:
    """Both partners find it in their logs."""
    what, objects = "subscriptions.transferred", [f"transfer:{done.id}"]
    after = {"plan": done.plan, "quantity": done.quantity}
    await audit.write(Act(db, actor, now), what, objects, after={**after, "to": done.to_partner_id})
    received = {**after, "from": done.from_partner_id}
    partner = done.to_partner_id
    await audit.write(Act(db, None, now), what, objects, after=received, partner_id=partner)
