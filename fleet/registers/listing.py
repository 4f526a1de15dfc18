"""The list of a partner's registers: filters, orders, pages, how many there are.

Everything that the list is filtered or sorted by stands in ``registers``, each with an index:
the latest states are written by every check-in and are read for the rows of a page only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession

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
from fleet.registers.rules import CALLING, LEAST_SEARCH, NEVER_SEEN, Presence
from fleet.telemetry.models import RegisterState
from fleet.telemetry.rules import BY_NAME as CONDITIONS
from protocol.platforms import Platform

ConditionName = StrEnum("ConditionName", {name: name for name in CONDITIONS})  # type: ignore[misc]

MAX_VALUES = 50
"""Values of one filter."""
MAX_COUNTED = 10_000
"""Above this nobody needs the exact number, and counting would cost more than the page."""
NEAR = 1_500
"""Registers that are looked through in the order of the list before an index is asked for the
filter: what one in thirty has fills a page from them."""
FAR = 30_000
"""So many are looked through when the near ones promise that these will do."""
PROMISING = 5
"""Of the near ones, when so many fit, the page lies not much further on."""
RARE = 10_000
"""So many registers that fit are gathered and sorted within some milliseconds."""
WHOLE_NUMBERS: Mapping[int, tuple[Any, ...]] = {
    10: (CashRegister.owner_inn,),
    12: (CashRegister.owner_inn,),
    14: (CashRegister.serial_number,),
    16: (CashRegister.fiscal_drive_number, CashRegister.registration_number),
}
"""How many digits a number has -> what it may be, each with an index."""
NUMERIC = "0123456789\n"
"""What the search text begins with, before the names (``rules.searched``)."""

Value = TypeVar("Value")


def _split(given: object) -> object:
    return tuple(given.split(",")) if isinstance(given, str) else given


def _of_items(schema: dict[str, Any]) -> None:
    """Beyond a validator pydantic takes the bounds for those of a text."""
    schema["minItems"], schema["maxItems"] = schema.pop("minLength"), schema.pop("maxLength")


Several = Annotated[
    tuple[Value, ...],
    BeforeValidator(_split),
    # Stands after the splitting, so that a wrong value is not also told as a missing one.
    Field(min_length=1, max_length=MAX_VALUES, json_schema_extra=_of_items),
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
        "or name, or of the address; a whole number that some register has finds no others.",
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


def _named(text: str | None) -> list[ColumnElement[bool]]:
    """What a text that begins with no digit also means: it stands after the numbers.

    An index of the names' own trigrams knows these words; by those of the numbers every other
    register looks like «д. 77».  Cutting the numbers off costs too much to do it for each row.
    """
    if text is None or text[0] in NUMERIC:
        return []
    names = func.ltrim(CashRegister.search_text, literal_column(f"'{NUMERIC}'"))
    return [names.contains(text.lower(), autoescape=True)]


def _present(statuses: tuple[Presence, ...]) -> ColumnElement[bool]:
    since = CashRegister.silent_since
    spans = {
        Presence.NEVER: since == NEVER_SEEN,
        Presence.OFFLINE: (since > NEVER_SEEN) & (since < CALLING),
        Presence.ONLINE: since == CALLING,
    }
    return or_(*(spans[status] for status in sorted(set(statuses))))


FILTERS: Filters = {
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
"""All but ``q`` and ``condition``, which ask the database first (``chosen_by``)."""


async def chosen_by(
    db: AsyncSession, actor: Actor, query: RegisterConditions
) -> list[ColumnElement[bool]]:
    """What must hold for the registers that the actor asks for; for statements that follow in
    the same transaction."""
    await plan_with_values(db)
    found = [belongs_to(actor), *conditions(FILTERS, query)]
    if query.q is not None:
        found.append(await _searched(db, actor, query.q, query.hidden))
    if query.condition is not None:
        wanted = sum(1 << CONDITIONS[name].bit for name in set(query.condition))
        masks = await _masks(db, actor.partner_id, query.hidden)
        found.append(CashRegister.condition_mask.in_([mask for mask in masks if mask & wanted]))
    return found


async def _searched(db: AsyncSession, actor: Actor, text: str, hidden: bool) -> ColumnElement[bool]:
    """What a search means: registers with this number, if there are any, else with this text."""
    for column in WHOLE_NUMBERS.get(len(text), ()) if text.isdecimal() and text.isascii() else ():
        whole: ColumnElement[bool] = column == text
        among = exists().where(belongs_to(actor), CashRegister.hidden.is_(hidden), whole)
        if await db.scalar(select(among)):
            return whole
    return CashRegister.search_text.contains(text.lower(), autoescape=True)


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
    found = await _found(db, actor, query, Order(query, sort, down))
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


@dataclass(frozen=True, slots=True)
class Order:
    """Where a page stands in the list."""

    query: RegisterFilter
    sort: Sort
    down: bool

    def by(self, value: Any, serial: Any) -> list[Any]:
        """The order, in the words of a statement that calls the two columns so."""
        return [each.desc() if self.down else each.asc() for each in (value, serial)]

    def keys(self, *more: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
        """The numbers of registers, each with the value that it is sorted by."""
        return select(CashRegister.serial_number, self.sort.column.label("value"), *more)

    def beyond(self) -> list[ColumnElement[bool]]:
        return _beyond(self.query, self.sort, self.down)

    def first(
        self, statement: Select[*tuple[Any, ...]], keys: Any, limit: int
    ) -> Select[*tuple[Any, ...]]:
        """Of registers whose ``keys`` the statement calls so, the first of the list."""
        return statement.order_by(*self.by(*keys)).limit(limit)


async def _found(
    db: AsyncSession, actor: Actor, query: RegisterFilter, order: Order
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The registers of a page and one more, in their order, with their latest calls.

    PostgreSQL cannot know how a filter and an order go together: all that it asks for may stand
    at the list's other end.  So what is common is taken from the next of the list, and what is
    rare is gathered by its index and sorted; only what is neither is left to its guess.
    """
    wanted = [*await chosen_by(db, actor, query), *order.beyond()]
    for depth in (NEAR, FAR):
        near = await _shown(db, order, _among_next(actor, wanted, order, depth))
        if len(near) > query.limit:
            return near
        if len(near) < PROMISING:
            break
    rare = await _shown(db, order, _among_rare(wanted, order))
    if not rare or rare[0].met <= RARE:
        return rare
    keys = (order.sort.column, CashRegister.serial_number)
    plain = order.keys(literal(0).label("met")).where(*wanted)
    return await _shown(db, order, order.first(plain, keys, query.limit + 1))


def _among_next(
    actor: Actor, wanted: list[ColumnElement[bool]], order: Order, depth: int
) -> Select[*tuple[Any, ...]]:
    """Those of the page that are among the next ``depth`` of the list."""
    own = CashRegister.partner_id == actor.partner_id
    listed = order.keys(and_(*wanted).label("fits"), literal(0).label("met"))
    listed = listed.where(own, CashRegister.hidden.is_(order.query.hidden), *order.beyond())
    keys = (order.sort.column, CashRegister.serial_number)
    walked = order.first(listed, keys, depth).subquery()
    fit = select(walked).where(walked.c.fits)
    return order.first(fit, (walked.c.value, walked.c.serial_number), order.query.limit + 1)


def _among_rare(wanted: list[ColumnElement[bool]], order: Order) -> Select[*tuple[Any, ...]]:
    """Those of the page among at most ``RARE`` that fit; ``met`` tells if there are more."""
    some = order.keys().where(*wanted, *_named(order.query.q)).limit(RARE + 1).cte("some")
    met = select(func.count()).select_from(some).scalar_subquery().label("met")
    return order.first(
        select(some, met), (some.c.value, some.c.serial_number), order.query.limit + 1
    )


async def _shown(
    db: AsyncSession, order: Order, chosen: Select[*tuple[Any, ...]]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The registers whose keys were chosen, with their latest calls."""
    keys = chosen.subquery()
    shown = (
        select(CashRegister, RegisterState.seen_at, keys.c.met)
        .join(keys, CashRegister.serial_number == keys.c.serial_number)
        .outerjoin(RegisterState, RegisterState.serial_number == CashRegister.serial_number)
        .order_by(*order.by(keys.c.value, keys.c.serial_number))
    )
    return (await db.execute(shown)).all()


async def count(db: AsyncSession, actor: Actor, query: RegisterConditions) -> RegisterCount:
    """How many registers fit, counted up to ``MAX_COUNTED``."""
    some = (
        select(literal(1))
        .select_from(CashRegister)
        .where(*await chosen_by(db, actor, query), *_named(query.q))
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
