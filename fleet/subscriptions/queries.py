"""Queries of subscriptions: the catalogue with the stock, and the histories.

Histories belong to the partner.  Orders, transfers, the stock and its movements name no register:
an employee with the right to see them sees all of the organisation's.  An employee limited to some
registers sees only the assignments to those; only administrators see who assigned a subscription
and thus got its points.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from fleet.accounts.models import Partner
from fleet.accounts.roles import Right
from fleet.billing.models import Payment
from fleet.billing.rules import PaymentStatus
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.input import MAX_INTEGER, Input, Moment, SerialText
from fleet.kit.language import Language
from fleet.kit.paging import (
    Filters,
    Keyset,
    Page,
    PageQuery,
    conditions,
    page_of,
)
from fleet.kit.validation import describe_pattern
from fleet.registers.models import CashRegister
from fleet.registers.queries import registers_visible_to
from fleet.subscriptions import stock
from fleet.subscriptions.catalogue import CATALOGUE, Plan, PlanKind
from fleet.subscriptions.entitlements import LABELS, Entitlement
from fleet.subscriptions.errors import ORDER_NOT_FOUND
from fleet.subscriptions.models import (
    Assignment,
    MovementReason,
    StockMovement,
    SubscriptionOrder,
    Transfer,
)
from protocol.platforms import Platform

_CODES = "|".join(Entitlement)
SERVICES_PATTERN = describe_pattern(
    f"^({_CODES})(,({_CODES}))*$",
    f"нужны коды услуг через запятую без пробелов: {', '.join(Entitlement)}.",
    f"must be service codes separated by commas without spaces: {', '.join(Entitlement)}.",
)


class PlanFilter(Input):
    """Conditions of the catalogue; all given ones must hold."""

    services: str | None = Field(
        default=None,
        pattern=SERVICES_PATTERN,
        description="Codes separated by commas: the plans that bring all of these services.",
    )
    kind: PlanKind | None = None
    available: bool | None = Field(default=None, description="True: only those in the stock.")


class OrderKey(Input):
    """Key of an order."""

    id: int = Field(ge=1, lt=MAX_INTEGER)


class HistoryFilter(PageQuery):
    """Conditions that all histories share."""

    plan: str | None = Field(default=None, max_length=32)
    since: Moment | None = Field(default=None, alias="from", description="Not earlier than this.")
    until: Moment | None = Field(default=None, alias="to", description="Earlier than this.")


class OrderFilter(HistoryFilter):
    """Conditions of the history of purchases."""

    status: PaymentStatus | None = None


class AssignmentFilter(HistoryFilter):
    """Conditions of the history of assignments."""

    serial_number: SerialText | None = None


class Direction(StrEnum):
    SENT = "sent"
    RECEIVED = "received"


class TransferFilter(HistoryFilter):
    """Conditions of the history of transfers."""

    direction: Direction | None = None


class MovementFilter(HistoryFilter):
    """Conditions of the history of the stock."""

    reason: MovementReason | None = None


class ServiceView(BaseModel):
    """A service, with its name in the language of the request."""

    code: Entitlement
    name: str


class PlanView(BaseModel):
    """A subscription that can be bought, and the number available to assign."""

    code: str
    name: str
    kind: PlanKind
    services: list[ServiceView]
    price_kopecks: int = Field(description="Of one.")
    bonus_points: int = Field(description="For one that is bought, when it is assigned.")
    term_days: int | None = Field(description="From assignment; null: without end.")
    platforms: list[Platform] = Field(description="Empty: any.")
    models: list[int] = Field(description="ATOL's model codes; empty: any.")
    sold: bool
    available: int = Field(description="In the partner's stock.")


class Catalogue(BaseModel):
    """Plans on sale, and plans no longer on sale of which the partner still has some."""

    items: list[PlanView]


class OrderRow(BaseModel):
    """A purchase."""

    id: int
    plan: str
    plan_name: str
    quantity: int
    price_kopecks: int = Field(description="Of one, at the moment of the order.")
    amount_kopecks: int
    bonus_points: int = Field(
        description="That the order brings as it is assigned, without what was taken back."
    )
    status: PaymentStatus
    payment_id: str
    created_at: datetime
    paid_at: datetime | None
    refunded_kopecks: int = Field(description="What the payment provider has given back.")
    taken_back: int = Field(description="How many left the stock again because of that.")
    not_taken_back: int = Field(
        description="Refunded in full, but assigned or transferred before: they stay there."
    )
    employee_id: int


class AssignmentRow(BaseModel):
    """A subscription that was assigned to a register."""

    id: int
    serial_number: str
    plan: str
    plan_name: str
    starts_at: datetime
    ends_at: datetime | None
    bonus_points: int
    at: datetime
    employee_id: int | None = Field(description="Who assigned it; for administrators.")


class TransferRow(BaseModel):
    """A transfer of subscriptions to or from another partner."""

    id: int
    direction: Direction
    partner_name: str = Field(description="At the other end.")
    partner_uuid: str
    plan: str
    plan_name: str
    quantity: int
    at: datetime
    employee_id: int | None = Field(description="Of the partner that gave; null for the other.")


class MovementRow(BaseModel):
    """A change of the stock."""

    id: int
    plan: str
    plan_name: str
    change: int
    bonus_points: int = Field(description="That one of these brings when it is assigned.")
    reason: MovementReason
    reference: int | None = Field(description="The order or the transfer behind it.")
    at: datetime
    employee_id: int | None = Field(description="Whose doing it was; for administrators.")


def plan_name(code: str, language: Language) -> str:
    """Return the name of the plan, its code if the catalogue has it no longer."""
    plan = CATALOGUE.get(code)
    return plan.name(language) if plan else code


def service_view(code: Entitlement, language: Language) -> ServiceView:
    label = LABELS[code]
    return ServiceView(code=code, name=label.ru if language is Language.RU else label.en)


async def catalogue(act: Act, query: PlanFilter) -> Catalogue:
    """Return the plans in the order of the catalogue, with the number available of each."""
    available = await stock.available(act.db, act.actor.partner_id)
    wanted = set(query.services.split(",")) if query.services else set()
    views = [
        plan_view(plan, available.get(plan.code, 0), act.language)
        for plan in CATALOGUE.values()
        if wanted <= set(plan.services) and query.kind in (None, plan.kind)
    ]
    shown = [view for view in views if view.sold or view.available]
    if query.available is not None:
        shown = [view for view in shown if bool(view.available) is query.available]
    return Catalogue(items=shown)


async def remaining(db: AsyncSession, actor: Actor, codes: Sequence[str]) -> dict[str, int]:
    """Return how many of each of these plans the partner can still assign."""
    available = await stock.available(db, actor.partner_id)
    return {code: available.get(code, 0) for code in codes}


def plan_view(plan: Plan, available: int, language: Language) -> PlanView:
    return PlanView(
        code=plan.code,
        name=plan.name(language),
        kind=plan.kind,
        services=[service_view(code, language) for code in plan.services],
        price_kopecks=plan.price_kopecks,
        bonus_points=plan.bonus_points,
        term_days=plan.term.days if plan.term else None,
        platforms=list(plan.platforms),
        models=list(plan.models),
        sold=plan.sold,
        available=available,
    )


ORDER_FILTERS: Filters = {
    "plan": lambda code: SubscriptionOrder.plan == code,
    "since": lambda moment: SubscriptionOrder.created_at >= moment,
    "until": lambda moment: SubscriptionOrder.created_at < moment,
    "status": lambda status: Payment.status == status,
}


def _orders(actor: Actor) -> Select[SubscriptionOrder, PaymentStatus, int]:
    both = select(SubscriptionOrder, Payment.status, Payment.refunded_kopecks)
    paid_by = both.join(Payment, Payment.id == SubscriptionOrder.payment_id)
    return paid_by.where(SubscriptionOrder.partner_id == actor.partner_id)


async def orders(act: Act, query: OrderFilter) -> Page[OrderRow]:
    """Return a page of the partner's purchases, newest first."""
    statement = _orders(act.actor).where(*conditions(ORDER_FILTERS, query))
    found = (await act.db.execute(_newest_page(statement, SubscriptionOrder.id, query))).all()
    rows = [order_row(order, status, back, act.language) for order, status, back in found]
    return page_of(rows, query.limit, lambda row: row, lambda row: OrderKey(id=row.id))


async def one_order(act: Act, order_id: int) -> OrderRow:
    """Return a purchase of the partner; raise ``ORDER_NOT_FOUND``."""
    found = (
        await act.db.execute(_orders(act.actor).where(SubscriptionOrder.id == order_id))
    ).one_or_none()
    if found is None:
        raise ORDER_NOT_FOUND(id=order_id)
    return order_row(*found, act.language)


def order_row(
    order: SubscriptionOrder, status: PaymentStatus, refunded_kopecks: int, language: Language
) -> OrderRow:
    return OrderRow(
        id=order.id,
        plan=order.plan,
        plan_name=plan_name(order.plan, language),
        quantity=order.quantity,
        price_kopecks=order.price_kopecks,
        amount_kopecks=order.quantity * order.price_kopecks,
        bonus_points=(order.quantity - order.taken_back) * order.bonus_points,
        status=status,
        payment_id=order.payment_id,
        created_at=order.created_at,
        paid_at=order.paid_at,
        refunded_kopecks=refunded_kopecks,
        taken_back=order.taken_back,
        not_taken_back=refunded_kopecks // order.price_kopecks - order.taken_back,
        employee_id=order.employee_id,
    )


ASSIGNMENT_FILTERS: Filters = {
    "plan": lambda code: Assignment.plan == code,
    "since": lambda moment: Assignment.at >= moment,
    "until": lambda moment: Assignment.at < moment,
    "serial_number": lambda serial: Assignment.serial_number == serial,
}


async def assignments(act: Act, query: AssignmentFilter) -> Page[AssignmentRow]:
    """Return a page of the partner's assignments, newest first.

    Registers that have left the partner are included.
    """
    mine = select(Assignment).where(
        Assignment.partner_id == act.actor.partner_id,
        *within_scope(act.actor, Assignment.serial_number),
        *conditions(ASSIGNMENT_FILTERS, query),
    )
    found = (await act.db.scalars(_newest_page(mine, Assignment.id, query))).all()
    return page_of(
        found,
        query.limit,
        lambda row: AssignmentRow(**_shown(row, AssignmentRow, act.actor, act.language)),
        lambda row: OrderKey(id=row.id),
    )


def within_scope(actor: Actor, serial_number: Any) -> list[ColumnElement[bool]]:
    """Return conditions that limit rows to the registers of a limited employee's scope."""
    if not actor.limited:
        return []
    return [
        serial_number.in_(select(CashRegister.serial_number).where(registers_visible_to(actor)))
    ]


TRANSFER_FILTERS: Filters = {
    "plan": lambda code: Transfer.plan == code,
    "since": lambda moment: Transfer.at >= moment,
    "until": lambda moment: Transfer.at < moment,
}


async def transfers(act: Act, query: TransferFilter) -> Page[TransferRow]:
    """Return a page of the transfers from and to the partner, newest first."""
    mine = {
        Direction.SENT: Transfer.from_partner_id == act.actor.partner_id,
        Direction.RECEIVED: Transfer.to_partner_id == act.actor.partner_id,
    }
    giver, taker = aliased(Partner), aliased(Partner)
    statement = (
        select(Transfer, giver, taker)
        .join(giver, giver.id == Transfer.from_partner_id)
        .join(taker, taker.id == Transfer.to_partner_id)
        .where(mine[query.direction] if query.direction else or_(*mine.values()))
        .where(*conditions(TRANSFER_FILTERS, query))
    )
    found = (await act.db.execute(_newest_page(statement, Transfer.id, query))).all()
    rows = [transfer_row(done, start, end, act.actor, act.language) for done, start, end in found]
    return page_of(rows, query.limit, lambda row: row, lambda row: OrderKey(id=row.id))


def transfer_row(
    transfer: Transfer, giver: Partner, taker: Partner, actor: Actor, language: Language
) -> TransferRow:
    sent = giver.id == actor.partner_id
    other = taker if sent else giver
    return TransferRow(
        id=transfer.id,
        direction=Direction.SENT if sent else Direction.RECEIVED,
        partner_name=other.name,
        partner_uuid=other.uuid,
        plan=transfer.plan,
        plan_name=plan_name(transfer.plan, language),
        quantity=transfer.quantity,
        at=transfer.at,
        employee_id=transfer.employee_id if sent else None,
    )


MOVEMENT_FILTERS: Filters = {
    "plan": lambda code: StockMovement.plan == code,
    "since": lambda moment: StockMovement.at >= moment,
    "until": lambda moment: StockMovement.at < moment,
    "reason": lambda reason: StockMovement.reason == reason,
}


async def movements(act: Act, query: MovementFilter) -> Page[MovementRow]:
    """Return a page of the changes of the partner's stock, newest first."""
    mine = select(StockMovement).where(
        StockMovement.partner_id == act.actor.partner_id, *conditions(MOVEMENT_FILTERS, query)
    )
    found = (await act.db.scalars(_newest_page(mine, StockMovement.id, query))).all()
    return page_of(
        found,
        query.limit,
        lambda row: MovementRow(**_shown(row, MovementRow, act.actor, act.language)),
        lambda row: OrderKey(id=row.id),
    )


def _newest_page(statement: Any, key: Any, query: PageQuery) -> Any:
    """Return the statement of a page, newest first, of a history with ascending ids."""
    return Keyset(OrderKey, {"id": key}, down=True).page(statement, query)


def _shown(row: Any, model: type[BaseModel], actor: Actor, language: Language) -> dict[str, Any]:
    named = {
        "plan_name": plan_name(row.plan, language),
        "employee_id": row.employee_id if Right.ORGANISATION in actor.rights else None,
    }
    return {name: getattr(row, name) for name in model.model_fields if name not in named} | named
