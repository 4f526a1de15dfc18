"""Filters of registers: the conditions of the list, the file and the count.

Every filter has an indexed column in ``registers``: the latest states cannot have these indexes, as
every check-in writes them.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field
from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.actor import Actor
from fleet.kit.dialect import plan_with_values
from fleet.kit.inn import NamedInn
from fleet.kit.input import MAX_INTEGER, Input
from fleet.kit.paging import Filters, conditions
from fleet.kit.search import MAX_SEARCH_LENGTH, TRIMMED, fold_case
from fleet.kit.validation import describe_pattern
from fleet.registers.models import CashRegister
from fleet.registers.queries import registers_visible_to
from fleet.registers.rules import MIN_SEARCH_LENGTH, NEVER_SEEN, ONLINE_NOW, RegisterPresence
from fleet.telemetry.rules import BY_NAME as CONDITIONS
from protocol.platforms import Platform

ConditionName = StrEnum("ConditionName", {name: name for name in CONDITIONS})  # type: ignore[misc]

MAX_VALUES = 50
"""Maximum number of values of one filter."""
WHOLE_NUMBERS: Mapping[int, tuple[Any, ...]] = {
    10: (CashRegister.owner_inn,),
    12: (CashRegister.owner_inn,),
    14: (CashRegister.serial_number,),
    16: (CashRegister.fiscal_drive_number, CashRegister.registration_number),
}
"""Number of digits -> indexed columns with numbers of this length."""

Value = TypeVar("Value")


def split(given: object) -> object:
    """Return the values of a query parameter, which are separated by commas."""
    return tuple(given.split(",")) if isinstance(given, str) else given


def _bounds_on_items(schema: dict[str, Any]) -> None:
    """Rename bounds in the schema: after a validator, pydantic takes them for a text's."""
    schema["minItems"], schema["maxItems"] = schema.pop("minLength"), schema.pop("maxLength")


Several = Annotated[
    tuple[Value, ...],
    BeforeValidator(split),
    # Declared after the splitting, so that an invalid value is not reported as a missing one too.
    Field(min_length=1, max_length=MAX_VALUES, json_schema_extra=_bounds_on_items),
]
"""One value or several separated by commas, any of which may match."""
Model = Annotated[int, Field(ge=0, le=999)]
GroupId = Annotated[int, Field(ge=1, lt=MAX_INTEGER)]
Version = Annotated[str, Field(max_length=32)]
RegisterSearchText = Annotated[
    str,
    Field(
        min_length=MIN_SEARCH_LENGTH,
        max_length=MAX_SEARCH_LENGTH,
        pattern=describe_pattern(
            r"\S.+\S",
            "нужны хотя бы три символа, не считая пробелов по краям.",
            "must have at least three characters besides spaces at the ends.",
        ),
    ),
    TRIMMED,
]


class RegisterConditions(Input):
    """Conditions of the list; all given ones must hold."""

    q: RegisterSearchText | None = Field(
        default=None,
        description="Part of the serial, registration or fiscal drive number, of the owner's INN "
        "or name, or of the address, capital or small, with ё or е; a whole number that some "
        "register has finds no others.",
    )
    status: Several[RegisterPresence] | None = Field(
        default=None,
        description="Online = called within the last 30 minutes. A register that has just come "
        "or gone may be missing for a minute.",
    )
    condition: Several[ConditionName] | None = Field(
        default=None, description="Broken according to the latest telemetry."
    )
    group_id: Several[GroupId] | None = None
    grouped: bool | None = Field(default=None, description="False: those that are in no group.")
    owner_inn: Several[NamedInn] | None = Field(default=None, description="The client.")
    platform: Several[Platform] | None = None
    model: Several[Model] | None = Field(default=None, description="ATOL's model code.")
    firmware_version: Several[Version] | None = None
    ffd_version: Several[Version] | None = None
    fiscalised: bool | None = None
    hidden: bool = Field(default=False, description="True: the hidden ones instead of the others.")
    blocked: bool | None = None


def _any_of(column: Any) -> Callable[[Any], ColumnElement[bool]]:
    """Return a condition that the column has the value, or one of the values."""
    return lambda found: column.in_(found if isinstance(found, tuple) else (found,))


def _is(flag: ColumnElement[bool]) -> Callable[[bool], ColumnElement[bool]]:
    """Return a condition written as in the partial indexes: PostgreSQL recognises no other form."""
    return lambda yes: flag if yes else ~flag


def _has_status(statuses: tuple[RegisterPresence, ...]) -> ColumnElement[bool]:
    since = CashRegister.silent_since
    spans = {
        RegisterPresence.NEVER: since == NEVER_SEEN,
        RegisterPresence.OFFLINE: (since > NEVER_SEEN) & (since < ONLINE_NOW),
        RegisterPresence.ONLINE: since == ONLINE_NOW,
    }
    return or_(*(spans[status] for status in sorted(set(statuses))))


FILTERS: Filters = {
    "status": _has_status,
    "group_id": _any_of(CashRegister.group_id),
    "grouped": lambda yes: (
        CashRegister.group_id.is_not(None) if yes else CashRegister.group_id.is_(None)
    ),
    "owner_inn": _any_of(CashRegister.owner_inn),
    "platform": _any_of(CashRegister.platform),
    "model": _any_of(CashRegister.model),
    "firmware_version": _any_of(CashRegister.firmware_version),
    "ffd_version": _any_of(CashRegister.ffd_version),
    "fiscalised": _is(CashRegister.fiscalised.expression),
    "hidden": lambda yes: CashRegister.hidden.is_(yes),
    "blocked": _is(CashRegister.blocked.expression),
}
"""Filters except ``q`` and ``condition``, which need a query first (``selected_by``)."""


async def selected_by(
    db: AsyncSession, actor: Actor, query: RegisterConditions
) -> list[ColumnElement[bool]]:
    """Return the conditions of the registers that the query selects and the actor may see.

    They are for statements of the same transaction.
    """
    await plan_with_values(db)
    found = [registers_visible_to(actor), *conditions(FILTERS, query)]
    if query.q is not None:
        found.append(await _searched(db, actor, query.q, query.hidden))
    if query.condition is not None:
        wanted = sum(1 << CONDITIONS[name].bit for name in set(query.condition))
        masks = await _masks(db, actor.partner_id, query.hidden)
        found.append(CashRegister.condition_mask.in_([mask for mask in masks if mask & wanted]))
    return found


async def _searched(db: AsyncSession, actor: Actor, text: str, hidden: bool) -> ColumnElement[bool]:
    """Return the condition of a search: registers with this whole number, else with this text."""
    for column in WHOLE_NUMBERS.get(len(text), ()) if text.isdecimal() and text.isascii() else ():
        whole: ColumnElement[bool] = column == text
        among = exists().where(registers_visible_to(actor), CashRegister.hidden.is_(hidden), whole)
        if await db.scalar(select(among)):
            return whole
    names, numbers = (
        column.contains(fold_case(text), autoescape=True)
        for column in (CashRegister.search_names, CashRegister.search_numbers)
    )
    return names | numbers if text.isdecimal() else names


async def _masks(db: AsyncSession, partner_id: int, hidden: bool) -> list[int]:
    """Return the masks of broken conditions of the partner's registers: some dozens at most.

    Each is found by one step along the index.  PostgreSQL can estimate the rows of a list of
    existing masks; for an expression with the bits, or a list of all possible masks, it cannot, and
    reads everything to find rare ones.
    """
    mask = CashRegister.condition_mask
    own = (CashRegister.partner_id == partner_id) & CashRegister.hidden.is_(hidden)
    first = select(func.min(mask).label("mask")).where(own, mask > 0)
    walk = first.cte("walk", recursive=True)
    beyond = select(func.min(mask)).where(own, mask > walk.c.mask).scalar_subquery()
    walk = walk.union_all(select(beyond).where(walk.c.mask.is_not(None)))
    return list(await db.scalars(select(walk.c.mask).where(walk.c.mask.is_not(None))))
