"""Reading of the audit log, newest entries first."""

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit.models import AuditEntry
from fleet.kit.input import MAX_INTEGER, Input, Moment
from fleet.kit.paging import Filters, Keyset, Page, PageQuery, conditions, page_of
from fleet.kit.search import SearchText, fold_case


class AuditFilter(PageQuery):
    """The filters of the list; an entry must match all that are given."""

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
    """The position in the audit log."""

    at: Moment
    id: int = Field(ge=0, lt=MAX_INTEGER)


NEWEST_FIRST: Final = Keyset(AuditCursor, {"at": AuditEntry.at, "id": AuditEntry.id}, down=True)
"""The order of the list; ``id`` orders the entries of one change, which have the same time."""

FILTERS: Filters = {
    "q": lambda text: AuditEntry.search_text.contains(fold_case(text), autoescape=True),
    "object": lambda name: AuditEntry.object == name,
    "what": lambda what: AuditEntry.what == what,
    "employee_id": lambda key: AuditEntry.employee_id == key,
    "since": lambda moment: AuditEntry.at >= moment,
    "until": lambda moment: AuditEntry.at < moment,
}


async def page(db: AsyncSession, partner_id: int, query: AuditFilter) -> Page[AuditRow]:
    """Return one page of the partner's log."""
    own = AuditEntry.partner_id == partner_id
    statement = select(AuditEntry).where(own, *conditions(FILTERS, query))
    found = (await db.scalars(NEWEST_FIRST.page(statement, query))).all()
    return page_of(found, query.limit, AuditRow.model_validate, _position_of)


def _position_of(entry: AuditEntry) -> AuditCursor:
    return AuditCursor(at=entry.at, id=entry.id)
