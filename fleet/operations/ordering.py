"""Ordering an operation for many registers: the whole way, told in its order.

``create`` takes four steps, each with its section below:

1. read the request: its type, right, channel and time, and its parameters, completed by what other
   features know (``preparation``).  A mistake refuses the whole request.
2. look up what is known of its registers, one statement for each question.
3. judge each register, without the database: it gets the operation, or an objection.
4. insert the operations as QUEUED, with their history, and tell the log, the features above and
   the gateways.  What the server does by itself is done at once.

All of it is one transaction.  From there ``delivery`` gives the commands to the registers.
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
    """What a person orders; ``params`` are as they were sent.

    At most one of the times: a moment, or a wall time (naive) of each register's own zone.
    """

    type: str
    serial_numbers: Sequence[str]
    params: Mapping[str, Any]
    channel: Channel
    scheduled_for: datetime | None
    scheduled_local: datetime | None = None


OrderResult = Verdicts[tuple[int, str], str]
"""(operation id, serial number) of what was ordered, and the registers that do not get it."""


async def create(
    act: Act, request: OperationRequest, *, retry_of: int | None = None
) -> OrderResult:
    """Order an operation for each register that can get it.

    Refuses the whole request for an unknown type, wrong parameters, a missing right, a channel
    that does not fit or a time in the past; each register gets its own verdict.
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
    """Return the type and the parameters of a request, whichever its registers are.

    Refuses an unknown type, wrong parameters, a missing right and a channel that does not fit.
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
"""A service -> the registers that have or had it -> when it ends for them; ``None``: never."""


@dataclass(frozen=True, slots=True)
class _OrderContext:
    """A request, and what the database knows of its registers."""

    request: OperationRequest
    operation_type: OperationType[Any]
    params: Any
    own_params: Mapping[str, Any]
    """Of the registers that get others than ``params``."""
    now: datetime
    registers: Mapping[str, CashRegister]
    """The actor's own of those in the request."""
    services: Services
    open: Mapping[str, Sequence[OperationStatus]]
    """Statuses of the open operations of each register."""
    assisted: frozenset[str]
    """Registers for which an Assistant calls; looked up for its channel only."""


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
    """Return the actor's own registers, locked: a hand-over waits until there is an order that it
    can cancel."""
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
"""Serial number -> the moment that was asked for; ``None``: now."""

TRANSIENT_REFUSALS: Final = frozenset({ANOTHER_RUNNING.code, TOO_MANY_OPEN.code})
"""Refusals that time alone mends."""


def _judge_registers(context: _OrderContext) -> tuple[Starts, list[RefusedItem[str]]]:
    """Return the registers that get the operation, in their order, and the others."""
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
    register = context.registers.get(serial_number)
    if register is None:
        return Objection(REGISTER_NOT_FOUND)
    objections = (look(context, register) for look in _OBJECTIONS)
    return next((each for each in objections if each is not None), None)


def _asked_start(context: _OrderContext, register: CashRegister) -> datetime | None:
    request = context.request
    return asked_start(register, request.scheduled_for, request.scheduled_local)


def _blocked(context: _OrderContext, register: CashRegister) -> Objection | None:
    """Object to a blocked register, but not to emptying its queue or what else the server does."""
    served = not register.blocked or context.operation_type.on_server
    return None if served else Objection(BLOCKED)


def _one_register_only(context: _OrderContext, register: CashRegister) -> Objection | None:
    several = len(set(context.request.serial_numbers)) > 1
    return Objection(ONE_ONLY) if context.operation_type.one_register_only and several else None


def _unassisted(context: _OrderContext, register: CashRegister) -> Objection | None:
    needed = context.request.channel is Channel.ASSISTANT
    return (
        Objection(NO_ASSISTANT)
        if needed and register.serial_number not in context.assisted
        else None
    )


def _unfit(context: _OrderContext, register: CashRegister) -> Objection | None:
    """Object as the operation's type does."""
    serial = register.serial_number
    target = TargetRegister(serial, register.platform, register.model, register.firmware_version)
    return context.operation_type.objection(target, context.own_params.get(serial, context.params))


def _not_entitled(context: _OrderContext, register: CashRegister) -> Objection | None:
    asked = _asked_start(context, register) or context.now
    begins = earliest_start(context.operation_type, context.params, asked)
    return _missing_service(context.services, register, begins, context.now)


def _missing_service(
    services: Services, register: CashRegister, begins: datetime, now: datetime
) -> Objection | None:
    """Object to the first service that the register lacks, or that ends before ``begins``."""
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


async def service_objection(
    act: Act,
    operation_type: OperationType[Any],
    params: Any,
    register: CashRegister,
    begins: datetime,
) -> Objection | None:
    """Object to another start of an operation if the register lacks a service then."""
    needed = operation_type.required_services(params)
    services = await _services(act.db, [register.serial_number], needed)
    return _missing_service(services, register, begins, act.now)


def _busy(context: _OrderContext, register: CashRegister) -> Objection | None:
    statuses = context.open.get(register.serial_number, ())
    if context.operation_type.on_server:
        return None
    if len(statuses) >= MAX_OPEN_PER_REGISTER:
        return Objection(TOO_MANY_OPEN)
    return Objection(ANOTHER_RUNNING) if OperationStatus.RUNNING in statuses else None


def _untimely(context: _OrderContext, register: CashRegister) -> Objection | None:
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
"""In the order in which people are told."""


# ---- 4. insert ----------------------------------------------------------------------------------


async def _insert(
    act: Act, context: _OrderContext, starts: Starts, retry_of: int | None
) -> list[tuple[int, str]]:
    """Write the operations and the beginning of their history; return ids with serial numbers."""
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
    """Return the columns in which the operations of one order differ."""
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
    """End the operations with the server's result; a type that clears the queue also cancels all
    that was ordered for these registers before."""
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
