"""Queries of roll-outs: the list, the card with its waves, and the counts for the rules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, case, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.input import MAX_INTEGER, Input
from fleet.kit.language import Language
from fleet.kit.paging import Filters, Keyset, Page, PageQuery, conditions, page_of
from fleet.operations.models import Operation
from fleet.operations.rules import OPEN, Channel
from fleet.operations.types import BY_KIND
from fleet.registers.filters import FILTERS as REGISTER_FILTERS
from fleet.registers.models import CashRegister
from fleet.registers.queries import registers_visible_to
from fleet.rollouts.errors import ROLLOUT_NOT_FOUND, TOO_MANY_REGISTERS
from fleet.rollouts.models import Rollout, RolloutTarget
from fleet.rollouts.rules import (
    FAILED_STATES,
    MAX_REGISTERS,
    MAX_WAVES,
    UNFINISHED,
    RolloutStatus,
    StopReason,
    TargetState,
    WaveProgress,
)
from fleet.subscriptions.queries import within_scope
from protocol.platforms import Platform


class Selection(Input):
    """Conditions of the registers to take; all given ones must hold."""

    platform: Platform | None = None
    model: int | None = Field(default=None, ge=0, le=999, description="ATOL's model code.")
    firmware_version: str | None = Field(default=None, max_length=32)
    ffd_version: str | None = Field(default=None, max_length=16)
    hidden: bool = Field(default=False, description="True: hidden registers instead of the others.")


class RolloutFilter(PageQuery):
    """Conditions of the list of roll-outs."""

    status: RolloutStatus | None = None


class RolloutKey(Input):
    """Key of a roll-out."""

    id: int = Field(ge=1, lt=MAX_INTEGER)


class TargetFilter(RolloutKey, PageQuery):
    """Conditions of a roll-out's registers; all given ones must hold."""

    wave: int | None = Field(default=None, ge=1, le=MAX_WAVES + 1)
    state: TargetState | None = None


class TargetCursor(Input):
    """Cursor of a page of a roll-out's registers."""

    wave: int = Field(ge=0, le=MAX_WAVES)
    id: int = Field(ge=1, lt=MAX_INTEGER)


class TargetRow(BaseModel):
    """A register of a roll-out."""

    serial_number: str
    wave: int = Field(description="From 1.")
    state: TargetState
    operation_id: int | None
    reason: str | None = Field(description="Refused: the stable code of the reason.")
    message: str | None = Field(description="Refused: the reason in words.")


class RolloutRow(BaseModel):
    """A roll-out in the list."""

    id: int
    type: str
    channel: Channel
    status: RolloutStatus
    reason: StopReason | None = Field(description="Why it is paused or aborted.")
    wave: int = Field(description="The current one, from 1.")
    wave_count: int
    failure_percent: int
    pass_percent: int
    created_at: datetime
    created_by: int
    resumed_by: int | None = Field(
        description="Employee who resumed it last; it orders in their name since then."
    )
    changed_at: datetime
    finished_at: datetime | None


class WaveView(BaseModel):
    """A wave with the number of its registers in each state."""

    number: int
    size: int
    counts: dict[TargetState, int]


class RolloutView(RolloutRow):
    """A roll-out with its parameters and waves."""

    params: dict[str, Any]
    waves: list[WaveView]


FILTERS: Filters = {"status": lambda status: Rollout.status == status}
SELECTION_FILTERS: Filters = {
    name: REGISTER_FILTERS[name]
    for name in ("platform", "model", "firmware_version", "ffd_version", "hidden")
}

_STATE = case(
    (RolloutTarget.refusal.is_not(None), TargetState.REFUSED.value),
    (Operation.id.is_(None), TargetState.WAITING.value),
    else_=Operation.status.cast(RolloutTarget.refusal.type),
)


TARGET_FILTERS: Filters = {
    "wave": lambda number: RolloutTarget.wave == number - 1,
    "state": lambda state: _STATE.in_([state]),
}


NEWEST_FIRST: Final = Keyset(RolloutKey, {"id": Rollout.id}, down=True)
BY_WAVE: Final = Keyset(TargetCursor, {"wave": RolloutTarget.wave, "id": RolloutTarget.id})


async def select_registers(act: Act, selection: Selection) -> list[str]:
    """Return the serial numbers of the partner's registers that match, in their order.

    Raise ``TOO_MANY_REGISTERS`` if more than ``MAX_REGISTERS`` match.
    """
    statement = (
        select(CashRegister.serial_number)
        .where(registers_visible_to(act.actor), *conditions(SELECTION_FILTERS, selection))
        .order_by(CashRegister.serial_number)
        .limit(MAX_REGISTERS + 1)
    )
    found = (await act.db.scalars(statement)).all()
    if len(found) > MAX_REGISTERS:
        raise TOO_MANY_REGISTERS()
    return list(found)


async def started_waves(db: AsyncSession, rollout: Rollout) -> list[WaveProgress]:
    """Return the progress of the current wave and those before it, in their order."""
    new = true() if rollout.resumed_at is None else Operation.finished_at > rollout.resumed_at
    failed = Operation.status.in_(FAILED_STATES) & new
    finished = RolloutTarget.refusal.is_not(None) | Operation.status.not_in(OPEN)
    statement = (
        select(
            func.count(),
            func.count(case((finished, 1))),
            func.count(case((failed, 1))),
        )
        .select_from(RolloutTarget)
        .outerjoin(Operation, Operation.id == RolloutTarget.operation_id)
        .where(RolloutTarget.rollout_id == rollout.id, RolloutTarget.wave <= rollout.wave)
        .group_by(RolloutTarget.wave)
        .order_by(RolloutTarget.wave)
    )
    return [WaveProgress(*row) for row in await db.execute(statement)]


async def is_open(db: AsyncSession, rollout: Rollout) -> bool:
    """Tell whether a register of any wave has not finished yet."""
    counted = await _counted(db, rollout.id)
    return any(state in UNFINISHED for _, state, _ in counted)


async def _counted(db: AsyncSession, rollout_id: int) -> Sequence[tuple[int, TargetState, int]]:
    statement = (
        select(RolloutTarget.wave, _STATE, func.count())
        .outerjoin(Operation, Operation.id == RolloutTarget.operation_id)
        .where(RolloutTarget.rollout_id == rollout_id)
        .group_by(RolloutTarget.wave, _STATE)
        .order_by(RolloutTarget.wave)
    )
    return [(number, TargetState(state), n) for number, state, n in await db.execute(statement)]


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """Return the SQL condition of a roll-out that this employee may see and change.

    A roll-out over the whole fleet shows registers outside a scope, so an employee with a scope
    sees only the roll-outs that they started.
    """
    own = Rollout.partner_id == actor.partner_id
    return own & (Rollout.created_by == actor.employee_id) if actor.limited else own


async def page(act: Act, query: RolloutFilter) -> Page[RolloutRow]:
    """Return one page of the partner's roll-outs, newest first."""
    mine = select(Rollout).where(visible_to(act.actor), *conditions(FILTERS, query))
    return page_of(
        (await act.db.scalars(NEWEST_FIRST.page(mine, query))).all(),
        query.limit,
        show=lambda row: RolloutRow.model_validate(_shown(row)),
        position=lambda row: RolloutKey(id=row.id),
    )


async def rollout_view(act: Act, rollout_id: int) -> RolloutView:
    """Return the partner's roll-out with the counts of its waves.

    Raise ``ROLLOUT_NOT_FOUND`` if the actor may not see it.
    """
    found = await _find(act, rollout_id)
    operation_type = BY_KIND[found.type]
    can_see = operation_type.right in act.actor.rights
    params = found.params if can_see else operation_type.without_secrets(found.params)
    waves = await _waves(act.db, rollout_id)
    return RolloutView(**_shown(found), params=params, waves=waves)


async def _find(act: Act, rollout_id: int) -> Rollout:
    mine = select(Rollout).where(Rollout.id == rollout_id, visible_to(act.actor))
    found: Rollout | None = await act.db.scalar(mine)
    if found is None:
        raise ROLLOUT_NOT_FOUND(id=rollout_id)
    return found


async def targets(act: Act, query: TargetFilter) -> Page[TargetRow]:
    """Return one page of the registers of the partner's roll-out, in the order of their waves.

    Registers that have left the partner are included, those outside the actor's scope are not.
    """
    rollout = await _find(act, query.id)
    statement = (
        select(RolloutTarget, _STATE)
        .outerjoin(Operation, Operation.id == RolloutTarget.operation_id)
        .where(RolloutTarget.rollout_id == rollout.id, *conditions(TARGET_FILTERS, query))
        .where(*within_scope(act.actor, RolloutTarget.serial_number))
    )
    return page_of(
        (await act.db.execute(BY_WAVE.page(statement, query))).all(),
        query.limit,
        show=lambda row: _target(row[0], row[1], act.language),
        position=lambda row: TargetCursor(wave=row[0].wave, id=row[0].id),
    )


def _target(target: RolloutTarget, state: str, language: Language) -> TargetRow:
    return TargetRow(
        serial_number=target.serial_number,
        wave=target.wave + 1,
        state=TargetState(state),
        operation_id=target.operation_id,
        reason=target.refusal,
        message=target.why[language] if target.why else None,
    )


async def _waves(db: AsyncSession, rollout_id: int) -> list[WaveView]:
    waves: dict[int, dict[TargetState, int]] = {}
    for number, state, count in await _counted(db, rollout_id):
        waves.setdefault(number, {})[state] = count
    return [
        WaveView(number=number + 1, size=sum(counts.values()), counts=counts)
        for number, counts in waves.items()
    ]


def _shown(row: Rollout) -> dict[str, Any]:
    shown = {name: getattr(row, name) for name in RolloutRow.model_fields}
    return {**shown, "wave": row.wave + 1}
