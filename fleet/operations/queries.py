"""Queries of operations: the list, one operation with its history, and the operation types."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, select

from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.input import MAX_INTEGER, Input, Moment, SerialText
from fleet.kit.language import Language
from fleet.kit.paging import Filters, Keyset, Page, PageQuery, conditions, page_of
from fleet.kit.validation import describe_pattern
from fleet.operations.errors import OPERATION_NOT_FOUND, explain
from fleet.operations.models import Operation, OperationChange
from fleet.operations.rules import (
    OPEN,
    Channel,
    OperationStatus,
    StatusCause,
    WaitingFor,
    waiting_for,
)
from fleet.operations.types import BY_KIND, TYPES
from fleet.registers import queries as registers
from fleet.registers.models import CashRegister


class OperationFilter(PageQuery):
    """Conditions of the list of operations; all given ones must hold."""

    serial_number: SerialText | None = None
    type: str | None = Field(default=None, max_length=40)
    status: OperationStatus | None = None
    open: bool | None = Field(default=None, description="True: queued and running ones.")
    since: Moment | None = Field(default=None, alias="from", description="Created at or after it.")
    until: Moment | None = Field(default=None, alias="to", description="Created earlier than this.")


class OperationKey(Input):
    """Key of an operation."""

    id: int = Field(ge=1, lt=MAX_INTEGER)


class PackageQuery(Input):
    """Operations to make packages of."""

    ids: str = Field(
        pattern=describe_pattern(
            r"^[1-9][0-9]{0,17}(,[1-9][0-9]{0,17}){0,499}$",
            "нужны номера операций через запятую без пробелов, не больше 500.",
            "must be operation numbers separated by commas without spaces, at most 500.",
        ),
        description="Up to 500 ids, separated by commas.",
    )


class OperationRow(BaseModel):
    """An operation in the list."""

    id: int
    serial_number: str
    type: str
    channel: Channel
    status: OperationStatus
    waiting_for: WaitingFor | None = Field(description="What an open operation waits for.")
    percent: int
    cause: StatusCause
    explanation: str = Field(description="The cause in words, in the language of the request.")
    scheduled_for: datetime | None
    created_at: datetime
    created_by: int | None
    changed_at: datetime
    finished_at: datetime | None
    deadline_at: datetime


class ChangeView(BaseModel):
    """A change of an operation's status."""

    at: datetime
    from_status: OperationStatus | None
    to_status: OperationStatus
    cause: StatusCause
    explanation: str


class OperationView(OperationRow):
    """An operation with its parameters, progress, result and history."""

    params: dict[str, Any]
    step: int = Field(description="Commands given to the register so far.")
    cancel_requested: bool
    retry_of: int | None = Field(description="The operation that this one repeats.")
    result: dict[str, Any] | None
    history: list[ChangeView]


class TypeView(BaseModel):
    """An operation type; ``params`` is the JSON Schema of its parameters."""

    type: str
    label: str
    right: str
    channels: list[Channel]
    deadline_s: int
    params: dict[str, Any]


class OperationTypes(BaseModel):
    """All operation types that can be ordered."""

    items: list[TypeView]


FILTERS: Filters = {
    "serial_number": lambda serial: Operation.serial_number == serial,
    "type": lambda kind: Operation.type == kind,
    "status": lambda status: Operation.status == status,
    "open": lambda is_open: (
        Operation.status.in_(OPEN) if is_open else Operation.status.not_in(OPEN)
    ),
    "since": lambda moment: Operation.created_at >= moment,
    "until": lambda moment: Operation.created_at < moment,
}


NEWEST_FIRST: Final = Keyset(OperationKey, {"id": Operation.id}, down=True)


def operation_types(language: Language) -> OperationTypes:
    """Return the operation types with their labels in this language."""
    return OperationTypes(
        items=[
            TypeView(
                type=each.kind,
                label=each.label_ru if language is Language.RU else each.label_en,
                right=each.right,
                channels=list(each.channels),
                deadline_s=int(each.deadline.total_seconds()),
                params=each.Params.model_json_schema(),
            )
            for each in TYPES
        ]
    )


def operations_visible_to(actor: Actor) -> ColumnElement[bool]:
    """Return the SQL condition of an operation that this employee may see and change."""
    own = Operation.partner_id == actor.partner_id
    if not actor.limited:
        return own
    seen = select(CashRegister.serial_number).where(registers.registers_visible_to(actor))
    return own & Operation.serial_number.in_(seen)


async def page(act: Act, query: OperationFilter) -> Page[OperationRow]:
    """Return one page of the partner's operations, newest first."""
    mine = select(Operation).where(operations_visible_to(act.actor), *conditions(FILTERS, query))
    found = (await act.db.scalars(NEWEST_FIRST.page(mine, query))).all()
    return page_of(
        found,
        query.limit,
        show=lambda row: OperationRow.model_validate(_shown(act, row)),
        position=lambda row: OperationKey(id=row.id),
    )


async def operation_view(act: Act, operation_id: int) -> OperationView:
    """Return the partner's operation with its history, oldest change first.

    Raise ``OPERATION_NOT_FOUND`` if the actor may not see it.
    """
    mine = operations_visible_to(act.actor)
    found = await act.db.scalar(select(Operation).where(Operation.id == operation_id, mine))
    if found is None:
        raise OPERATION_NOT_FOUND(id=operation_id)
    changes = await act.db.scalars(
        select(OperationChange)
        .where(OperationChange.operation_id == operation_id)
        .order_by(OperationChange.id)
    )
    can_see = BY_KIND[found.type].right in act.actor.rights
    return OperationView(
        **_shown(act, found),
        params=_hide_secrets(found, found.params, can_see),
        step=found.step,
        cancel_requested=found.cancel_requested,
        retry_of=found.retry_of,
        result=None if found.result is None else _hide_secrets(found, found.result, can_see),
        history=[_change(change, act.language) for change in changes],
    )


def _hide_secrets(found: Operation, values: Mapping[str, Any], can_see: bool) -> dict[str, Any]:
    """Return the values, with secret ones masked unless the actor may order the operation."""
    return dict(values) if can_see else BY_KIND[found.type].without_secrets(values)


def _shown(act: Act, row: Operation) -> dict[str, Any]:
    under_way = WaitingFor(row.progress.get("waiting_for", WaitingFor.LOADING))
    return {
        **{name: getattr(row, name) for name in OperationRow.model_fields if hasattr(row, name)},
        "waiting_for": waiting_for(
            row.status, row.step, row.due_at, row.cancel_requested, act.now, under_way, row.channel
        ),
        "explanation": explain(row.cause, row.detail, act.language),
    }


def _change(change: OperationChange, language: Language) -> ChangeView:
    return ChangeView(
        at=change.at,
        from_status=change.from_status,
        to_status=change.to_status,
        cause=StatusCause(change.cause),
        explanation=explain(change.cause, change.detail, language),
    )
