"""Endpoints of operations."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from fleet.accounts.roles import Right
from fleet.kit.http import Attachment, Call, endpoint
from fleet.kit.idempotency import run_once
from fleet.kit.input import MAX_INTEGER, Input, Moment, Nothing, SerialText, WallTime
from fleet.kit.language import Language
from fleet.kit.paging import Page
from fleet.operations import local_channel, ordering, queries, service
from fleet.operations.local_channel import DriverResult, LocalAnswer
from fleet.operations.ordering import OperationRequest, OrderResult
from fleet.operations.queries import (
    OperationFilter,
    OperationKey,
    OperationRow,
    OperationTypes,
    OperationView,
    PackageQuery,
)
from fleet.operations.rules import MAX_REGISTERS, Channel


class NewOperation(Input):
    """A request for an operation on each of the registers."""

    digest_name: ClassVar = "Order"

    type: str = Field(max_length=40, description="One of `GET /operation-types`.")
    serial_numbers: list[Annotated[str, Field(max_length=32)]] = Field(
        min_length=1, max_length=MAX_REGISTERS
    )
    params: dict[str, Any] = Field(
        default_factory=dict, description="Parameters, by the JSON Schema of the type."
    )
    channel: Channel = Channel.CASH_SERVER
    scheduled_for: Moment | None = Field(default=None, description="Later than now; absent = now.")
    scheduled_local: WallTime | None = Field(
        default=None,
        description="Instead of `scheduled_for`: without a zone, by each register's own clock.",
    )


class AcceptedOperation(BaseModel):
    """An operation that was created."""

    id: int
    serial_number: str


class RefusedOperation(BaseModel):
    """A register that does not get the operation."""

    serial_number: str
    reason: str = Field(description="Stable code.")
    message: str = Field(description="The reason in words.")


class OrderReply(BaseModel):
    """A verdict for every serial number of the request."""

    accepted: list[AcceptedOperation]
    refused: list[RefusedOperation]


class NewStartTime(Input):
    """New start of an operation: one of the two times."""

    scheduled_for: Moment | None = Field(default=None, description="Later than now.")
    scheduled_local: WallTime | None = Field(
        default=None, description="Without a zone, by the register's own clock; later than now."
    )


@endpoint("GET", "/operation-types", right=Right.MONITORING)
async def list_types(call: Call[Nothing, None]) -> OperationTypes:
    """List the operation types, each with the JSON Schema of its parameters."""
    return queries.operation_types(call.language)


@endpoint("POST", "/operations", right=Right.MONITORING, status=202, repeatable=True)
async def create(call: Call[Nothing, NewOperation]) -> OrderReply:
    """Order an operation for up to 500 registers and return a verdict for each register."""
    request = OperationRequest(**dict(call.body))

    async def order() -> OrderReply:
        return _order_reply(await ordering.create(call.act, request), call.language)

    return await run_once(call.act, call.idempotency_key, call.body, order, OrderReply)


def _order_reply(created: OrderResult, language: Language) -> OrderReply:
    return OrderReply(
        accepted=[
            AcceptedOperation(id=id_, serial_number=serial) for id_, serial in created.accepted
        ],
        refused=[
            RefusedOperation(serial_number=each.item, **each.told(language))
            for each in created.refused
        ],
    )


@endpoint("GET", "/operations", right=Right.MONITORING)
async def list_operations(call: Call[OperationFilter, None]) -> Page[OperationRow]:
    """List the partner's operations, newest first."""
    return await queries.page(call.act, call.query)


@endpoint("GET", "/operations/{id}", right=Right.MONITORING)
async def show(call: Call[OperationKey, None]) -> OperationView:
    """Show one operation with its parameters, progress, result and history."""
    return await queries.operation_view(call.act, call.query.id)


@endpoint("POST", "/operations/{id}/cancel", right=Right.MONITORING)
async def cancel(call: Call[OperationKey, None]) -> OperationView:
    """Cancel an operation and show it.

    An operation that has not begun is cancelled at once.  One whose command has already been given
    to the register ends when the register has answered.  Repeating the request changes nothing.
    """
    await service.cancel(call.act, call.query.id)
    return await queries.operation_view(call.act, call.query.id)


@endpoint("POST", "/operations/{id}/retry", right=Right.MONITORING, status=202)
async def retry(call: Call[OperationKey, None]) -> OperationView:
    """Order again an operation that failed or needs attention, and show the new operation.

    The new operation has the parameters of the old one.  An operation can be retried once.
    """
    new_id = await service.retry(call.act, call.query.id)
    return await queries.operation_view(call.act, new_id)


@endpoint("PATCH", "/operations/{id}", right=Right.MONITORING)
async def reschedule(call: Call[OperationKey, NewStartTime]) -> OperationView:
    """Move the start of an operation that has not begun to a later moment."""
    new = call.body
    await service.reschedule(call.act, call.query.id, new.scheduled_for, new.scheduled_local)
    return await queries.operation_view(call.act, call.query.id)


class DriverReply(Input):
    """The driver's answer to one task of the package."""

    errorCode: int = 0
    errorDescription: str = Field(default="", max_length=1000)
    result: dict[str, Any] = Field(default_factory=dict)
    status: str = Field(default="", max_length=32)


class AnswerFile(Input):
    """The answer to one package; ``results`` are in the order of its tasks."""

    operation_id: int = Field(ge=1, lt=MAX_INTEGER)
    serial_number: SerialText
    results: list[DriverReply] = Field(max_length=100)


class AnswerFiles(Input):
    """Answers of the drivers of several registers."""

    answers: list[AnswerFile] = Field(min_length=1, max_length=MAX_REGISTERS)


class RefusedAnswer(BaseModel):
    """An answer that was not accepted."""

    operation_id: int
    reason: str
    message: str


class AnswersReply(BaseModel):
    """A verdict for every answer."""

    accepted: list[int] = Field(description="Operations that these answers have ended.")
    refused: list[RefusedAnswer]


@endpoint(
    "GET", "/operations/{id}/local-package", right=Right.MONITORING, files=["application/json"]
)
async def local_package(call: Call[OperationKey, None]) -> Attachment:
    """Download a local operation as a JSON file of tasks for the ATOL driver v10.

    The operation must be open and have the channel `local`.
    """
    (file,) = await local_channel.packages(call.act, [call.query.id])
    return Attachment(name=file.name, media_type="application/json", content=file.content)


@endpoint("GET", "/operations/local-packages", right=Right.MONITORING, files=["application/zip"])
async def local_packages(call: Call[PackageQuery, None]) -> Attachment:
    """Download several local operations as a ZIP archive with one JSON file for each operation.

    Each file holds tasks for the ATOL driver v10.  The operations must be open and have the channel
    `local`.
    """
    ids = list(map(int, call.query.ids.split(",")))
    files = await local_channel.packages(call.act, list(dict.fromkeys(ids)))
    content = local_channel.zip_files(files)
    return Attachment(name="operations.zip", media_type="application/zip", content=content)


@endpoint("POST", "/operations/local-answers", right=Right.MONITORING)
async def local_answers(call: Call[Nothing, AnswerFiles]) -> AnswersReply:
    """Accept the drivers' answers to local operations and return a verdict for each answer.

    An operation ends with its answer, so it accepts one answer only.
    """
    answers = [_answer(each) for each in call.body.answers]
    taken = await local_channel.accept_answers(call.act, answers)
    return AnswersReply(
        accepted=list(taken.accepted),
        refused=[
            RefusedAnswer(operation_id=each.item, **each.told(call.language))
            for each in taken.refused
        ],
    )


def _answer(file: AnswerFile) -> LocalAnswer:
    results = [
        DriverResult(word.errorCode, word.errorDescription, word.result) for word in file.results
    ]
    return LocalAnswer(file.operation_id, file.serial_number, results)


ENDPOINTS = (
    list_types,
    create,
    list_operations,
    show,
    cancel,
    retry,
    reschedule,
    local_package,
    local_packages,
    local_answers,
)
