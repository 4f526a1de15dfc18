"""The local channel: operations as JSON tasks for the ATOL driver v10, and the driver's answers.

Every package begins with ``getDeviceInfo``, so that the answer itself identifies the register.  An
operation stays queued until its answer has come, and accepts one answer only.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.errors import DomainError
from fleet.kit.verdicts import RefusedItem, Verdicts
from fleet.operations.errors import (
    ANSWER_OF_ANOTHER,
    ANSWER_UNFIT,
    NOT_LOCAL,
    PLATFORM_UNKNOWN,
    right_needed,
)
from fleet.operations.models import Operation
from fleet.operations.queries import operations_visible_to
from fleet.operations.rules import OPEN, Channel, OperationStatus, StatusCause
from fleet.operations.types import BY_KIND
from fleet.operations.types.contract import Done, Failed, OperationSnapshot
from fleet.operations.work import StatusChange, Work, load_where, save
from fleet.registers.models import CashRegister
from protocol.platforms import Platform

IDENTIFY_REQUEST: Final = {"type": "getDeviceInfo"}


class DriverResult(NamedTuple):
    """The driver's result for one task; ``error`` 0 means done."""

    error: int
    description: str
    result: Mapping[str, Any]


class LocalAnswer(NamedTuple):
    """The driver's results for one operation, in the order of the package's tasks."""

    operation_id: int
    serial_number: str
    results: Sequence[DriverResult]


class Package(NamedTuple):
    """A file with tasks for the driver of one register."""

    name: str
    content: bytes


async def packages(act: Act, ids: Sequence[int]) -> list[Package]:
    """Return a package for each operation, in their order.

    Raise ``NOT_LOCAL`` for an operation that is not open, not local or not the partner's.
    """
    works = {work.id: work for work in await _load(act, ids)}
    platforms = await _platforms(act.db, [work.serial_number for work in works.values()])
    return [_package(act.actor, works.get(id_), id_, platforms) for id_ in ids]


def _package(
    actor: Actor, work: Work | None, operation_id: int, platforms: Mapping[str, Platform]
) -> Package:
    if work is None:
        raise NOT_LOCAL(id=operation_id)
    order = _snapshot(actor, work, platforms)
    requests = [IDENTIFY_REQUEST, *BY_KIND[work.type].local_requests(order)]
    content = {
        "operation_id": work.id,
        "serial_number": work.serial_number,
        "request": requests,
    }
    name = f"{work.serial_number}-{work.id}.json"
    return Package(name, json.dumps(content, ensure_ascii=False, indent=2).encode())


def zip_files(files: Sequence[Package]) -> bytes:
    """Return a ZIP archive of these files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for file in files:
            writer.writestr(file.name, file.content)
    return archive.getvalue()


async def accept_answers(act: Act, answers: Sequence[LocalAnswer]) -> Verdicts[int, int]:
    """End the answered operations; return a verdict for each answer, by operation id."""
    works = {work.id: work for work in await _load(act, [each.operation_id for each in answers])}
    platforms = await _platforms(act.db, [work.serial_number for work in works.values()])
    changes: list[StatusChange] = []
    accepted: list[int] = []
    refused: list[RefusedItem[int]] = []
    for answer in answers:
        try:
            changes += _accept_answer(act, works, platforms, answer)
            accepted.append(answer.operation_id)
        except DomainError as why:
            refused.append(RefusedItem(answer.operation_id, why.refusal, why.params))
    ended = sorted(accepted)
    await save(act, [works[id_] for id_ in ended], changes)
    await audit.write(act, "operations.answered_locally", [f"operation:{id_}" for id_ in ended])
    return Verdicts(accepted, refused)


def _accept_answer(
    act: Act, works: Mapping[int, Work], platforms: Mapping[str, Platform], answer: LocalAnswer
) -> list[StatusChange]:
    """Return the operation's transitions; raise a refusal if the answer does not fit."""
    work = _find_answered(works, answer)
    ending = _final_status(_snapshot(act.actor, work, platforms), work, answer)
    changes = []
    if work.status is OperationStatus.QUEUED:
        changes.append(
            work.change_status(OperationStatus.RUNNING, StatusCause.ANSWER_CAME, act.now)
        )
    if isinstance(ending, Done):
        work.result = ending.result
        return [*changes, work.change_status(OperationStatus.SUCCEEDED, StatusCause.DONE, act.now)]
    return [
        *changes,
        work.change_status(OperationStatus.FAILED, ending.cause, act.now, ending.detail),
    ]


def _find_answered(works: Mapping[int, Work], answer: LocalAnswer) -> Work:
    """Return the operation that this answers.

    The register identifies itself in the first result.  Raise ``NOT_LOCAL`` for an operation that
    is not open, ``ANSWER_UNFIT`` without that result and ``ANSWER_OF_ANOTHER`` for another
    register.
    """
    work = works.get(answer.operation_id)
    if work is None or work.status not in OPEN:
        raise NOT_LOCAL(id=answer.operation_id)
    who = answer.results[0].result.get("deviceInfo") if answer.results else None
    if not isinstance(who, Mapping):
        raise ANSWER_UNFIT(id=work.id)
    if {answer.serial_number, who.get("serial")} != {work.serial_number}:
        raise ANSWER_OF_ANOTHER(id=work.id)
    return work


def _final_status(order: OperationSnapshot[Any], work: Work, answer: LocalAnswer) -> Done | Failed:
    operation_type = BY_KIND[work.type]
    requests = operation_type.local_requests(order)
    results = answer.results[1:]
    for request, result in zip(requests, results, strict=False):
        if result.error:
            detail = {"request": request["type"], **result._asdict(), "result": None}
            return Failed(StatusCause.DRIVER_FAILED, detail)
    if len(results) != len(requests):
        raise ANSWER_UNFIT(id=work.id)
    try:
        return operation_type.local_outcome(order, [each.result for each in results])
    except (LookupError, TypeError, ValueError):
        raise ANSWER_UNFIT(id=work.id) from None


def _snapshot(
    actor: Actor, work: Work, platforms: Mapping[str, Platform]
) -> OperationSnapshot[Any]:
    operation_type = BY_KIND[work.type]
    if operation_type.right not in actor.rights:
        raise right_needed(operation_type.right)
    platform = platforms.get(work.serial_number)
    if platform is None:
        raise PLATFORM_UNKNOWN(serial_number=work.serial_number)
    return OperationSnapshot(platform, operation_type.Params.model_validate(work.params))


async def _load(act: Act, ids: Sequence[int]) -> list[Work]:
    mine = operations_visible_to(act.actor) & (Operation.channel == Channel.LOCAL)
    return await load_where(
        act.db, Operation.id.in_(ids), mine, Operation.status.in_(OPEN), wait=True
    )


async def _platforms(db: AsyncSession, serial_numbers: Sequence[str]) -> dict[str, Platform]:
    rows = await db.execute(
        select(CashRegister.serial_number, CashRegister.platform).where(
            CashRegister.serial_number.in_(serial_numbers)
        )
    )
    return {serial: platform for serial, platform in rows if platform is not None}
