"""Which registers of an order get it: a verdict for each, before anything starts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.assistants.queries import with_assistant
from fleet.kit.actor import Actor
from fleet.kit.dialect import locked
from fleet.kit.errors import Refusal
from fleet.operations.errors import (
    ANOTHER_RUNNING,
    BLOCKED,
    ENTITLED_UNTIL,
    NO_ASSISTANT,
    NOT_ENTITLED,
    ONE_ONLY,
    PAST_THERE,
    REGISTER_NOT_FOUND,
    REPEATED,
    TOO_MANY_OPEN,
    ZONE_UNKNOWN,
)
from fleet.operations.models import Operation
from fleet.operations.rules import (
    MAX_OPEN_PER_REGISTER,
    OPEN,
    Channel,
    Status,
    moment_text,
    moment_there,
    offset_text,
)
from fleet.operations.timing import not_before
from fleet.operations.types.contract import OperationType, Target, Verdict
from fleet.registers.models import CashRegister
from fleet.registers.queries import belongs_to
from fleet.registers.rules import is_serial_number
from fleet.subscriptions.catalogue import to_buy
from fleet.subscriptions.effective import ends_of
from fleet.subscriptions.entitlements import Entitlement

PASSING: Final = frozenset({ANOTHER_RUNNING.code, TOO_MANY_OPEN.code})
"""Refusals that time alone mends."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person orders; ``params`` are as they were sent.

    At most one of the times: a moment, or a wall time (naive) of each register's own zone.
    """

    type: str
    serial_numbers: Sequence[str]
    params: Mapping[str, Any]
    channel: Channel
    scheduled_for: datetime | None
    scheduled_local: datetime | None = None


class Refused(NamedTuple):
    """One register that does not get the operation, and why."""

    serial_number: str
    refusal: Refusal
    params: Mapping[str, Any]


Services = Mapping[Entitlement, Mapping[str, datetime | None]]
"""A service -> the registers that have or had it -> when it ends for them; ``None``: never."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """An order, and what the database knows of its registers."""

    wish: Wish
    operation_type: OperationType[Any]
    params: Any
    own_params: Mapping[str, Any]
    """Of the registers that get others than ``params``."""
    now: datetime
    services: Services
    registers: Mapping[str, CashRegister]
    open: Mapping[str, Sequence[Status]]
    assisted: frozenset[str]


Scheduled = dict[str, datetime | None]
"""Serial number -> the moment that was asked for; ``None``: now."""


async def sort_out(
    db: AsyncSession,
    actor: Actor,
    wish: Wish,
    operation_type: OperationType[Any],
    params: Any,
    now: datetime,
    own_params: Mapping[str, Any],
) -> tuple[Scheduled, list[Refused]]:
    """The registers that get it, in their order, and the others; a statement for each thing that
    is asked of all of them."""
    known = list(filter(is_serial_number, wish.serial_numbers))
    registers = await _hold_own(db, actor, known)
    services = await _services(db, list(registers), operation_type.needs(params))
    statuses = await _open(db, list(registers))
    through_assistant = wish.channel is Channel.ASSISTANT
    assisted = await with_assistant(db, list(registers)) if through_assistant else frozenset()
    asked = _Asked(
        wish,
        operation_type,
        params,
        own_params,
        now,
        services,
        registers,
        statuses,
        assisted,
    )
    good: Scheduled = {}
    refused = []
    for serial in wish.serial_numbers:
        verdict = Verdict(REPEATED) if serial in good else _verdict(asked, serial)
        if verdict is None:
            good[serial] = _begins_at(wish, registers[serial])
        else:
            refused.append(Refused(serial, verdict.refusal, verdict.params))
    return good, refused


async def _hold_own(
    db: AsyncSession, actor: Actor, serial_numbers: Sequence[str]
) -> dict[str, CashRegister]:
    """The actor's registers; none is handed over before the order is there to be cancelled."""
    own = select(CashRegister).where(
        CashRegister.serial_number.in_(serial_numbers), belongs_to(actor)
    )
    held = locked(db, own.order_by(CashRegister.serial_number), wait=True, shared=True)
    return {register.serial_number: register for register in await db.scalars(held)}


def _begins_at(wish: Wish, register: CashRegister) -> datetime | None:
    """The moment that was asked for; a wall time needs a register whose zone is known."""
    if wish.scheduled_local is None or register.utc_offset_min is None:
        return wish.scheduled_for
    return moment_there(wish.scheduled_local, register.utc_offset_min)


async def _services(
    db: AsyncSession, serial_numbers: Sequence[str], needed: Sequence[Entitlement]
) -> Services:
    return {each: await ends_of(db, serial_numbers, each) for each in needed}


async def _open(db: AsyncSession, serial_numbers: Sequence[str]) -> dict[str, list[Status]]:
    rows = await db.execute(
        select(Operation.serial_number, Operation.status).where(
            Operation.serial_number.in_(serial_numbers), Operation.status.in_(OPEN)
        )
    )
    found: dict[str, list[Status]] = {}
    for serial, status in rows:
        found.setdefault(serial, []).append(status)
    return found


def _verdict(asked: _Asked, serial_number: str) -> Verdict | None:
    register = asked.registers.get(serial_number)
    if register is None:
        return Verdict(REGISTER_NOT_FOUND)
    verdicts = (look(asked, register) for look in _LOOKS)
    return next((verdict for verdict in verdicts if verdict is not None), None)


def _blocked(asked: _Asked, register: CashRegister) -> Verdict | None:
    """What is done on the server is for a blocked one too: people empty its queue."""
    served = not register.blocked or asked.operation_type.on_server
    return None if served else Verdict(BLOCKED)


def _not_entitled(asked: _Asked, register: CashRegister) -> Verdict | None:
    begins = _begins_at(asked.wish, register) or asked.now
    begins = not_before(asked.operation_type, asked.params, begins)
    return _lacks(asked.services, register, begins, asked.now)


async def lacks_service(
    db: AsyncSession,
    operation_type: OperationType[Any],
    params: Any,
    register: CashRegister,
    begins: datetime,
    now: datetime,
) -> Verdict | None:
    """Why the register may not have the operation at that moment, or ``None``."""
    needed = operation_type.needs(params)
    services = await _services(db, [register.serial_number], needed)
    return _lacks(services, register, begins, now)


def _lacks(
    services: Services, register: CashRegister, begins: datetime, now: datetime
) -> Verdict | None:
    """What the register lacks first: a service that it has not, or that ends before."""
    for service, ends in services.items():
        until = ends.get(register.serial_number, now)
        if until is None or until > max(begins, now):
            continue
        names = to_buy([service], register.platform, register.model)
        if until > now:
            told = moment_text(until, register.utc_offset_min or 0)
            return Verdict(ENTITLED_UNTIL, {**names, "until": told})
        return Verdict(NOT_ENTITLED, names)
    return None


def _crowded(asked: _Asked, register: CashRegister) -> Verdict | None:
    several = len(set(asked.wish.serial_numbers)) > 1
    return Verdict(ONE_ONLY) if asked.operation_type.single and several else None


def _unassisted(asked: _Asked, register: CashRegister) -> Verdict | None:
    if asked.wish.channel is not Channel.ASSISTANT or register.serial_number in asked.assisted:
        return None
    return Verdict(NO_ASSISTANT)


def _unfit(asked: _Asked, register: CashRegister) -> Verdict | None:
    target = Target(
        register.serial_number, register.platform, register.model, register.firmware_version
    )
    params = asked.own_params.get(register.serial_number, asked.params)
    return asked.operation_type.verdict(target, params)


def _busy(asked: _Asked, register: CashRegister) -> Verdict | None:
    statuses = asked.open.get(register.serial_number, ())
    if asked.operation_type.on_server:
        return None
    if len(statuses) >= MAX_OPEN_PER_REGISTER:
        return Verdict(TOO_MANY_OPEN)
    return Verdict(ANOTHER_RUNNING) if Status.RUNNING in statuses else None


def _untimely(asked: _Asked, register: CashRegister) -> Verdict | None:
    """A wall time means nothing at a register whose zone is unknown, or has passed there."""
    wall_time, offset_min = asked.wish.scheduled_local, register.utc_offset_min
    if wall_time is None:
        return None
    if offset_min is None:
        return Verdict(ZONE_UNKNOWN)
    if moment_there(wall_time, offset_min) <= asked.now:
        return Verdict(PAST_THERE, {"offset": offset_text(offset_min)})
    return None


_LOOKS: Final[tuple[Callable[[_Asked, CashRegister], Verdict | None], ...]] = (
    _blocked,
    _crowded,
    _unassisted,
    _unfit,
    _not_entitled,
    _busy,
    _untimely,
)
"""In the order in which people are told."""
