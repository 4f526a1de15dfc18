"""Queries of the subscriptions of registers, and of the registers that may use a service.

A subscription belongs to its register, so the list has the registers that the actor may see now,
whoever assigned the subscription.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, func, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.act import Act
from fleet.kit.inn import Inn
from fleet.kit.input import Input, Moment, SerialText
from fleet.kit.language import Language
from fleet.kit.paging import (
    Filters,
    Keyset,
    Page,
    PageQuery,
    conditions,
    page_of,
)
from fleet.registers.errors import REGISTER_NOT_FOUND
from fleet.registers.models import CashRegister
from fleet.registers.queries import find_own, registers_visible_to
from fleet.subscriptions.catalogue import CATALOGUE, PlanKind, plans_with
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.models import Grant, Subscription
from fleet.subscriptions.queries import ServiceView, plan_name, service_view

ENDLESS = datetime(2099, 12, 31, tzinfo=UTC)
"""Moment that sorts a subscription without end after all others."""


class SubscriptionSort(StrEnum):
    SERIAL_NUMBER = "serial_number"
    ENDS_AT = "ends_at"
    """Next to end first, without end last."""


class SubscriptionFilter(PageQuery):
    """Conditions of the list; all given ones must hold."""

    serial_number: SerialText | None = None
    client: Inn | None = Field(default=None, description="INN of the registers' owner.")
    plan: str | None = Field(default=None, max_length=32)
    service: Entitlement | None = None
    active: bool | None = Field(default=None, description="True: have not ended; false: have.")
    ends_within_days: int | None = Field(
        default=None, ge=0, le=3660, description="Only active ones that end so soon."
    )
    sort: SubscriptionSort = SubscriptionSort.SERIAL_NUMBER


class SubscriptionCursor(Input):
    sort: SubscriptionSort
    ends_at: Moment
    serial_number: SerialText
    plan: str = Field(max_length=32)


class SubscriptionRow(BaseModel):
    """A plan that a register has or had."""

    serial_number: str
    plan: str
    plan_name: str
    kind: PlanKind | None = Field(description="Null: the plan is in the catalogue no more.")
    services: list[ServiceView]
    started_at: datetime = Field(description="Since when it has the plan without a break.")
    ends_at: datetime | None = Field(description="Null: without end.")
    active: bool
    owner_inn: str
    owner_name: str


class RegisterService(ServiceView):
    """A service that a register may use."""

    ends_at: datetime | None = Field(description="Null: without end.")
    by_contract: bool = Field(description="The partner may use it with all registers.")


class RegisterHoldings(BaseModel):
    """Subscriptions of a register, ended ones included, and the services that it may use today."""

    subscriptions: list[SubscriptionRow]
    services: list[RegisterService]


FILTERS: Filters = {
    "serial_number": lambda serial: Subscription.serial_number == serial,
    "client": lambda inn: CashRegister.owner_inn == inn,
    "plan": lambda code: Subscription.plan == code,
    "service": lambda service: Subscription.plan.in_([plan.code for plan in plans_with(service)]),
}

_END = func.coalesce(Subscription.ends_at, literal(ENDLESS, Subscription.ends_at.type))
_BY_REGISTER: Final = {"serial_number": Subscription.serial_number, "plan": Subscription.plan}
_ORDERS: Final = {
    SubscriptionSort.SERIAL_NUMBER: Keyset(SubscriptionCursor, _BY_REGISTER),
    SubscriptionSort.ENDS_AT: Keyset(SubscriptionCursor, {"ends_at": _END, **_BY_REGISTER}),
}


async def page(act: Act, query: SubscriptionFilter) -> Page[SubscriptionRow]:
    """Return a page of the subscriptions of the registers that the actor may see."""
    statement = (
        select(Subscription, CashRegister.owner_inn, CashRegister.owner_name)
        .join(CashRegister, CashRegister.serial_number == Subscription.serial_number)
        .where(
            registers_visible_to(act.actor),
            *conditions(FILTERS, query),
            *_expiry_conditions(query, act.now),
        )
    )
    found = await act.db.execute(_ORDERS[query.sort].page(statement, query))
    rows = [_row(*each, act.language, act.now) for each in found]
    return page_of(rows, query.limit, lambda row: row, lambda row: _cursor_of(query.sort, row))


def _expiry_conditions(query: SubscriptionFilter, now: datetime) -> list[ColumnElement[bool]]:
    running = or_(Subscription.ends_at.is_(None), Subscription.ends_at > now)
    wanted: list[ColumnElement[bool]] = []
    if query.active is not None:
        wanted.append(running if query.active else Subscription.ends_at <= now)
    if query.ends_within_days is not None:
        edge = now + timedelta(days=query.ends_within_days)
        # A subscription that still runs was never marked as ended; this condition allows the use of
        # the partial index of ends.
        unmarked = Subscription.expired_at.is_(None)
        wanted += [Subscription.ends_at > now, Subscription.ends_at <= edge, unmarked]
    return wanted


def _cursor_of(sort: SubscriptionSort, row: SubscriptionRow) -> SubscriptionCursor:
    ends_at = row.ends_at or ENDLESS
    return SubscriptionCursor(
        sort=sort, ends_at=ends_at, serial_number=row.serial_number, plan=row.plan
    )


def _row(
    held: Subscription, owner_inn: str, owner_name: str, language: Language, now: datetime
) -> SubscriptionRow:
    plan = CATALOGUE.get(held.plan)
    return SubscriptionRow(
        serial_number=held.serial_number,
        plan=held.plan,
        plan_name=plan_name(held.plan, language),
        kind=plan.kind if plan else None,
        services=[service_view(code, language) for code in plan.services] if plan else [],
        started_at=held.started_at,
        ends_at=held.ends_at,
        active=held.ends_at is None or held.ends_at > now,
        owner_inn=owner_inn,
        owner_name=owner_name,
    )


async def of_register(act: Act, serial_number: str) -> RegisterHoldings:
    """Return the subscriptions and services of a register; raise ``REGISTER_NOT_FOUND``."""
    register = (await find_own(act.db, act.actor, [serial_number])).get(serial_number)
    if register is None:
        raise REGISTER_NOT_FOUND()
    mine = select(Subscription).where(Subscription.serial_number == serial_number)
    owner = (register.owner_inn, register.owner_name)
    found = await act.db.scalars(mine.order_by(Subscription.plan))
    rows = [_row(held, *owner, act.language, act.now) for held in found]
    granted = select(Grant.entitlement).where(Grant.partner_id == act.actor.partner_id)
    return RegisterHoldings(
        subscriptions=rows,
        services=_services(rows, set(await act.db.scalars(granted)), act.language),
    )


async def service_ends(
    db: AsyncSession, serial_numbers: Collection[str], entitlement: Entitlement
) -> dict[str, datetime | None]:
    """Return when the service ends for each register that has or had it; ``None`` = never."""
    plans = [plan.code for plan in plans_with(entitlement)]
    subscribed = (
        select(Subscription.serial_number, func.max(_END))
        .where(Subscription.serial_number.in_(serial_numbers), Subscription.plan.in_(plans))
        .group_by(Subscription.serial_number)
    )
    by_contract = (
        select(CashRegister.serial_number, literal(ENDLESS, Subscription.ends_at.type))
        .join(Grant, Grant.partner_id == CashRegister.partner_id)
        .where(CashRegister.serial_number.in_(serial_numbers), Grant.entitlement == entitlement)
    )
    found: dict[str, datetime] = {}
    for serial, end in await db.execute(union_all(subscribed, by_contract)):
        found[serial] = max(end, found.get(serial, end))
    return {serial: None if end == ENDLESS else end for serial, end in found.items()}


async def entitled_registers(
    db: AsyncSession, serial_numbers: Collection[str], entitlement: Entitlement, now: datetime
) -> set[str]:
    """Return those of the registers that may use the service now.

    A register may by a subscription that has not ended, or by its partner's contract.
    """
    ends = await service_ends(db, serial_numbers, entitlement)
    return {serial for serial, end in ends.items() if end is None or end > now}


def _services(
    rows: Sequence[SubscriptionRow], granted: set[Entitlement], language: Language
) -> list[RegisterService]:
    """Return each service that can be used today, with its latest end."""
    found = []
    for code in Entitlement:
        ends = [
            row.ends_at or ENDLESS
            for row in rows
            if row.active and code in (service.code for service in row.services)
        ]
        if ends or code in granted:
            last = ENDLESS if code in granted else max(ends)
            found.append(
                RegisterService(
                    **service_view(code, language).model_dump(),
                    ends_at=None if last == ENDLESS else last,
                    by_contract=code in granted,
                )
            )
    return found
