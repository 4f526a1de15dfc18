"""An employee's view of the list: columns, their order, compact or not."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.actor import Actor
from fleet.kit.database import insert_into
from fleet.kit.input import Input
from fleet.registers.columns import ColumnName
from fleet.registers.models import ListView

DEFAULT_COLUMNS = [
    ColumnName(name)
    for name in ("serial_number", "status", "conditions", "model_name", "firmware_version")
] + [ColumnName(name) for name in ("owner_name", "address", "seen_at")]


def _without_repetition(names: list[ColumnName]) -> list[ColumnName]:
    if len(set(names)) != len(names):
        raise PydanticCustomError("repeated_value", "a value is given twice")
    return names


Columns = Annotated[
    list[ColumnName],
    Field(min_length=1, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_without_repetition),
]


class RegisterListViewBody(Input):
    """Columns to show, in their order."""

    columns: Columns
    compact: bool = Field(default=False, description="Only the number and a coloured indicator.")


class RegisterListView(BaseModel):
    """The employee's view of the list."""

    columns: list[ColumnName]
    compact: bool
    available: list[ColumnName] = Field(description="All columns that there are.")


async def show(db: AsyncSession, actor: Actor) -> RegisterListView:
    """Return the employee's chosen view, or the default one."""
    chosen = await db.get(ListView, actor.employee_id)
    if chosen is None:
        return RegisterListView(columns=DEFAULT_COLUMNS, compact=False, available=list(ColumnName))
    known = [ColumnName(name) for name in chosen.columns if name in set(ColumnName)]
    return RegisterListView(columns=known, compact=chosen.compact, available=list(ColumnName))


async def choose(db: AsyncSession, actor: Actor, body: RegisterListViewBody) -> RegisterListView:
    """Store the employee's view; it is not logged, since nobody else sees it."""
    values = {"columns": [str(name) for name in body.columns], "compact": body.compact}
    insert = insert_into(db, ListView).values(employee_id=actor.employee_id, **values)
    await db.execute(
        insert.on_conflict_do_update(index_elements=[ListView.employee_id], set_=values)
    )
    return RegisterListView(columns=body.columns, compact=body.compact, available=list(ColumnName))
