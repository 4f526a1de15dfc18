"""Reading the audit log, newest first."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit.models import AuditEntry
from fleet.kit.input import MAX_INTEGER, Input, Moment
from fleet.kit.paging import Filters, Page, PageQuery, conditions, page_of, read_cursor
from fleet.kit.search import SearchText, fold_case


class AuditFilter(PageQuery):
    """Conditions of the list; all given ones must hold."""

    q: SearchText | None = Field(
        default=None,
        description="Part of any text of an entry: login, address, object, before or after.",
    )
    object: str | None = Field(
        default=None, max_length=64, description="Kind and key, e.g. `register:00107703864827`."
    )
    what: str | None = Field(
        default=None, max_length=64, description="For example `registers.hidden`."
    )
    employee_id: int | None = Field(default=None, ge=1, le=2**31 - 1)
    since: Moment | None = Field(default=None, alias="from", description="Not earlier than this.")
    until: Moment | None = Field(default=None, alias="to", description="Earlier than this.")


class AuditRow(BaseModel):
    """One change of one object."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    employee_id: int | None
    login: str
    address: str
    what: str
    object: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditCursor(Input):
    at: Moment
    id: int = Field(ge=0, lt=MAX_INTEGER)


POSITION = tuple_(AuditEntry.at, AuditEntry.id)
"""In the list; entries of one change were written at one moment."""


def _before_cursor(mark: str) -> ColumnElement[bool]:
    last = read_cursor(AuditCursor, mark)
    at, key = literal(last.at, AuditEntry.at.type), literal(last.id, AuditEntry.id.type)
    return tuple_(at, key) > POSITION


FILTERS: Filters = {
    "q": lambda text: AuditEntry.search_text.contains(fold_case(text), autoescape=True),
    "object": lambda name: AuditEntry.object == name,
    "what": lambda what: AuditEntry.what == what,
    "employee_id": lambda key: AuditEntry.employee_id == key,
    "since": lambda moment: AuditEntry.at >= moment,
    "until": lambda moment: AuditEntry.at < moment,
    "after": _before_cursor,
}


async def page(db: AsyncSession, partner_id: int, query: AuditFilter) -> Page[AuditRow]:
    """One page of the partner's log."""
    statement = (
        select(AuditEntry)
        .where(AuditEntry.partner_id == partner_id, *conditions(FILTERS, query))
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(query.limit + 1)
    )
    found = (await db.scalars(statement)).all()
    return page_of(found, query.limit, AuditRow.model_validate, _position_of)


def _position_of(entry: AuditEntry) -> AuditCursor:
    return AuditCursor(at=entry.at, id=entry.id)
