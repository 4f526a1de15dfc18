"""Endpoints of operations."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from fleet.accounts.roles import Right
from fleet.kit.http import Call, endpoint
from fleet.kit.input import Input, Moment, Nothing
from fleet.kit.paging import Page
from fleet.operations import queries, service
from fleet.operations.queries import (
    OperationFilter,
    OperationKey,
    OperationRow,
    OperationTypes,
    OperationView,
)
from fleet.operations.rules import MAX_REGISTERS, Channel


class Order(Input):
    """An operation for each of the registers."""

    type: str = Field(max_length=40, description="One of `GET /operation-types`.")
    serial_numbers: list[Annotated[str, Field(max_length=32)]] = Field(
        min_length=1, max_length=MAX_REGISTERS
    )
    params: dict[str, Any] = Field(
        default_factory=dict, description="As the JSON Schema of the type says."
    )
    channel: Channel = Channel.CASH_SERVER
    scheduled_for: Moment | None = Field(default=None, description="Later than now; absent = now.")


class Accepted(BaseModel):
    """An operation that was created."""

    id: int
    serial_number: str


class Refused(BaseModel):
    """A register that does not get the operation."""

    serial_number: str
    reason: str = Field(description="Stable code.")
    message: str = Field(description="The reason in words.")


class Ordered(BaseModel):
    """A verdict for every serial number of the order."""

    accepted: list[Accepted]
    refused: list[Refused]


class NewTime(Input):
    """When the operation is to begin."""

    scheduled_for: Moment = Field(description="Later than now.")


@endpoint("GET", "/operation-types", right=Right.MONITORING)
async def list_types(call: Call[Nothing, None]) -> OperationTypes:
    """Every operation type with the JSON Schema of its parameters."""
    return queries.types(call.language)


@endpoint("POST", "/operations", right=Right.MONITORING, status=202)
async def create(call: Call[Nothing, Order]) -> Ordered:
    """Order an operation for up to 500 registers; each gets its own verdict."""
    wish = service.Wish(
        call.body.type,
        call.body.serial_numbers,
        call.body.params,
        call.body.channel,
        call.body.scheduled_for,
    )
    created = await service.create(call.db, call.actor, wish, call.now)
    return Ordered(
        accepted=[Accepted(id=id_, serial_number=serial) for id_, serial in created.accepted],
        refused=[
            Refused(
                serial_number=serial,
                reason=refusal.code,
                message=refusal.message(call.language, serial_number=serial, **params),
            )
            for serial, refusal, params in created.refused
        ],
    )


@endpoint("GET", "/operations", right=Right.MONITORING)
async def list_operations(call: Call[OperationFilter, None]) -> Page[OperationRow]:
    """The partner's operations, newest first."""
    return await queries.page(call.db, call.actor, call.query, call.language, call.now)


@endpoint("GET", "/operations/{id}", right=Right.MONITORING)
async def show(call: Call[OperationKey, None]) -> OperationView:
    """One operation with its progress, result and history."""
    return await queries.one(call.db, call.actor, call.query.id, call.language, call.now)


@endpoint("POST", "/operations/{id}/cancel", right=Right.MONITORING)
async def cancel(call: Call[OperationKey, None]) -> OperationView:
    """Cancel an operation; one whose command has left ends when the register has answered."""
    await service.cancel(call.db, call.actor, call.query.id, call.now)
    return await queries.one(call.db, call.actor, call.query.id, call.language, call.now)


@endpoint("PATCH", "/operations/{id}", right=Right.MONITORING)
async def reschedule(call: Call[OperationKey, NewTime]) -> OperationView:
    """Move the start of an operation that has not begun."""
    await service.reschedule(call.db, call.actor, call.query.id, call.body.scheduled_for, call.now)
    return await queries.one(call.db, call.actor, call.query.id, call.language, call.now)


ENDPOINTS = (list_types, create, list_operations, show, cancel, reschedule)
