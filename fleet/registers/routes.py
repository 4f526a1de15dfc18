"""Endpoints of registers."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from fleet.accounts.roles import Right
from fleet.kit.http import Call, endpoint
from fleet.kit.input import Input, Nothing
from fleet.kit.language import Language
from fleet.kit.paging import Page
from fleet.registers import queries, service
from fleet.registers.queries import (
    HistoryQuery,
    HistoryRow,
    RegisterCard,
    RegisterFilter,
    RegisterKey,
    RegisterRow,
)
from fleet.registers.rules import MAX_REGISTERS, Verdict

TypedSerial = Annotated[str, Field(max_length=64)]


class SerialList(Input):
    """Which registers, by serial number as typed; each gets its own verdict."""

    serial_numbers: list[TypedSerial] = Field(min_length=1, max_length=MAX_REGISTERS)


class AcceptedSerial(BaseModel):
    """A register with which it was done."""

    serial_number: str


class RefusedSerial(BaseModel):
    """A register with which it was not done, and why."""

    serial_number: str
    reason: str
    message: str


class Verdicts(BaseModel):
    """What became of each serial number of the request."""

    accepted: list[AcceptedSerial]
    refused: list[RefusedSerial]


def to_reply(verdicts: Sequence[Verdict], language: Language) -> Verdicts:
    return Verdicts(
        accepted=[AcceptedSerial(serial_number=v.serial_number) for v in verdicts if not v.refusal],
        refused=[
            RefusedSerial(
                serial_number=v.serial_number,
                reason=v.refusal.code,
                message=v.refusal.message(language),
            )
            for v in verdicts
            if v.refusal
        ],
    )


@endpoint("GET", "/registers", right=Right.MONITORING)
async def list_registers(call: Call[RegisterFilter, None]) -> Page[RegisterRow]:
    """The partner's registers, page by page."""
    return await queries.page(call.db, call.actor, call.query, call.now)


@endpoint("GET", "/registers/{serial_number}", right=Right.MONITORING)
async def show_register(call: Call[RegisterKey, None]) -> RegisterCard:
    """One register with its latest telemetry."""
    serial = call.query.serial_number
    return await queries.card(call.db, call.actor, serial, call.language, call.now)


@endpoint("GET", "/registers/{serial_number}/telemetry", right=Right.MONITORING)
async def list_telemetry(call: Call[HistoryQuery, None]) -> Page[HistoryRow]:
    """The history of a register's telemetry, newest first."""
    return await queries.history(call.db, call.actor, call.query)


@endpoint("POST", "/registers/enrol", right=Right.REGISTERS)
async def enrol(call: Call[Nothing, SerialList]) -> Verdicts:
    """Add registers to the cabinet by their serial numbers."""
    verdicts = await service.enrol(call.db, call.actor, call.body.serial_numbers, call.now)
    return to_reply(verdicts, call.language)


@endpoint("POST", "/registers/hide", right=Right.REGISTERS)
async def hide(call: Call[Nothing, SerialList]) -> Verdicts:
    """Hide registers: they appear only with the filter `hidden`."""
    return await _set_flag(call, service.HIDE)


@endpoint("POST", "/registers/show", right=Right.REGISTERS)
async def show(call: Call[Nothing, SerialList]) -> Verdicts:
    """Show hidden registers again."""
    return await _set_flag(call, service.SHOW)


@endpoint("POST", "/registers/block", right=Right.REGISTERS)
async def block(call: Call[Nothing, SerialList]) -> Verdicts:
    """Block registers: the gateway refuses their conversations."""
    return await _set_flag(call, service.BLOCK)


@endpoint("POST", "/registers/unblock", right=Right.REGISTERS)
async def unblock(call: Call[Nothing, SerialList]) -> Verdicts:
    """Take the conversations of blocked registers again."""
    return await _set_flag(call, service.UNBLOCK)


async def _set_flag(call: Call[Nothing, SerialList], change: service.FlagChange) -> Verdicts:
    typed = call.body.serial_numbers
    verdicts = await service.set_flag(call.db, call.actor, change, typed, call.now)
    return to_reply(verdicts, call.language)


ENDPOINTS = (
    list_registers,
    show_register,
    list_telemetry,
    enrol,
    hide,
    show,
    block,
    unblock,
)
