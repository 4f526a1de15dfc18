"""Changing registers: enrolment, hiding, blocking, and what they say of themselves."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit import service as audit
from fleet.kit.actor import Actor
from fleet.kit.database import insert_into, table_of
from fleet.kit.dialect import insert_columns
from fleet.kit.errors import Refusal
from fleet.kit.facts import announce
from fleet.registers.errors import (
    ALREADY_YOURS,
    BOUND_TO_ANOTHER_PARTNER,
    FISCALISED,
    REGISTER_NOT_FOUND,
)
from fleet.registers.events import BlockingChanged
from fleet.registers.models import CashRegister
from fleet.registers.queries import belongs_to
from fleet.registers.rules import Verdict, model_code, read_serials, search_text
from fleet.telemetry.events import Profile


class Flag(StrEnum):
    """The flags of a register that people set."""

    HIDDEN = "hidden"
    BLOCKED = "blocked"


class FlagChange(NamedTuple):
    """One way to set a flag, and what the audit log calls it."""

    flag: Flag
    value: bool
    what: str


HIDE = FlagChange(Flag.HIDDEN, True, "registers.hidden")
SHOW = FlagChange(Flag.HIDDEN, False, "registers.shown")
BLOCK = FlagChange(Flag.BLOCKED, True, "registers.blocked")
UNBLOCK = FlagChange(Flag.BLOCKED, False, "registers.unblocked")


async def enrol(
    db: AsyncSession, actor: Actor, typed: Sequence[str], now: datetime
) -> list[Verdict]:
    """Bind registers to the actor's partner; a verdict for each of ``typed``, good ones go through.

    A register that never called is taken by its number alone.  Fiscalised ones and those of
    another partner are refused.  Of two partners who enrol one register at once exactly one
    gets it: the row decides, in one statement.
    """
    good, refused = read_serials(typed)
    enrolled = await _claim(db, actor.partner_id, good, now) if good else set()
    reasons = await _why_not(db, actor, [serial for serial in good if serial not in enrolled])
    await _audit(db, actor, now, "registers.enrolled", enrolled)
    return [Verdict(serial, reasons.get(serial)) for serial in good] + refused


async def _claim(
    db: AsyncSession, partner_id: int, serials: Sequence[str], now: datetime
) -> set[str]:
    # In the order of the key, so that two requests over the same rows cannot deadlock.
    rows = [
        {
            "serial_number": serial,
            "model": model_code(serial),
            "search_text": search_text([serial]),
            "partner_id": partner_id,
            "enrolled_at": now,
        }
        for serial in sorted(serials)
    ]
    insert = insert_into(db, CashRegister).values(rows)
    claim = insert.on_conflict_do_update(
        index_elements=[CashRegister.serial_number],
        set_={"partner_id": partner_id, "enrolled_at": now},
        where=CashRegister.partner_id.is_(None) & ~CashRegister.fiscalised,
    )
    return set(await db.scalars(claim.returning(CashRegister.serial_number)))


async def _why_not(
    db: AsyncSession, actor: Actor, serials: Sequence[str]
) -> dict[str, Refusal | None]:
    columns = select(CashRegister.serial_number, CashRegister.partner_id)
    rows = await db.execute(columns.where(CashRegister.serial_number.in_(serials)))
    partners: dict[int | None, Refusal] = {None: FISCALISED, actor.partner_id: ALREADY_YOURS}
    return {serial: partners.get(partner, BOUND_TO_ANOTHER_PARTNER) for serial, partner in rows}


async def set_flag(
    db: AsyncSession, actor: Actor, change: FlagChange, typed: Sequence[str], now: datetime
) -> list[Verdict]:
    """Set a flag of the partner's registers; a verdict for each of ``typed``.

    A register that has the flag so already counts as done and leaves no trace in the log.
    """
    good, refused = read_serials(typed)
    own = CashRegister.serial_number.in_(good) & belongs_to(actor)
    found = set(await db.scalars(select(CashRegister.serial_number).where(own)))
    flag = CashRegister.__table__.c[change.flag]
    changed = await db.scalars(
        update(CashRegister)
        .where(own, flag != change.value)
        .values({flag: change.value})
        .returning(CashRegister.serial_number)
    )
    await _tell(db, actor, change, set(changed), now)
    verdicts = [Verdict(s, None if s in found else REGISTER_NOT_FOUND) for s in good]
    return verdicts + refused


async def _tell(
    db: AsyncSession, actor: Actor, change: FlagChange, serials: set[str], now: datetime
) -> None:
    await _audit(db, actor, now, change.what, serials)
    if serials and change.flag is Flag.BLOCKED:
        await announce(db, BlockingChanged(tuple(sorted(serials)), change.value))


async def _audit(
    db: AsyncSession, actor: Actor, now: datetime, what: str, serials: set[str]
) -> None:
    await audit.write(db, actor, now, what, [f"register:{serial}" for serial in sorted(serials)])


async def keep_profiles(db: AsyncSession, profiles: Sequence[Profile], now: datetime) -> None:
    """Write what registers say of themselves; one that nobody enrolled appears as unclaimed."""
    if not profiles:
        return
    ordered = sorted(profiles, key=lambda profile: profile.serial_number)
    columns: dict[str, list[Any]] = {
        name: [getattr(profile, name) for profile in ordered] for name in _PROFILE_COLUMNS
    }
    columns["search_text"] = [_searched(profile) for profile in ordered]
    await insert_columns(
        db, table_of(CashRegister), columns, {"profile_at": now}, replace_on="serial_number"
    )
    await db.execute(
        update(CashRegister)
        .where(
            CashRegister.serial_number.in_(columns["serial_number"]),
            CashRegister.first_seen_at.is_(None),
        )
        .values(first_seen_at=now)
    )


_PROFILE_COLUMNS = (
    "serial_number",
    "platform",
    "model",
    "key_generation",
    "channel",
    "firmware_version",
    "ffd_version",
    "fiscalised",
    "registration_number",
    "fiscal_drive_number",
    "owner_inn",
    "owner_name",
    "address",
    "utc_offset_min",
)


def _searched(profile: Profile) -> str:
    return search_text(
        [
            profile.serial_number,
            profile.registration_number,
            profile.fiscal_drive_number,
            profile.owner_inn,
            profile.owner_name,
            profile.address,
        ]
    )
