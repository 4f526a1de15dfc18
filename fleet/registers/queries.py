"""Queries of registers that an employee may see, and the row of a register in lists.

Every function sees only registers that the actor may see; others are "not found".
"""

from collections.abc import Collection
from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, ColumnElement, Select, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts.models import ScopeEntry, ScopeKind
from fleet.kit.actor import Actor
from fleet.kit.input import Input, SerialText
from fleet.registers.models import CashRegister
from fleet.registers.rules import Indicator, RegisterPresence, indicator, presence
from fleet.telemetry.rules import broken_conditions
from protocol.models import BY_CODE as MODELS
from protocol.platforms import Platform


class RegisterKey(Input):
    """Key of a register."""

    serial_number: SerialText


class RegisterRow(BaseModel):
    """A register in the list; texts are empty and values None until its first telemetry."""

    serial_number: str
    status: RegisterPresence
    seen_at: datetime | None
    conditions: list[str] = Field(description="What is broken, by the latest telemetry.")
    indicator: Indicator = Field(description="The colour that the compact list shows.")
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
    address: str = Field(description="Where people say that it stands, else what it says itself.")
    group_id: int | None
    utc_offset_min: int | None
    hidden: bool
    blocked: bool
    notices: bool = Field(description="People are told by e-mail what breaks.")
    enrolled_at: datetime | None
    first_seen_at: datetime | None


def registers_visible_to(actor: Actor) -> ColumnElement[bool]:
    """Return the condition of registers that this employee may see and change."""
    own = CashRegister.partner_id == actor.partner_id
    return own & _in_scope(actor.employee_id) if actor.limited else own


def _in_scope(employee_id: int) -> ColumnElement[bool]:
    def named(kind: ScopeKind) -> Select[str]:
        entries = (ScopeEntry.employee_id == employee_id, ScopeEntry.kind == kind)
        return select(ScopeEntry.value).where(*entries)

    serials = named(ScopeKind.REGISTER).with_only_columns(cast(ScopeEntry.value, BigInteger))
    return CashRegister.owner_inn.in_(named(ScopeKind.CLIENT)) | (
        CashRegister.serial_number.in_(serials)
    )


async def find_own(
    db: AsyncSession, actor: Actor, serials: Collection[str]
) -> dict[str, CashRegister]:
    """Return those of ``serials`` (well-formed) that the actor may see, by serial number."""
    own = select(CashRegister).where(
        CashRegister.serial_number.in_(serials), registers_visible_to(actor)
    )
    return {register.serial_number: register for register in await db.scalars(own)}


def owned_by_partner(partner_id: int | ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition of a partner's registers, hidden or not.

    It has both columns, because the indexes of the list begin with them.
    """
    return (CashRegister.partner_id == partner_id) & CashRegister.hidden.in_((False, True))


async def count_by_group(
    db: AsyncSession, actor: Actor, group_ids: Collection[int] | None = None
) -> dict[int, int]:
    """Return how many registers that the actor may see each group has, hidden ones included.

    ``group_ids`` None = all groups; groups without registers are left out.
    """
    group = CashRegister.group_id
    these = group.is_not(None) if group_ids is None else group.in_(group_ids)
    own = (owned_by_partner(actor.partner_id), registers_visible_to(actor), these)
    counted = select(group, func.count()).where(*own)
    counts = await db.execute(counted.group_by(group))
    return {id_: count for id_, count in counts if id_ is not None}


async def any_in_group(db: AsyncSession, partner_id: int, group_id: int) -> bool:
    """Tell whether any register of the partner, hidden or not, is in the group."""
    one = select(CashRegister.serial_number).where(
        owned_by_partner(partner_id), CashRegister.group_id == group_id
    )
    return await db.scalar(one.limit(1)) is not None


def to_row(register: CashRegister, seen_at: datetime | None, now: datetime) -> RegisterRow:
    """Return the row of a register; ``seen_at`` = its last check-in, from its latest state."""
    known = {name: getattr(register, name) for name in _ROW_COLUMNS}
    model = MODELS.get(register.model)
    status, conditions = presence(seen_at, now), list(broken_conditions(register.condition_mask))
    return RegisterRow(
        **known,
        address=register.shown_address,
        model_name=model.name if model else "",
        status=status,
        seen_at=seen_at,
        conditions=conditions,
        indicator=indicator(status, conditions),
    )


_ROW_COLUMNS = frozenset(RegisterRow.model_fields) & frozenset(CashRegister.__table__.c.keys())
_ROW_COLUMNS -= {"address"}
