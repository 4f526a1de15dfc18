"""The statement of a page, by the keys of its list."""

from enum import StrEnum

import pytest
from sqlalchemy import Integer, String, column, select
from sqlalchemy.dialects import postgresql

from fleet.kit.errors import DomainError
from fleet.kit.input import Input
from fleet.kit.paging import Keyset, PageQuery, to_cursor

NAME, NUMBER = column("name", String), column("number", Integer)


class ByName(Input):
    name: str
    number: int


class Sort(StrEnum):
    UP = "up"
    DOWN = "down"


class Sorted(PageQuery):
    sort: Sort = Sort.UP


class SortedMark(Input):
    sort: Sort
    number: int


def sql(keyset: Keyset[ByName], query: PageQuery) -> str:
    """The statement of a page of numbers, in one line."""
    statement = keyset.page(select(NUMBER), query)
    compiled = statement.compile(
        dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
    return " ".join(str(compiled).split())


def test_the_statement_of_a_page_asks_for_one_extra_row() -> None:
    keyset = Keyset(ByName, {"name": NAME, "number": NUMBER})
    assert sql(keyset, PageQuery(limit=2)) == "SELECT number ORDER BY name, number LIMIT 3"


def test_the_next_page_begins_after_the_cursor() -> None:
    query = PageQuery(limit=2, after=to_cursor(ByName(name="b", number=7)))
    both = {"name": NAME, "number": NUMBER}
    assert "WHERE (name, number) > ('b', 7) ORDER BY name, number" in sql(
        Keyset(ByName, both), query
    )
    assert "WHERE (name, number) < ('b', 7) ORDER BY name DESC, number DESC" in sql(
        Keyset(ByName, both, down=True), query
    )
    assert "WHERE number < 7 ORDER BY number DESC" in sql(
        Keyset(ByName, {"number": NUMBER}, down=True), query
    )


def test_a_cursor_of_another_sort_is_refused() -> None:
    keyset = Keyset(SortedMark, {"number": NUMBER})
    mark = to_cursor(SortedMark(sort=Sort.UP, number=1))
    assert len(keyset.beyond(Sorted(after=mark))) == 1
    with pytest.raises(DomainError, match="bad_cursor"):
        keyset.beyond(Sorted(after=mark, sort=Sort.DOWN))
