"""The list of a partner's registers: orders, pages, the number of registers.

Every order has an indexed column in ``registers``; the latest states are read only for the rows of
a page.

Theory of operation.  A page is the first ``limit`` rows after the page mark, in an order, that pass
the filter.  The planner of PostgreSQL cannot know how a filter and an order correlate: it may walk
the order's index although all matching rows are at its other end.  So ``_found`` first tries two
kinds of statements with bounded cost.  ``value`` is the sorted column, ``mark`` the position of the
page mark.

1. Near: walk the next ``depth`` rows of the order and test each.  It finds common matches::

    SELECT * FROM (SELECT serial_number, value, <filter> AS fits FROM registers
                   WHERE partner_id = :p AND hidden = :h AND (value, serial_number) > :mark
                   ORDER BY value, serial_number LIMIT :depth) AS walked
    WHERE fits ORDER BY value, serial_number LIMIT :limit + 1

   ``depth`` is first ``NEAR_DEPTH``, then ``FAR_DEPTH`` if the first walk found some matches but no
   full page.

2. Rare: collect the matches by the index of the filter and sort them.  It finds rare matches::

    WITH some AS (SELECT serial_number, value FROM registers
                  WHERE <filter> AND (value, serial_number) > :mark LIMIT MAX_RARE_MATCHES + 1)
    SELECT some.*, (SELECT count(*) FROM some) AS met FROM some
    ORDER BY value, serial_number LIMIT :limit + 1

   It is complete only if ``met`` is at most ``MAX_RARE_MATCHES``.

3. Plain: the filter, the order and the limit in one statement, and the planner decides.  It remains
   for matches that are neither common nearby nor rare.

Each statement selects keys; ``_load_rows`` joins them with the registers and their latest states.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter
from sqlalchemy import ColumnElement, Row, Select, and_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.input import Input, Moment, SerialText
from fleet.kit.paging import BAD_CURSOR, Page, PageQuery, beyond, page_of, read_cursor
from fleet.registers.columns import ListedRow, TelemetryColumn, told
from fleet.registers.filters import Model, RegisterConditions, Several, selected_by
from fleet.registers.models import CashRegister
from fleet.registers.queries import to_row
from fleet.telemetry.models import RegisterState

MAX_COUNTED = 10_000
"""Count above which nobody needs the exact number: counting would cost more than the page."""
NEAR_DEPTH = 1_500
"""Rows walked before an index of the filter is used; one match in thirty rows fills a page."""
FAR_DEPTH = 20_000
"""Rows walked if the first walk found ``MIN_NEAR_MATCHES``."""
MIN_NEAR_MATCHES = 5
"""Matches in the first walk that promise a full page not much further."""
MAX_RARE_MATCHES = 10_000
"""Rare matches that can be collected and sorted within some milliseconds."""


@dataclass(frozen=True, slots=True)
class SortColumn:
    """Column that the list is sorted by, before the serial number; ``read`` parses page marks."""

    column: ColumnElement[Any]
    read: Callable[[Any], Any] = str


SORTS: Mapping[str, SortColumn] = {
    "serial_number": SortColumn(
        CashRegister.serial_number.expression, TypeAdapter[str](SerialText).validate_python
    ),
    "model": SortColumn(CashRegister.model.expression, TypeAdapter[int](Model).validate_python),
    "firmware_version": SortColumn(CashRegister.firmware_version.expression),
    "ffd_version": SortColumn(CashRegister.ffd_version.expression),
    "owner_name": SortColumn(CashRegister.owner_name.expression),
    "owner_inn": SortColumn(CashRegister.owner_inn.expression),
    "address": SortColumn(CashRegister.shown_address.expression),
    "seen_at": SortColumn(
        CashRegister.silent_since.expression, TypeAdapter[datetime](Moment).validate_python
    ),
}
RegisterSortKey = StrEnum(  # type: ignore[misc]
    "SortKey", {mark + name: mark + name for name in SORTS for mark in ("", "-")}
)


class RegisterFilter(RegisterConditions, PageQuery):
    """Conditions, order and position of a page of the list."""

    sort: RegisterSortKey = Field(
        default=RegisterSortKey("serial_number"),
        description="A minus turns the order round. By `seen_at`, the registers that are online "
        "stand together, in the order of their numbers.",
    )
    telemetry: Several[TelemetryColumn] | None = Field(
        default=None, description="Fields of the telemetry that each row brings too."
    )


class RegisterCount(BaseModel):
    """Number of registers that match the conditions."""

    total: int = Field(description=f"At most {MAX_COUNTED}.")
    exact: bool = Field(description="False: there are more than `total`.")


class RegisterCursor(Input):
    sort: RegisterSortKey
    value: str = Field(max_length=256)
    serial_number: SerialText


async def page(act: Act, query: RegisterFilter) -> Page[ListedRow]:
    """Return a page of the partner's registers."""
    name = query.sort.removeprefix("-")
    sort, down = SORTS[name], name != query.sort
    found = await _found(act.db, act.actor, query, ListOrder(query, sort, down))
    shown = page_of(
        found,
        query.limit,
        lambda row: _listed(row, query.telemetry or (), act.now),
        lambda row: _cursor_of(row[0], query.sort, sort),
    )
    if query.status:
        # A job updates the filter's column with a delay; the state of the row is newer.
        shown.items = [row for row in shown.items if row.status in query.status]
    return shown


def _listed(row: Row[*tuple[Any, ...]], names: tuple[str, ...], now: datetime) -> ListedRow:
    register, seen_at, _, *reading = row
    values = told(names, *reading) if names else {}
    return ListedRow(**dict(to_row(register, seen_at, now)), telemetry=values)


@dataclass(frozen=True, slots=True)
class ListOrder:
    """Order of the list, and the position of the page in it."""

    query: RegisterFilter
    sort: SortColumn
    down: bool

    def order_columns(self, value: Any, serial: Any) -> list[Any]:
        """Return the order for a statement in which the two key columns have these names."""
        return [each.desc() if self.down else each.asc() for each in (value, serial)]

    def keys(self, *more: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
        """Return a query of serial numbers with the value that they are sorted by."""
        return select(CashRegister.serial_number, self.sort.column.label("value"), *more)

    def after_cursor(self) -> list[ColumnElement[bool]]:
        return _after_cursor(self.query, self.sort, self.down)

    def first(
        self, statement: Select[*tuple[Any, ...]], keys: Any, limit: int
    ) -> Select[*tuple[Any, ...]]:
        """Return the first ``limit`` rows of a statement by its key columns ``keys``."""
        return statement.order_by(*self.order_columns(*keys)).limit(limit)


async def _found(
    db: AsyncSession, actor: Actor, query: RegisterFilter, order: ListOrder
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the rows of a page and one more, in order, by one of the three ways (see above)."""
    wanted = [*await selected_by(db, actor, query), *order.after_cursor()]
    for depth in (NEAR_DEPTH, FAR_DEPTH):
        near = await _load_rows(db, order, _near_matches(actor, wanted, order, depth))
        if len(near) > query.limit:
            return near
        if len(near) < MIN_NEAR_MATCHES:
            break
    rare = await _load_rows(db, order, _rare_matches(wanted, order))
    if not rare or rare[0].met <= MAX_RARE_MATCHES:
        return rare
    keys = (order.sort.column, CashRegister.serial_number)
    plain = order.keys(literal(0).label("met")).where(*wanted)
    return await _load_rows(db, order, order.first(plain, keys, query.limit + 1))


def _near_matches(
    actor: Actor, wanted: list[ColumnElement[bool]], order: ListOrder, depth: int
) -> Select[*tuple[Any, ...]]:
    """Return the query of matches among the next ``depth`` registers of the list (near)."""
    own = CashRegister.partner_id == actor.partner_id
    listed = order.keys(and_(*wanted).label("fits"), literal(0).label("met"))
    listed = listed.where(own, CashRegister.hidden.is_(order.query.hidden), *order.after_cursor())
    keys = (order.sort.column, CashRegister.serial_number)
    walked = order.first(listed, keys, depth).subquery()
    fit = select(walked).where(walked.c.fits)
    return order.first(fit, (walked.c.value, walked.c.serial_number), order.query.limit + 1)


def _rare_matches(wanted: list[ColumnElement[bool]], order: ListOrder) -> Select[*tuple[Any, ...]]:
    """Return the query of the first of at most ``MAX_RARE_MATCHES`` matches (rare).

    ``met`` in its rows is greater if there are more matches.
    """
    some = order.keys().where(*wanted).limit(MAX_RARE_MATCHES + 1).cte("some")
    met = select(func.count()).select_from(some).scalar_subquery().label("met")
    return order.first(
        select(some, met), (some.c.value, some.c.serial_number), order.query.limit + 1
    )


async def _load_rows(
    db: AsyncSession, order: ListOrder, chosen: Select[*tuple[Any, ...]]
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the registers with the chosen keys, in order, with their latest check-ins."""
    keys = chosen.subquery()
    reading = (RegisterState.block_version, RegisterState.block) if order.query.telemetry else ()
    shown = (
        select(CashRegister, RegisterState.seen_at, keys.c.met, *reading)
        .join(keys, CashRegister.serial_number == keys.c.serial_number)
        .outerjoin(RegisterState, RegisterState.serial_number == CashRegister.serial_number)
        .order_by(*order.order_columns(keys.c.value, keys.c.serial_number))
    )
    return (await db.execute(shown)).all()


async def count(db: AsyncSession, actor: Actor, query: RegisterConditions) -> RegisterCount:
    """Return the number of matching registers, counted up to ``MAX_COUNTED``."""
    some = (
        select(literal(1))
        .select_from(CashRegister)
        .where(*await selected_by(db, actor, query))
        .limit(MAX_COUNTED + 1)
        .subquery()
    )
    found = await db.scalar(select(func.count()).select_from(some)) or 0
    return RegisterCount(total=min(found, MAX_COUNTED), exact=found <= MAX_COUNTED)


def _cursor_of(register: CashRegister, key: RegisterSortKey, sort: SortColumn) -> RegisterCursor:
    value = getattr(register, str(sort.column.key))
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return RegisterCursor(sort=key, value=text, serial_number=register.serial_number)


def _after_cursor(query: RegisterFilter, sort: SortColumn, down: bool) -> list[ColumnElement[bool]]:
    """Return the condition of rows after the page mark.

    Raise ``BAD_CURSOR`` for another order's.
    """
    if query.after is None:
        return []
    mark = read_cursor(RegisterCursor, query.after)
    if mark.sort is not query.sort:
        raise BAD_CURSOR()
    try:
        value = sort.read(mark.value)
    except ValueError as error:
        raise BAD_CURSOR() from error
    keys = (sort.column, CashRegister.serial_number)
    return [beyond(keys, (value, mark.serial_number), down)]
