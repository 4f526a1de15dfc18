"""The card of a register, the term of its fiscal drive, and the history of its telemetry.

Every function sees only registers that the actor may see; others are "not found".
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.input import Input, Moment
from fleet.kit.language import Language
from fleet.kit.paging import Filters, Page, PageQuery, conditions, page_of, read_cursor
from fleet.registers.errors import REGISTER_NOT_FOUND
from fleet.registers.queries import RegisterKey, RegisterRow, find_own, to_row
from fleet.registers.rules import documents_per_day, drive_usage, full_at, valid_until
from fleet.telemetry.models import READINGS, RegisterState
from protocol.telemetry import FIELDS, Tab, decode

MAX_READINGS_AT_ONE_MOMENT = 100_000


class HistoryQuery(RegisterKey, PageQuery):
    """A register, and the time span of its history."""

    since: Moment | None = Field(default=None, alias="from", description="Not earlier than this.")
    until: Moment | None = Field(default=None, alias="to", description="Earlier than this.")


class LabelledValue(BaseModel):
    """A value of the telemetry with its label, unit and tab of the card."""

    label: str
    value: Any
    unit: str
    tab: Tab


class DriveTerm(BaseModel):
    """Term of the fiscal drive; values are None until the register reports a drive."""

    valid_until: datetime | None = Field(
        description="The drive's own term, else 13 months after its activation."
    )
    documents_per_day: float | None = Field(
        description="On average, over the history that is kept."
    )
    full_at: datetime | None = Field(
        description="Forecast: when its memory or its term ends, whichever is first."
    )


class RegisterCard(RegisterRow):
    """A register with its latest telemetry, which is empty before its first check-in."""

    installed_address: str = Field(description="Where people say that it stands; may be empty.")
    address_id: int | None = Field(description="Where that is in the partner's address book.")
    fiscal_drive: DriveTerm
    telemetry: dict[str, LabelledValue]


class HistoryRow(BaseModel):
    """An accepted reading: field name -> value."""

    accepted_at: datetime
    values: dict[str, Any]


class HistoryCursor(Input):
    """Position after the first ``skip`` readings of the moment ``accepted_at``."""

    accepted_at: Moment
    skip: int = Field(ge=1, le=MAX_READINGS_AT_ONE_MOMENT)


async def card(act: Act, serial_number: str) -> RegisterCard:
    """Return the register with its latest telemetry; raise ``REGISTER_NOT_FOUND``."""
    register = (await find_own(act.db, act.actor, [serial_number])).get(serial_number)
    if register is None:
        raise REGISTER_NOT_FOUND()
    state = await act.db.get(RegisterState, serial_number)
    row = to_row(register, state.seen_at if state else None, act.now)
    return RegisterCard(
        **row.model_dump(),
        installed_address=register.installed_address,
        address_id=register.address_id,
        fiscal_drive=await _drive_term(act.db, state),
        telemetry=label_values(
            decode(state.block_version, state.block) if state else {}, act.language
        ),
    )


async def _drive_term(db: AsyncSession, state: RegisterState | None) -> DriveTerm:
    if state is None:
        return DriveTerm(valid_until=None, documents_per_day=None, full_at=None)
    latest = drive_usage(state.seen_at, state.block_version, state.block)
    first = (await db.execute(oldest_reading(state.serial_number))).one_or_none()
    rate = documents_per_day(drive_usage(*first) if first else None, latest)
    return DriveTerm(
        valid_until=valid_until(latest),
        documents_per_day=None if rate is None else round(rate, 1),
        full_at=full_at(latest, rate),
    )


def oldest_reading(serial_number: Any) -> Select[datetime, int, bytes]:
    """Return a query of the oldest stored reading of a register: moment, block version, block."""
    readings = READINGS.c
    return (
        select(readings.accepted_at, readings.block_version, readings.block)
        .where(readings.serial_number == serial_number)
        .order_by(readings.accepted_at)
        .limit(1)
    )


async def history(db: AsyncSession, actor: Actor, query: HistoryQuery) -> Page[HistoryRow]:
    """Return a page of a register's readings, newest first; raise ``REGISTER_NOT_FOUND``.

    Readings from before the register came to its partner are left out: they are the former
    partner's.
    """
    register = (await find_own(db, actor, [query.serial_number])).get(query.serial_number)
    if register is None:
        raise REGISTER_NOT_FOUND()
    readings = READINGS.c
    mark = read_cursor(HistoryCursor, query.after) if query.after else None
    statement = (
        select(readings.accepted_at, readings.block_version, readings.block)
        .where(readings.serial_number == query.serial_number, *conditions(HISTORY_FILTERS, query))
        .order_by(readings.accepted_at.desc(), readings.block)
        .limit(query.limit + 1)
    )
    if register.enrolled_at:
        statement = statement.where(readings.accepted_at >= register.enrolled_at)
    if mark:
        statement = statement.where(readings.accepted_at <= mark.accepted_at).offset(mark.skip)
    found = (await db.execute(statement)).all()
    moments = [moment for moment, _, _ in found[: query.limit]]
    return page_of(
        found,
        query.limit,
        lambda row: HistoryRow(accepted_at=row[0], values=decode(row[1], row[2])),
        lambda row: _history_cursor(moments, mark),
    )


HISTORY_FILTERS: Filters = {
    "since": lambda moment: READINGS.c.accepted_at >= moment,
    "until": lambda moment: READINGS.c.accepted_at < moment,
}


def _history_cursor(moments: Sequence[datetime], before: HistoryCursor | None) -> HistoryCursor:
    """Return the position after the last of ``moments``; several readings may share a moment."""
    last = moments[-1]
    earlier = before.skip if before and before.accepted_at == last else 0
    return HistoryCursor(accepted_at=last, skip=earlier + moments.count(last))


def label_values(values: Mapping[str, Any], language: Language) -> dict[str, LabelledValue]:
    """Return decoded telemetry as the card shows it, without fields that the table lacks."""
    return {
        field.name: LabelledValue(
            label=field.label_ru if language is Language.RU else field.label_en,
            value=values[field.name],
            unit=field.unit_ru if language is Language.RU else field.unit_en,
            tab=field.tab,
        )
        for field in FIELDS
        if field.name in values
    }
