"""Reading registers: the list, the card, the history of telemetry.

Every function looks only at what the actor may see; the rest is "not found".
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter
from sqlalchemy import ColumnElement, Row, Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.actor import Actor
from fleet.kit.input import Input, Moment, SerialText
from fleet.kit.language import Language
from fleet.kit.paging import (
    BAD_CURSOR,
    Filters,
    Page,
    PageQuery,
    conditions,
    from_cursor,
    page_of,
)
from fleet.registers.errors import REGISTER_NOT_FOUND
from fleet.registers.models import CashRegister
from fleet.registers.rules import ONLINE_WITHIN, Presence, presence
from fleet.telemetry.models import READINGS, RegisterState
from fleet.telemetry.rules import BY_NAME as CONDITIONS
from fleet.telemetry.rules import broken
from protocol.models import BY_CODE as MODELS
from protocol.platforms import Platform
from protocol.telemetry import FIELDS, Tab, decode

ConditionName = StrEnum("ConditionName", {name: name for name in CONDITIONS})  # type: ignore[misc]

NEVER_SEEN = datetime(2000, 1, 1, tzinfo=UTC)
"""Where a register that never called stands when sorted by its last call."""
MAX_SAME_MOMENT = 100_000


class SortKey(StrEnum):
    """Order of the list; a minus turns it round."""

    SERIAL_NUMBER = "serial_number"
    SERIAL_NUMBER_DOWN = "-serial_number"
    FIRMWARE_VERSION = "firmware_version"
    FIRMWARE_VERSION_DOWN = "-firmware_version"
    SEEN_AT = "seen_at"
    SEEN_AT_DOWN = "-seen_at"


class RegisterFilter(PageQuery):
    """Conditions of the list; all given ones must hold."""

    q: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Part of the serial, registration or fiscal drive number, of the owner's INN "
        "or name, or of the address.",
    )
    status: Presence | None = Field(
        default=None, description="Online = called within the last 30 minutes."
    )
    platform: Platform | None = None
    model: int | None = Field(default=None, ge=0, le=999, description="ATOL's model code.")
    firmware_version: str | None = Field(default=None, max_length=32)
    ffd_version: str | None = Field(default=None, max_length=16)
    fiscalised: bool | None = None
    hidden: bool = Field(default=False, description="True: the hidden ones instead of the others.")
    blocked: bool | None = None
    condition: ConditionName | None = Field(
        default=None, description="Broken according to the latest telemetry."
    )
    sort: SortKey = SortKey.SERIAL_NUMBER


class RegisterKey(Input):
    """Which register."""

    serial_number: SerialText


class HistoryQuery(RegisterKey, PageQuery):
    """Which register, and the span of its history."""

    since: Moment | None = Field(default=None, alias="from", description="Not earlier than this.")
    until: Moment | None = Field(default=None, alias="to", description="Earlier than this.")


class RegisterRow(BaseModel):
    """A register in the list.  Texts are empty and values None until its first telemetry."""

    serial_number: str
    status: Presence
    seen_at: datetime | None
    conditions: list[str] = Field(description="What is broken, by the latest telemetry.")
    platform: Platform | None
    model: int
    model_name: str = Field(description="Empty for a model that we do not know.")
    firmware_version: str
    ffd_version: str
    fiscalised: bool
    registration_number: str
    fiscal_drive_number: str
    owner_inn: str
    owner_name: str
    address: str
    utc_offset_min: int | None
    hidden: bool
    blocked: bool
    enrolled_at: datetime | None
    first_seen_at: datetime | None


class LabelledValue(BaseModel):
    """One value of the telemetry, with what the card writes beside it."""

    label: str
    value: Any
    unit: str
    tab: Tab


class RegisterCard(RegisterRow):
    """A register with its latest telemetry; empty when it has not called yet."""

    telemetry: dict[str, LabelledValue]


class HistoryRow(BaseModel):
    """One accepted reading: field name -> value."""

    accepted_at: datetime
    values: dict[str, Any]


class RegisterCursor(Input):
    sort: SortKey
    value: str = Field(max_length=64)
    serial_number: SerialText


class HistoryCursor(Input):
    """After the first ``skip`` readings of the moment ``accepted_at``."""

    accepted_at: Moment
    skip: int = Field(ge=1, le=MAX_SAME_MOMENT)


@dataclass(frozen=True, slots=True)
class Sort:
    """What the list is sorted by before the serial number, and how a page mark holds it."""

    column: ColumnElement[Any]
    mark: Callable[[RegisterRow], str]
    read: Callable[[Any], Any]


SORTS: Mapping[str, Sort] = {
    "serial_number": Sort(
        CashRegister.serial_number.expression,
        lambda row: row.serial_number,
        TypeAdapter[str](SerialText).validate_python,
    ),
    "firmware_version": Sort(
        CashRegister.firmware_version.expression, lambda row: row.firmware_version, str
    ),
    "seen_at": Sort(
        func.coalesce(RegisterState.seen_at, literal(NEVER_SEEN, RegisterState.seen_at.type)),
        lambda row: (row.seen_at or NEVER_SEEN).isoformat(),
        TypeAdapter[datetime](Moment).validate_python,
    ),
}

FILTERS: Filters = {
    "q": lambda text: CashRegister.search_text.contains(text.lower(), autoescape=True),
    "platform": lambda platform: CashRegister.platform == platform,
    "model": lambda code: CashRegister.model == code,
    "firmware_version": lambda version: CashRegister.firmware_version == version,
    "ffd_version": lambda version: CashRegister.ffd_version == version,
    "fiscalised": lambda yes: CashRegister.fiscalised.is_(yes),
    "hidden": lambda yes: CashRegister.hidden.is_(yes),
    "blocked": lambda yes: CashRegister.blocked.is_(yes),
    "condition": lambda name: RegisterState.condition_mask.op("&")(1 << CONDITIONS[name].bit) != 0,
}


def belongs_to(actor: Actor) -> ColumnElement[bool]:
    """The condition of a register that this employee may see and change."""
    return CashRegister.partner_id == actor.partner_id


async def find_own(
    db: AsyncSession, actor: Actor, serials: Collection[str]
) -> dict[str, CashRegister]:
    """Those of ``serials`` (well-formed) that the actor may see, by serial number."""
    own = select(CashRegister).where(CashRegister.serial_number.in_(serials), belongs_to(actor))
    return {register.serial_number: register for register in await db.scalars(own)}


async def page(
    db: AsyncSession, actor: Actor, query: RegisterFilter, now: datetime
) -> Page[RegisterRow]:
    """One page of the partner's registers."""
    name = query.sort.removeprefix("-")
    sort, down = SORTS[name], name != query.sort
    keys = (sort.column, CashRegister.serial_number)
    statement = (
        _with_state(actor)
        .where(*conditions(FILTERS, query), *_has_presence(query.status, now))
        .where(*_beyond(query, sort, down))
        .order_by(*(key.desc() if down else key.asc() for key in keys))
        .limit(query.limit + 1)
    )
    rows = [_to_row(found, now) for found in await db.execute(statement)]
    return page_of(
        rows,
        query.limit,
        lambda row: row,
        lambda row: RegisterCursor(
            sort=query.sort, value=sort.mark(row), serial_number=row.serial_number
        ),
    )


async def card(
    db: AsyncSession, actor: Actor, serial_number: str, language: Language, now: datetime
) -> RegisterCard:
    """The register with its latest telemetry; refuses one that the actor may not see."""
    statement = _with_state(actor).where(CashRegister.serial_number == serial_number)
    found = (await db.execute(statement)).one_or_none()
    if found is None:
        raise REGISTER_NOT_FOUND()
    row, state = _to_row(found, now), found[1]
    values = decode(state.block_version, state.block) if state else {}
    return RegisterCard(**row.model_dump(), telemetry=label(values, language))


async def history(db: AsyncSession, actor: Actor, query: HistoryQuery) -> Page[HistoryRow]:
    """The readings of a register, newest first; refuses one that the actor may not see."""
    if not await find_own(db, actor, [query.serial_number]):
        raise REGISTER_NOT_FOUND()
    readings = READINGS.c
    mark = from_cursor(HistoryCursor, query.after) if query.after else None
    statement = (
        select(readings.accepted_at, readings.block_version, readings.block)
        .where(readings.serial_number == query.serial_number, *conditions(HISTORY_FILTERS, query))
        .order_by(readings.accepted_at.desc(), readings.block)
        .limit(query.limit + 1)
    )
    if mark:
        statement = statement.where(readings.accepted_at <= mark.accepted_at).offset(mark.skip)
    found = (await db.execute(statement)).all()
    moments = [moment for moment, _, _ in found[: query.limit]]
    return page_of(
        found,
        query.limit,
        lambda row: HistoryRow(accepted_at=row[0], values=decode(row[1], row[2])),
        lambda row: _history_mark(moments, mark),
    )


HISTORY_FILTERS: Filters = {
    "since": lambda moment: READINGS.c.accepted_at >= moment,
    "until": lambda moment: READINGS.c.accepted_at < moment,
}


def _history_mark(moments: Sequence[datetime], before: HistoryCursor | None) -> HistoryCursor:
    """After the last of ``moments``.  Several readings may share it: count those shown."""
    last = moments[-1]
    earlier = before.skip if before and before.accepted_at == last else 0
    return HistoryCursor(accepted_at=last, skip=earlier + moments.count(last))


def label(values: Mapping[str, Any], language: Language) -> dict[str, LabelledValue]:
    """Decoded telemetry as the card shows it.  Fields that the table has not stay out."""
    return {
        field.name: LabelledValue(
            label=field.label_ru if language is Language.RU else field.label_en,
            value=values[field.name],
            unit=field.unit,
            tab=field.tab,
        )
        for field in FIELDS
        if field.name in values
    }


def _with_state(actor: Actor) -> Select[CashRegister, RegisterState | None]:
    same = RegisterState.serial_number == CashRegister.serial_number
    return (
        select(CashRegister, RegisterState).outerjoin(RegisterState, same).where(belongs_to(actor))
    )


def _has_presence(status: Presence | None, now: datetime) -> list[ColumnElement[bool]]:
    edge = now - ONLINE_WITHIN
    wanted = {
        Presence.ONLINE: RegisterState.seen_at > edge,
        Presence.OFFLINE: RegisterState.seen_at <= edge,
        Presence.NEVER: RegisterState.seen_at.is_(None),
    }
    return [wanted[status]] if status else []


def _beyond(query: RegisterFilter, sort: Sort, down: bool) -> list[ColumnElement[bool]]:
    """What comes after the page mark, which must be of the same order."""
    if query.after is None:
        return []
    mark = from_cursor(RegisterCursor, query.after)
    if mark.sort is not query.sort:
        raise BAD_CURSOR()
    try:
        value = sort.read(mark.value)
    except ValueError as error:
        raise BAD_CURSOR() from error
    serial = CashRegister.serial_number
    shown = tuple_(literal(value, sort.column.type), literal(mark.serial_number, serial.type))
    keys = tuple_(sort.column, serial)
    return [keys < shown if down else keys > shown]


def _to_row(found: Row[CashRegister, RegisterState | None], now: datetime) -> RegisterRow:
    register, state = found
    known = {name: getattr(register, name) for name in _ROW_COLUMNS}
    model = MODELS.get(register.model)
    return RegisterRow(
        **known,
        model_name=model.name if model else "",
        status=presence(state.seen_at if state else None, now),
        seen_at=state.seen_at if state else None,
        conditions=list(broken(state.condition_mask)) if state else [],
    )


_ROW_COLUMNS = frozenset(RegisterRow.model_fields) & frozenset(CashRegister.__table__.c.keys())
