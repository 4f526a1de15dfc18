"""Keyset paging: each page begins after the last item of the page before it.

A list has a ``Keyset``, which makes the SQL statement of a page; ``page_of`` makes the page of the
rows found.  Every page costs the same, and rows that are added or deleted between two pages
neither repeat nor hide others.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, literal, tuple_

from fleet.kit.errors import ErrorKind, Refusal
from fleet.kit.input import Input

MAX_PAGE = 500
MAX_CURSOR_LENGTH = 2400
"""A cursor may hold a text of 256 characters of up to six bytes each in JSON, then in base64."""

BAD_CURSOR = Refusal(
    ErrorKind.INVALID,
    "bad_cursor",
    field="after",
    ru="Неверная метка страницы «after». Возьмите её из поля «next» предыдущей страницы того же "
    "списка с теми же фильтрами или начните с первой страницы.",
    en="The page mark 'after' is wrong. Take it from 'next' of the previous page of the same "
    "list with the same filters, or start from the first page.",
)

Row = TypeVar("Row")
Item = TypeVar("Item")
Position = TypeVar("Position", bound=Input)
Chosen = TypeVar("Chosen", bound=Select[*tuple[Any, ...]])

Filters = Mapping[str, Callable[[Any], ColumnElement[bool]]]
"""A field's name in the query -> a function from its value to the SQL condition."""


class PageQuery(Input):
    """The query of a list; ``after`` is ``next`` of the page before, None for the first page."""

    limit: int = Field(default=50, ge=1, le=MAX_PAGE, description="Items on a page.")
    after: str | None = Field(
        default=None,
        max_length=MAX_CURSOR_LENGTH,
        json_schema_extra={"pattern": "^[A-Za-z0-9_-]*$"},
        description="Page mark: `next` of the page before.",
    )


class Page(BaseModel, Generic[Item]):
    """One page of a list; ``next`` is None on the last page."""

    items: list[Item]
    next: str | None


def to_cursor(position: Input) -> str:
    """Return an opaque cursor that holds the position of the last item shown."""
    return base64.urlsafe_b64encode(position.model_dump_json().encode()).decode().rstrip("=")


def read_cursor(model: type[Position], cursor: str) -> Position:
    """Return the position inside a cursor; raise ``BAD_CURSOR`` for any other text.

    A cursor is not signed: it only says where to continue and grants no access to anything.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return model.model_validate_json(text)
    except ValueError as error:
        raise BAD_CURSOR() from error


@dataclass(frozen=True, slots=True)
class Keyset(Generic[Position]):
    """The order of a list, and the cursor that says where a page of it ends.

    ``columns`` maps a field of the cursor to the column whose value it holds, in the order of the
    list; together the columns are unique.  ``down`` reverses the order.
    """

    cursor: type[Position]
    columns: Mapping[str, Any]
    down: bool = False

    def page(self, statement: Chosen, query: PageQuery) -> Chosen:
        """Return the statement of the requested page, with one row more to know of a next page."""
        order = [column.desc() if self.down else column for column in self.columns.values()]
        return statement.where(*self.beyond(query)).order_by(*order).limit(query.limit + 1)

    def beyond(self, query: PageQuery) -> list[ColumnElement[bool]]:
        """Return the condition of the rows after the cursor; an empty list without a cursor.

        Raise ``BAD_CURSOR`` for a cursor of another list, or of another ``sort`` of this list.
        """
        if not query.after:
            return []
        last = read_cursor(self.cursor, query.after)
        if getattr(last, "sort", None) != getattr(query, "sort", None):
            raise BAD_CURSOR()
        values = [getattr(last, name) for name in self.columns]
        return [beyond(list(self.columns.values()), values, self.down)]


def beyond(columns: Sequence[Any], values: Sequence[Any], down: bool) -> ColumnElement[bool]:
    """Return the condition of the rows whose ``columns`` come after ``values`` in the order."""
    last = [literal(value, column.type) for column, value in zip(columns, values, strict=True)]
    place: ColumnElement[Any] = columns[0] if len(last) == 1 else tuple_(*columns)
    end: ColumnElement[Any] = last[0] if len(last) == 1 else tuple_(*last)
    return place < end if down else place > end


def page_of(
    found: Sequence[Row],
    limit: int,
    show: Callable[[Row], Item],
    position: Callable[[Row], Input],
) -> Page[Item]:
    """Return a page of the rows that ``Keyset.page`` found; an extra row means a next page."""
    shown = found[:limit]
    more = len(found) > limit
    return Page(
        items=[show(row) for row in shown], next=to_cursor(position(shown[-1])) if more else None
    )


def conditions(filters: Filters, query: Input) -> list[ColumnElement[bool]]:
    """Return the conditions of the filters that have a value in the query."""
    given = ((name, getattr(query, name)) for name in filters)
    return [filters[name](value) for name, value in given if value is not None]
