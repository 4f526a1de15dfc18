"""The list of a partner's registers: filters, orders, pages, how many there are.

Everything that the list is filtered or sorted by stands in ``registers``, each with an index:
the latest states are written by every check-in and are read for the rows of a page only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter
from sqlalchemy import ColumnElement, Select, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from fleet.kit.actor import Actor
from fleet.kit.dialect import plan_with_values
from fleet.kit.input import MAX_INTEGER, Input, Moment, SerialText
from fleet.kit.paging import (
    BAD_CURSOR,
    Filters,
    Page,
    PageQuery,
    conditions,
    from_cursor,
    page_of,
)
from fleet.registers.models import CashRegister
from fleet.registers.queries import RegisterRow, belongs_to, to_row
from fleet.registers.rules import CALLING, LEAST_SEARCH, NEVER_SEEN, Presence, is_serial_number
from fleet.telemetry.models import RegisterState
from fleet.telemetry.rules import BY_NAME as CONDITIONS
from protocol.platforms import Platform

ConditionName = StrEnum("ConditionName", {name: name for name in CONDITIONS})  # type: ignore[misc]

MAX_VALUES = 50
"""Values of one filter."""
MAX_COUNTED = 10_000
"""Above this nobody needs the exact number, and counting would cost more than the page."""

Value = TypeVar("Value")


def _split(given: object) -> object:
    return tuple(given.split(",")) if isinstance(given, str) else given


Several = Annotated[
    tuple[Value, ...], BeforeValidator(_split), Field(min_length=1, max_length=MAX_VALUES)
]
"""One value or several with commas between them: any of them fits."""
Model = Annotated[int, Field(ge=0, le=999)]
GroupId = Annotated[int, Field(ge=1, lt=MAX_INTEGER)]
Version = Annotated[str, Field(max_length=32)]
TypedInn = Annotated[str, Field(pattern=r"^[0-9]{10,12}$")]


class RegisterConditions(Input):
    """Conditions of the list; all given ones must hold."""

    q: str | None = Field(
        default=None,
        min_length=LEAST_SEARCH,
        max_length=64,
        description="Part of the serial, registration or fiscal drive number, of the owner's INN "
        "or name, or of the address.",
    )
    status: Several[Presence] | None = Field(
        default=None,
        description="Online = called within the last 30 minutes. A register that has just come "
        "or gone may be missing for a minute.",
    )
    condition: Several[ConditionName] | None = Field(
        default=None, description="Broken according to the latest telemetry."
    )
    group_id: Several[GroupId] | None = None
    grouped: bool | None = Field(default=None, description="False: those that are in no group.")
    owner_inn: Several[TypedInn] | None = Field(default=None, description="The client.")
    platform: Several[Platform] | None = None
    model: Several[Model] | None = Field(default=None, description="ATOL's model code.")
    firmware_version: Several[Version] | None = None
    ffd_version: Several[Version] | None = None
    fiscalised: bool | None = None
    hidden: bool = Field(default=False, description="True: the hidden ones instead of the others.")
    blocked: bool | None = None


@dataclass(frozen=True, slots=True)
class Sort:
    """What the list is sorted by before the serial number, and how a page mark holds it."""

    column: ColumnElement[Any]
    read: Callable[[Any], Any] = str


SORTS: Mapping[str, Sort] = {
    "serial_number": Sort(
        CashRegister.serial_number.expression, TypeAdapter[str](SerialText).validate_python
    ),
    "model": Sort(CashRegister.model.expression, TypeAdapter[int](Model).validate_python),
    "firmware_version": Sort(CashRegister.firmware_version.expression),
    "ffd_version": Sort(CashRegister.ffd_version.expression),
    "owner_name": Sort(CashRegister.owner_name.expression),
    "owner_inn": Sort(CashRegister.owner_inn.expression),
    "address": Sort(CashRegister.shown_address.expression),
    "seen_at": Sort(
        CashRegister.silent_since.expression, TypeAdapter[datetime](Moment).validate_python
    ),
}
SortKey = StrEnum(  # type: ignore[misc]
    "SortKey", {mark + name: mark + name for name in SORTS for mark in ("", "-")}
)


class RegisterFilter(RegisterConditions, PageQuery):
    """A page of the list."""

    sort: SortKey = Field(
        default=SortKey("serial_number"),
        description="A minus turns the order round. By `seen_at`, the registers that are online "
        "stand together, in the order of their numbers.",
    )


class RegisterCount(BaseModel):
    """How many registers fit the conditions."""

    total: int = Field(description=f"At most {MAX_COUNTED}.")
    exact: bool = Field(description="False: there are more than `total`.")


class RegisterCursor(Input):
    sort: SortKey
    value: str = Field(max_length=256)
    serial_number: SerialText


def _any_of(column: Any) -> Callable[[Any], ColumnElement[bool]]:
    """The condition that the column has the value, or one of the values."""
    return lambda found: column.in_(found if isinstance(found, tuple) else (found,))


def _is(flag: ColumnElement[bool]) -> Callable[[bool], ColumnElement[bool]]:
    """In the words of the partial indexes, which PostgreSQL does not recognise in others."""
    return lambda yes: flag if yes else ~flag


def _search(text: str) -> ColumnElement[bool]:
    # A whole serial number is nothing but that, and there is no quicker way to a register.
    if is_serial_number(text):
        return CashRegister.serial_number == text
    return CashRegister.search_text.contains(text.lower(), autoescape=True)


def _present(statuses: tuple[Presence, ...]) -> ColumnElement[bool]:
    since = CashRegister.silent_since
    spans = {
        Presence.NEVER: since == NEVER_SEEN,
        Presence.OFFLINE: (since > NEVER_SEEN) & (since < CALLING),
        Presence.ONLINE: since == CALLING,
    }
    return or_(*(spans[status] for status in sorted(set(statuses))))


FILTERS: Filters = {
    "q": _search,
    "status": _present,
    "group_id": _any_of(CashRegister.group_id),
    "grouped": lambda yes: (
        CashRegister.group_id.is_not(None) if yes else CashRegister.group_id.is_(None)
    ),
    "owner_inn": _any_of(CashRegister.owner_inn),
    "platform": _any_of(CashRegister.platform),
    "model": _any_of(CashRegister.model),
    "firmware_version": _any_of(CashRegister.firmware_version),
    "ffd_version": _any_of(CashRegister.ffd_version),
    "fiscalised": _is(CashRegister.fiscalised.expression),
    "hidden": lambda yes: CashRegister.hidden.is_(yes),
    "blocked": _is(CashRegister.blocked.expression),
}
"""All but ``condition``, which asks the database first (``chosen_by``)."""


async def chosen_by(
    db: AsyncSession, actor: Actor, query: RegisterConditions
) -> list[ColumnElement[bool]]:
    """What must hold for the registers that the actor asks for; for statements that follow in
    the same transaction."""
    await plan_with_values(db)
    found = [belongs_to(actor), *conditions(FILTERS, query)]
    if query.condition is not None:
        wanted = sum(1 << CONDITIONS[name].bit for name in set(query.condition))
        masks = await _masks(db, actor.partner_id, query.hidden)
        found.append(CashRegister.condition_mask.in_([mask for mask in masks if mask & wanted]))
    return found


async def _masks(db: AsyncSession, partner_id: int, hidden: bool) -> list[int]:
    """The masks of broken conditions that there are: some dozens at most.

    Each is found by a step along the index.  Of a list of those that exist PostgreSQL knows how
    many rows it has; of an expression with the bits, or of a list of all possible masks, it
    does not, and reads everything for what is rare.
    """
    mask = CashRegister.condition_mask
    own = (CashRegister.partner_id == partner_id) & CashRegister.hidden.is_(hidden)
    first = select(func.min(mask).label("mask")).where(own, mask > 0)
    walk = first.cte("walk", recursive=True)
    beyond = select(func.min(mask)).where(own, mask > walk.c.mask).scalar_subquery()
    walk = walk.union_all(select(beyond).where(walk.c.mask.is_not(None)))
    return list(await db.scalars(select(walk.c.mask).where(walk.c.mask.is_not(None))))


async def page(
    db: AsyncSession, actor: Actor, query: RegisterFilter, now: datetime
) -> Page[RegisterRow]:
    """One page of the partner's registers."""
    name = query.sort.removeprefix("-")
    sort, down = SORTS[name], name != query.sort
    wanted = await chosen_by(db, actor, query)
    found = (await db.execute(_page_statement(wanted, query, sort, down))).all()
    shown = page_of(
        found,
        query.limit,
        lambda row: to_row(row[0], row[1], now),
        lambda row: _mark(row[0], query.sort, sort),
    )
    if query.status:
        # The column that the filter asks follows a register by a job; the row knows better.
        shown.items = [row for row in shown.items if row.status in query.status]
    return shown


def _page_statement(
    wanted: list[ColumnElement[bool]], query: RegisterFilter, sort: Sort, down: bool
) -> Select[CashRegister, datetime]:
    """The registers of the page, chosen by ``registers`` alone, then their latest calls."""

    def ordered(*columns: Any) -> list[Any]:
        return [column.desc() if down else column.asc() for column in columns]

    chosen = (
        select(CashRegister)
        .where(*wanted, *_beyond(query, sort, down))
        .order_by(*ordered(sort.column, CashRegister.serial_number))
        .limit(query.limit + 1)
        .subquery()
    )
    shown = aliased(CashRegister, chosen)
    same = RegisterState.serial_number == shown.serial_number
    return (
        select(shown, RegisterState.seen_at)
        .outerjoin(RegisterState, same)
        .order_by(*ordered(chosen.c[str(sort.column.key)], shown.serial_number))
    )


async def count(db: AsyncSession, actor: Actor, query: RegisterConditions) -> RegisterCount:
    """How many registers fit, counted up to ``MAX_COUNTED``."""
    some = (
        select(literal(1))
        .select_from(CashRegister)
        .where(*await chosen_by(db, actor, query))
        .limit(MAX_COUNTED + 1)
        .subquery()
    )
    found = await db.scalar(select(func.count()).select_from(some)) or 0
    return RegisterCount(total=min(found, MAX_COUNTED), exact=found <= MAX_COUNTED)


def _mark(register: CashRegister, key: SortKey, sort: Sort) -> RegisterCursor:
    value = getattr(register, str(sort.column.key))
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return RegisterCursor(sort=key, value=text, serial_number=register.serial_number)


def _beyond(query: RegisterFilter, sort: Sort, down: bool) -> list[ColumnElement[bool]]:
    """What comes after the page mark, which must be of the same order."""
    if query.after is None:
        return []
    mark = from_cursor(RegisterCursor, query.after)
    if mark.sort is not query.sort:
        raise BAD_CURSOR()
    try:
        value = sort.read(mark.value)
    except ValueError as error:
        raise BAD_CURSOR() from error
    serial = CashRegister.serial_number
    last = tuple_(literal(value, sort.column.type), literal(mark.serial_number, serial.type))
    keys = tuple_(sort.column, serial)
    return [keys < last if down else keys > last]
