"""Which registers of an order get it: a verdict for each, before anything starts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.assistants.queries import served_by_assistant
from fleet.kit.actor import Actor
from fleet.kit.dialect import select_for_update
from fleet.kit.errors import Refusal
from fleet.operations.errors import (
    ANOTHER_RUNNING,
    BLOCKED,
    NO_ASSISTANT,
    ONE_ONLY,
    PAST_AT_REGISTER,
    REGISTER_NOT_FOUND,
    REPEATED,
    SERVICE_ENDS_BEFORE,
    SERVICE_MISSING,
    TOO_MANY_OPEN,
    ZONE_UNKNOWN,
)
from fleet.operations.models import Operation
from fleet.operations.rules import (
    MAX_OPEN_PER_REGISTER,
    OPEN,
    Channel,
    OperationStatus,
    moment_text,
    offset_text,
    to_utc,
)
from fleet.operations.timing import earliest_start
from fleet.operations.types.contract import Objection, OperationType, TargetRegister
from fleet.registers.models import CashRegister
from fleet.registers.queries import registers_visible_to
from fleet.registers.rules import is_serial_number
from fleet.subscriptions.catalogue import purchase_hint
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.holdings import service_ends

TRANSIENT_REFUSALS: Final = frozenset({ANOTHER_RUNNING.code, TOO_MANY_OPEN.code})
"""Refusals that time alone mends."""


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


class RefusedRegister(NamedTuple):
    """One register that does not get the operation, and why."""

    serial_number: str
    refusal: Refusal
    params: Mapping[str, Any]


ServiceEnds = Mapping[Entitlement, Mapping[str, datetime | None]]
"""A service -> the registers that have or had it -> when it ends for them; ``None``: never."""


@dataclass(frozen=True, slots=True)
class _OrderContext:
    """An order, and what the database knows of its registers."""

    request: OperationRequest
    operation_type: OperationType[Any]
    params: Any
    own_params: Mapping[str, Any]
    """Of the registers that get others than ``params``."""
    now: datetime
    services: ServiceEnds
    registers: Mapping[str, CashRegister]
    open: Mapping[str, Sequence[OperationStatus]]
    assisted: frozenset[str]


StartTimes = dict[str, datetime | None]
"""Serial number -> the moment that was asked for; ``None``: now."""


async def judge_registers(
    db: AsyncSession,
    actor: Actor,
    request: OperationRequest,
    operation_type: OperationType[Any],
    params: Any,
    now: datetime,
    own_params: Mapping[str, Any],
) -> tuple[StartTimes, list[RefusedRegister]]:
    """The registers that get it, in their order, and the others; a statement for each thing that
    is asked of all of them."""
    known = list(filter(is_serial_number, request.serial_numbers))
    registers = await _lock_own(db, actor, known)
    services = await _services(db, list(registers), operation_type.required_services(params))
    statuses = await _open(db, list(registers))
    through_assistant = request.channel is Channel.ASSISTANT
    assisted = await served_by_assistant(db, list(registers)) if through_assistant else frozenset()
    asked = _OrderContext(
        request,
        operation_type,
        params,
        own_params,
        now,
        services,
        registers,
        statuses,
        assisted,
    )
    good: StartTimes = {}
    refused = []
    for serial in request.serial_numbers:
        verdict = Objection(REPEATED) if serial in good else _verdict(asked, serial)
        if verdict is None:
            good[serial] = _start_time(request, registers[serial])
        else:
            refused.append(RefusedRegister(serial, verdict.refusal, verdict.params))
    return good, refused


async def _lock_own(
    db: AsyncSession, actor: Actor, serial_numbers: Sequence[str]
) -> dict[str, CashRegister]:
    """The actor's registers; none is handed over before the order is there to be cancelled."""
    own = select(CashRegister).where(
        CashRegister.serial_number.in_(serial_numbers), registers_visible_to(actor)
    )
    held = select_for_update(db, own.order_by(CashRegister.serial_number), wait=True, shared=True)
    return {register.serial_number: register for register in await db.scalars(held)}


def _start_time(request: OperationRequest, register: CashRegister) -> datetime | None:
    """The moment that was asked for; a wall time needs a register whose zone is known."""
    if request.scheduled_local is None or register.utc_offset_min is None:
        return request.scheduled_for
    return to_utc(request.scheduled_local, register.utc_offset_min)


async def _services(
    db: AsyncSession, serial_numbers: Sequence[str], needed: Sequence[Entitlement]
) -> ServiceEnds:
    return {each: await service_ends(db, serial_numbers, each) for each in needed}


async def _open(
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


def _verdict(asked: _OrderContext, serial_number: str) -> Objection | None:
    register = asked.registers.get(serial_number)
    if register is None:
        return Objection(REGISTER_NOT_FOUND)
    verdicts = (look(asked, register) for look in _OBJECTIONS)
    return next((verdict for verdict in verdicts if verdict is not None), None)


def _blocked(asked: _OrderContext, register: CashRegister) -> Objection | None:
    """What is done on the server is for a blocked one too: people empty its queue."""
    served = not register.blocked or asked.operation_type.on_server
    return None if served else Objection(BLOCKED)


def _not_entitled(asked: _OrderContext, register: CashRegister) -> Objection | None:
    begins = _start_time(asked.request, register) or asked.now
    begins = earliest_start(asked.operation_type, asked.params, begins)
    return _missing_service(asked.services, register, begins, asked.now)


async def service_objection(
    db: AsyncSession,
    operation_type: OperationType[Any],
    params: Any,
    register: CashRegister,
    begins: datetime,
    now: datetime,
) -> Objection | None:
    """Why the register may not have the operation at that moment, or ``None``."""
    needed = operation_type.required_services(params)
    services = await _services(db, [register.serial_number], needed)
    return _missing_service(services, register, begins, now)


def _missing_service(
    services: ServiceEnds, register: CashRegister, begins: datetime, now: datetime
) -> Objection | None:
    """What the register lacks first: a service that it has not, or that ends before."""
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


def _queue_full(asked: _OrderContext, register: CashRegister) -> Objection | None:
    several = len(set(asked.request.serial_numbers)) > 1
    return Objection(ONE_ONLY) if asked.operation_type.one_register_only and several else None


def _without_assistant(asked: _OrderContext, register: CashRegister) -> Objection | None:
    if asked.request.channel is not Channel.ASSISTANT or register.serial_number in asked.assisted:
        return None
    return Objection(NO_ASSISTANT)


def _type_objection(asked: _OrderContext, register: CashRegister) -> Objection | None:
    target = TargetRegister(
        register.serial_number, register.platform, register.model, register.firmware_version
    )
    params = asked.own_params.get(register.serial_number, asked.params)
    return asked.operation_type.objection(target, params)


def _another_running(asked: _OrderContext, register: CashRegister) -> Objection | None:
    statuses = asked.open.get(register.serial_number, ())
    if asked.operation_type.on_server:
        return None
    if len(statuses) >= MAX_OPEN_PER_REGISTER:
        return Objection(TOO_MANY_OPEN)
    return Objection(ANOTHER_RUNNING) if OperationStatus.RUNNING in statuses else None


def _untimely(asked: _OrderContext, register: CashRegister) -> Objection | None:
    """A wall time means nothing at a register whose zone is unknown, or has passed there."""
    wall_time, offset_min = asked.request.scheduled_local, register.utc_offset_min
    if wall_time is None:
        return None
    if offset_min is None:
        return Objection(ZONE_UNKNOWN)
    if to_utc(wall_time, offset_min) <= asked.now:
        return Objection(PAST_AT_REGISTER, {"offset": offset_text(offset_min)})
    return None


_OBJECTIONS: Final[tuple[Callable[[_OrderContext, CashRegister], Objection | None], ...]] = (
    _blocked,
    _queue_full,
    _without_assistant,
    _type_objection,
    _not_entitled,
    _another_running,
    _untimely,
)
"""In the order in which people are told."""
