"""Endpoints of roll-outs."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from fleet.accounts.roles import Right
from fleet.kit.http import Call, endpoint
from fleet.kit.idempotency import run_once
from fleet.kit.input import Input, Nothing
from fleet.kit.paging import Page
from fleet.kit.validation import describe_pattern
from fleet.operations.rules import MAX_REGISTERS, Channel
from fleet.registers.queries import find_own
from fleet.registers.rules import read_serials
from fleet.rollouts import queries, service
from fleet.rollouts.errors import LIST_OR_SELECTION
from fleet.rollouts.queries import (
    RolloutFilter,
    RolloutKey,
    RolloutRow,
    RolloutView,
    Selection,
    TargetFilter,
    TargetRow,
)
from fleet.rollouts.rules import DEFAULT_WAVES, MAX_WAVES, WavePolicy

WAVE_PATTERN = describe_pattern(
    r"^([1-9][0-9]{0,5}|([1-9][0-9]?|100)%|rest)$",
    "волна — число касс (10), их доля (25%) или rest — все остальные.",
    "a wave is a number of registers (10), a share of them (25%), or rest: all others.",
)
Wave = Annotated[str, Field(pattern=WAVE_PATTERN)]


class NewRollout(Input):
    """One operation for a list of registers or for all of a selection."""

    type: str = Field(max_length=40, description="One of `GET /operation-types`.")
    params: dict[str, Any] = Field(
        default_factory=dict, description="Parameters, by the JSON Schema of the type."
    )
    channel: Channel = Channel.CASH_SERVER
    serial_numbers: list[Annotated[str, Field(max_length=32)]] | None = Field(
        default=None, min_length=1, max_length=MAX_REGISTERS
    )
    selection: Selection | None = Field(
        default=None, description="Instead of the list: up to 100,000 registers."
    )
    waves: list[Wave] = Field(
        default_factory=lambda: list(DEFAULT_WAVES),
        min_length=1,
        max_length=MAX_WAVES,
        description="Counts, percentages of the whole (`10%`) or `rest`.",
    )
    failure_percent: int = Field(
        default=5, ge=0, le=100, description="More failures in a wave than this pause."
    )
    pass_percent: int = Field(
        default=100,
        ge=1,
        le=100,
        description="When this share of a wave has finished, the next one starts; registers that "
        "are away just wait.",
    )


class StartedRollout(BaseModel):
    """The new roll-out, and the serial numbers that are not in it."""

    id: int
    registers: int
    unknown: list[str] = Field(description="Not among the organisation's registers, or repeated.")


@endpoint("POST", "/rollouts", right=Right.MONITORING, status=202, repeatable=True)
async def start(call: Call[Nothing, NewRollout]) -> StartedRollout:
    """Start a roll-out: one operation for many registers, wave by wave.

    The next wave starts when enough of the current one has finished; too many failures pause the
    roll-out.
    """

    async def begin() -> StartedRollout:
        body = call.body
        good, unknown = await _registers(call)
        policy = WavePolicy(body.failure_percent, body.pass_percent)
        plan = service.RolloutRequest(
            body.type, body.channel, body.params, good, body.waves, policy
        )
        id_ = await service.start(call.act, plan)
        return StartedRollout(id=id_, registers=len(good), unknown=unknown)

    return await run_once(call.act, call.idempotency_key, call.body, begin, StartedRollout)


async def _registers(call: Call[Nothing, NewRollout]) -> tuple[list[str], list[str]]:
    typed, selection = call.body.serial_numbers, call.body.selection
    if selection is not None and typed is None:
        return await queries.select_registers(call.act, selection), []
    if typed is None or selection is not None:
        raise LIST_OR_SELECTION()
    serials, unfit = read_serials(typed)
    own = await find_own(call.db, call.actor, serials)
    good = [serial for serial in serials if serial in own]
    strangers = [serial for serial in serials if serial not in own]
    return good, strangers + [each.item for each in unfit]


@endpoint("GET", "/rollouts", right=Right.MONITORING)
async def list_rollouts(call: Call[RolloutFilter, None]) -> Page[RolloutRow]:
    """List the partner's roll-outs, newest first."""
    return await queries.page(call.act, call.query)


@endpoint("GET", "/rollouts/{id}", right=Right.MONITORING)
async def show(call: Call[RolloutKey, None]) -> RolloutView:
    """Show one roll-out with the counts of its waves."""
    return await queries.rollout_view(call.act, call.query.id)


@endpoint("GET", "/rollouts/{id}/registers", right=Right.MONITORING)
async def list_registers(call: Call[TargetFilter, None]) -> Page[TargetRow]:
    """List the registers of a roll-out, each with its state or the reason of its refusal."""
    return await queries.targets(call.act, call.query)


@endpoint("POST", "/rollouts/{id}/pause", right=Right.MONITORING)
async def pause(call: Call[RolloutKey, None]) -> RolloutView:
    """Pause a roll-out: it orders nothing new and cancels operations that have not begun."""
    await service.pause(call.act, call.query.id)
    return await queries.rollout_view(call.act, call.query.id)


@endpoint("POST", "/rollouts/{id}/resume", right=Right.MONITORING)
async def resume(call: Call[RolloutKey, None]) -> RolloutView:
    """Resume a paused roll-out.

    Earlier failures do not count any more.  From now on it orders in the name of the employee who
    resumes it.
    """
    await service.resume(call.act, call.query.id)
    return await queries.rollout_view(call.act, call.query.id)


@endpoint("POST", "/rollouts/{id}/abort", right=Right.MONITORING)
async def abort(call: Call[RolloutKey, None]) -> RolloutView:
    """Abort a roll-out for good; operations that have begun in a register end there."""
    await service.abort(call.act, call.query.id)
    return await queries.rollout_view(call.act, call.query.id)


ENDPOINTS = (start, list_rollouts, show, list_registers, pause, resume, abort)
