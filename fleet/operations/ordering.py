"""Ordering an operation for many registers.

``create`` is the entry and takes four steps; the file follows them from top to bottom:

1. read the request: its type, right and channel, and its parameters, completed with facts of other
   features (``preparation``).  An error here refuses the whole request, and so does a bad time.
2. look up the facts about its registers, one statement for each question.
3. judge each register, without the database: it gets the operation, or an objection.
4. insert the operations as QUEUED with their history, and announce them.  Then ``create`` writes
   the audit log, carries out at once what the server does by itself, and notifies the gateways.

All of it is one transaction.  After it ``delivery`` gives the commands to the registers.  The last
section serves ``service.reschedule``, which repeats one judgement of step 3 for another start.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.assistants.queries import served_by_assistant
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.dialect import select_for_update
from fleet.kit.verdicts import RefusedItem, Verdicts
from fleet.operations.due import notify_gateways
from fleet.operations.errors import (
    ANOTHER_RUNNING,
    BLOCKED,
    NO_ASSISTANT,
    ONE_ONLY,
    REGISTER_NOT_FOUND,
    REPEATED,
    SERVICE_ENDS_BEFORE,
    SERVICE_MISSING,
    TOO_MANY_OPEN,
    TYPE_UNKNOWN,
    channel_unfit,
    right_needed,
)
from fleet.operations.events import ChangedOperation, OperationStatusesChanged
from fleet.operations.models import Operation
from fleet.operations.preparation import Prepared, prepare, prepare_each
from fleet.operations.rules import (
    MAX_OPEN_PER_REGISTER,
    OPEN,
    Channel,
    OperationStatus,
    StatusCause,
    moment_text,
)
from fleet.operations.timing import (
    asked_start,
    check_times,
    earliest_start,
    wall_time_objection,
)
from fleet.operations.types import BY_KIND
from fleet.operations.types.contract import Objection, OperationType, TargetRegister
from fleet.operations.work import StatusChange, load_open, save, write_changes
from fleet.registers.models import CashRegister
from fleet.registers.queries import registers_visible_to
from fleet.registers.rules import is_serial_number
from fleet.subscriptions.catalogue import purchase_hint
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.holdings import service_ends


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """A person's request for an operation; ``params`` are as they were sent.

    At most one of the times is given: a moment, or a wall time (naive) in each register's own zone.
    """

    type: str
    serial_numbers: Sequence[str]
    params: Mapping[str, Any]
    channel: Channel
    scheduled_for: datetime | None
    scheduled_local: datetime | None = None


OrderResult = Verdicts[tuple[int, str], str]
"""The ordered operations as (operation id, serial number), and the registers that were refused."""


async def create(
    act: Act, request: OperationRequest, *, retry_of: int | None = None
) -> OrderResult:
    """Order an operation for each register that can get it; return a verdict for each register.

    Raise a refusal of the whole request for an unknown type, wrong parameters, a missing right, a
    channel that does not fit or a time in the past.
    """
    prepared = await read_request(act, request)
    check_times(request.scheduled_for, request.scheduled_local, act.now)
    context = await _look_up(act, request, prepared)
    starts, refused = _judge_registers(context)
    accepted = await _insert(act, context, starts, retry_of)
    ordered = [f"operation:{operation_id}" for operation_id, _ in accepted]
    await audit.write(act, "operations.created", ordered, after={"type": request.type})
    if prepared.operation_type.on_server:
        await _do_on_server(act, prepared, accepted)
    await notify_gateways(act.db, list(starts))
    return OrderResult(accepted, refused)


# ---- 1. read the request ------------------------------------------------------------------------


async def read_request(act: Act, request: OperationRequest) -> Prepared:
    """Return the type and the parameters of a request; they do not depend on its registers.

    Raise a refusal for an unknown type, wrong parameters, a missing right and a channel that does
    not fit.
    """
    operation_type = BY_KIND.get(request.type)
    if operation_type is None:
        raise TYPE_UNKNOWN(type=request.type)
    if operation_type.right not in act.actor.rights:
        raise right_needed(operation_type.right)
    if request.channel not in operation_type.channels:
        raise channel_unfit(operation_type.channels)
    return await prepare(act, operation_type, request.params)


# ---- 2. look up ---------------------------------------------------------------------------------

Services = Mapping[Entitlement, Mapping[str, datetime | None]]
"""Service -> serial number -> when the service ends for that register (``None``: never).  A
register that never had the service is absent."""


@dataclass(frozen=True, slots=True)
class _OrderContext:
    """A request and the facts about its registers, read from the database."""

    request: OperationRequest
    operation_type: OperationType[Any]
    params: Any
    own_params: Mapping[str, Any]
    """Parameters of the registers that need others than ``params``, by serial number."""
    now: datetime
    registers: Mapping[str, CashRegister]
    """The registers of the request that belong to the actor, by serial number."""
    services: Services
    open: Mapping[str, Sequence[OperationStatus]]
    """Statuses of each register's open operations, by serial number."""
    assisted: frozenset[str]
    """Registers that an Assistant serves; read for the Assistant's channel only."""


async def _look_up(act: Act, request: OperationRequest, prepared: Prepared) -> _OrderContext:
    operation_type, params = prepared.operation_type, prepared.params
    registers = await _lock_own(act, request.serial_numbers)
    serials = list(registers)
    through_assistant = request.channel is Channel.ASSISTANT
    return _OrderContext(
        request=request,
        operation_type=operation_type,
        params=params,
        own_params=await prepare_each(act.db, params, serials),
        now=act.now,
        registers=registers,
        services=await _services(act.db, serials, operation_type.required_services(params)),
        open=await _open_statuses(act.db, serials),
        assisted=await served_by_assistant(act.db, serials) if through_assistant else frozenset(),
    )


async def _lock_own(act: Act, serial_numbers: Sequence[str]) -> dict[str, CashRegister]:
    """Return the actor's own registers, locked until the commit.

    A hand-over of a register waits for the lock, so it finds the new operation and can cancel it.
    """
    known = list(filter(is_serial_number, serial_numbers))
    own = select(CashRegister).where(
        CashRegister.serial_number.in_(known), registers_visible_to(act.actor)
    )
    held = select_for_update(
        act.db, own.order_by(CashRegister.serial_number), wait=True, shared=True
    )
    return {register.serial_number: register for register in await act.db.scalars(held)}


async def _services(
    db: AsyncSession, serial_numbers: Sequence[str], needed: Sequence[Entitlement]
) -> Services:
    return {each: await service_ends(db, serial_numbers, each) for each in needed}


async def _open_statuses(
    db: AsyncSession, serial_numbers: Sequence[str]
) -> dict[str, list[OperationStatus]]:
    rows = await db.execute(
        select(Operation.serial_number, Operation.status).where(
            Operation.serial_number.in_(serial_numbers), Operation.status.in_(OPEN)
        )
    )
    found: dict[str, list[OperationStatus]] = {}
    for serial, status in rows:
        found.setdefault(serial, []).append(status)
    return found


# ---- 3. judge each register ---------------------------------------------------------------------

Starts = Mapping[str, datetime | None]
"""Serial number -> the moment that was asked for; ``None`` means now."""

TRANSIENT_REFUSALS: Final = frozenset({ANOTHER_RUNNING.code, TOO_MANY_OPEN.code})
"""Codes of refusals that pass with time alone."""


def _judge_registers(context: _OrderContext) -> tuple[Starts, list[RefusedItem[str]]]:
    """Return the starts of the registers that get the operation, and the refused registers."""
    request, starts, refused = context.request, dict[str, datetime | None](), []
    for serial in request.serial_numbers:
        objection = Objection(REPEATED) if serial in starts else _objection(context, serial)
        if objection is None:
            starts[serial] = _asked_start(context, context.registers[serial])
        else:
            said = {**objection.params, "serial_number": serial}
            refused.append(RefusedItem(serial, objection.refusal, said))
    return starts, refused


def _objection(context: _OrderContext, serial_number: str) -> Objection | None:
    """Return the first objection of ``_OBJECTIONS`` to this register, if any."""
    register = context.registers.get(serial_number)
    if register is None:
        return Objection(REGISTER_NOT_FOUND)
    objections = (look(context, register) for look in _OBJECTIONS)
    return next((each for each in objections if each is not None), None)


def _asked_start(context: _OrderContext, register: CashRegister) -> datetime | None:
    """Return the moment asked for, by this register's clock if a wall time was given."""
    request = context.request
    return asked_start(register, request.scheduled_for, request.scheduled_local)


def _blocked(context: _OrderContext, register: CashRegister) -> Objection | None:
    """Object to a blocked register, unless the server carries out the operation by itself."""
    served = not register.blocked or context.operation_type.on_server
    return None if served else Objection(BLOCKED)


def _one_register_only(context: _OrderContext, register: CashRegister) -> Objection | None:
    """Object to more than one register if the type allows one at a time."""
    several = len(set(context.request.serial_numbers)) > 1
    return Objection(ONE_ONLY) if context.operation_type.one_register_only and several else None


def _unassisted(context: _OrderContext, register: CashRegister) -> Objection | None:
    """Object to a register without an Assistant if the Assistant's channel was chosen."""
    needed = context.request.channel is Channel.ASSISTANT
    return (
        Objection(NO_ASSISTANT)
        if needed and register.serial_number not in context.assisted
        else None
    )


def _unfit(context: _OrderContext, register: CashRegister) -> Objection | None:
    """Return the objection of the operation's type, if any."""
    serial = register.serial_number
    target = TargetRegister(serial, register.platform, register.model, register.firmware_version)
    return context.operation_type.objection(target, context.own_params.get(serial, context.params))


def _not_entitled(context: _OrderContext, register: CashRegister) -> Objection | None:
    """Object to a register that lacks a paid service when the operation begins."""
    asked = _asked_start(context, register) or context.now
    begins = earliest_start(context.operation_type, context.params, asked)
    return _missing_service(context.services, register, begins, context.now)


def _missing_service(
    services: Services, register: CashRegister, begins: datetime, now: datetime
) -> Objection | None:
    """Object to the first service that is missing or ends before ``begins``."""
    for service, ends in services.items():
        until = ends.get(register.serial_number, now)
        if until is None or until > max(begins, now):
            continue
        names = purchase_hint([service], register.platform, register.model)
        if until > now:
            told = moment_text(until, register.utc_offset_min or 0)
            return Objection(SERVICE_ENDS_BEFORE, {**names, "until": told})
        return Objection(SERVICE_MISSING, names)
    return None


def _busy(context: _OrderContext, register: CashRegister) -> Objection | None:
    """Object to a register with too many open operations or with a running one."""
    statuses = context.open.get(register.serial_number, ())
    if context.operation_type.on_server:
        return None
    if len(statuses) >= MAX_OPEN_PER_REGISTER:
        return Objection(TOO_MANY_OPEN)
    return Objection(ANOTHER_RUNNING) if OperationStatus.RUNNING in statuses else None


def _untimely(context: _OrderContext, register: CashRegister) -> Objection | None:
    """Object to a wall time that has passed at this register or whose zone is unknown."""
    return wall_time_objection(register, context.request.scheduled_local, context.now)


_OBJECTIONS: Final[tuple[Callable[[_OrderContext, CashRegister], Objection | None], ...]] = (
    _blocked,
    _one_register_only,
    _unassisted,
    _unfit,
    _not_entitled,
    _busy,
    _untimely,
)
"""The judgements in the order in which people read them: the first objection counts."""


# ---- 4. insert ----------------------------------------------------------------------------------


async def _insert(
    act: Act, context: _OrderContext, starts: Starts, retry_of: int | None
) -> list[tuple[int, str]]:
    """Insert the operations with the start of their history; return ids with serial numbers."""
    if not starts:
        return []
    common = {
        "partner_id": act.actor.partner_id,
        "type": context.operation_type.kind,
        "channel": context.request.channel,
        "params": context.params.model_dump(mode="json"),
        "status": OperationStatus.QUEUED,
        "cause": StatusCause.CREATED,
        "created_at": act.now,
        "created_by": act.actor.employee_id,
        "changed_at": act.now,
        "retry_of": retry_of,
    }
    rows = [{**common, **_own_values(context, serial, asked)} for serial, asked in starts.items()]
    statement = insert(Operation).returning(Operation.id, Operation.serial_number)
    inserted = await act.db.execute(statement, rows)
    accepted = sorted((operation_id, serial) for operation_id, serial in inserted)
    changes = [
        StatusChange(id_, None, OperationStatus.QUEUED, StatusCause.CREATED, None)
        for id_, _ in accepted
    ]
    await write_changes(act, changes)
    kind = context.operation_type.kind
    moves = tuple(
        ChangedOperation(id_, serial, kind, OperationStatus.QUEUED) for id_, serial in accepted
    )
    await act.announce(OperationStatusesChanged(act.now, moves))
    return accepted


def _own_values(context: _OrderContext, serial: str, asked: datetime | None) -> dict[str, Any]:
    """Return the columns in which the operations of one request differ."""
    operation_type = context.operation_type
    due_at = earliest_start(operation_type, context.params, asked or context.now)
    own = context.own_params.get(serial)
    return {
        "serial_number": serial,
        "scheduled_for": asked,
        "due_at": due_at,
        "deadline_at": due_at + operation_type.deadline,
        **({} if own is None else {"params": own.model_dump(mode="json")}),
    }


async def _do_on_server(act: Act, prepared: Prepared, accepted: Sequence[tuple[int, str]]) -> None:
    """End the operations with the result that the server itself gives.

    A type that clears the queue also cancels the operations ordered earlier for these registers.
    """
    operation_type, params = prepared.operation_type, prepared.params
    ordered = {operation_id for operation_id, _ in accepted}
    works = await load_open(act.db, [serial for _, serial in accepted], wait=True)
    changes = []
    for work in works:
        if work.id not in ordered and operation_type.clears_queue:
            changes += work.cancel(StatusCause.CANCELLED_BY_OPERATION, act.now)
    for work in works:
        if work.id in ordered:
            work.result = operation_type.server_result(work.serial_number, params)
            changes.append(work.change_status(OperationStatus.RUNNING, StatusCause.TAKEN, act.now))
            changes.append(work.change_status(OperationStatus.SUCCEEDED, StatusCause.DONE, act.now))
    await save(act, works, changes)


# ---- another start of an ordered operation ------------------------------------------------------


async def service_objection(
    act: Act,
    operation_type: OperationType[Any],
    params: Any,
    register: CashRegister,
    begins: datetime,
) -> Objection | None:
    """Return the objection to a new start at which the register lacks a service, if any."""
    needed = operation_type.required_services(params)
    services = await _services(act.db, [register.serial_number], needed)
    return _missing_service(services, register, begins, act.now)
