"""Changes of registers: enrolment, flags, group and address, and the reported profile."""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts.employees import widen_scope
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import table_of
from fleet.kit.dialect import (
    columns_of,
    field_names,
    insert_columns,
    select_for_update,
    update_columns,
)
from fleet.kit.errors import Refusal
from fleet.kit.verdicts import judge_each
from fleet.registers.errors import (
    ALREADY_YOURS,
    BOUND_TO_ANOTHER_PARTNER,
    FISCALISED,
    OUT_OF_SCOPE,
    OWNER_KNOWN,
)
from fleet.registers.events import BlockingChanged, OwnersChanged
from fleet.registers.models import CashRegister
from fleet.registers.ownership import claim
from fleet.registers.ownership import hand_over as hand_over
from fleet.registers.ownership import lock_registers as lock_registers
from fleet.registers.queries import find_own, owned_by_partner, registers_visible_to
from fleet.registers.rules import (
    ONLINE_NOW,
    SerialVerdicts,
    found_or_refused,
    known_offset,
    read_serials,
    search_texts,
)
from fleet.telemetry.events import ConditionChange, Profile

_TOLD = field_names(Profile)


class Flag(StrEnum):
    """Flags of a register that people set."""

    HIDDEN = "hidden"
    BLOCKED = "blocked"
    NOTICES = "notices"


class FlagChange(NamedTuple):
    """A change of a flag, with its name in the audit log."""

    flag: Flag
    value: bool
    what: str


HIDE = FlagChange(Flag.HIDDEN, True, "registers.hidden")
SHOW = FlagChange(Flag.HIDDEN, False, "registers.shown")
BLOCK = FlagChange(Flag.BLOCKED, True, "registers.blocked")
UNBLOCK = FlagChange(Flag.BLOCKED, False, "registers.unblocked")

NOTICES_ON = FlagChange(Flag.NOTICES, True, "registers.notices_on")
NOTICES_OFF = FlagChange(Flag.NOTICES, False, "registers.notices_off")


async def enrol(act: Act, typed: Sequence[str]) -> SerialVerdicts:
    """Bind registers to the actor's partner; return a verdict for each of ``typed``.

    A register that never connected is bound by its number alone.  Registers that are fiscalised,
    report an owner or belong to another partner are refused.  If two partners enrol a register
    simultaneously, exactly one gets it.
    """
    good, refused = read_serials(typed)
    enrolled = await claim(act, act.actor.partner_id, good) if good else set()
    reasons = await _refusals(
        act.db, act.actor, [serial for serial in good if serial not in enrolled]
    )
    await audit.write(act, "registers.enrolled", _named(enrolled))
    await widen_scope(act.db, act.actor, enrolled)
    return judge_each(good, reasons.get, refused)


async def _refusals(
    db: AsyncSession, actor: Actor, serials: Sequence[str]
) -> dict[str, Refusal | None]:
    """Return the reasons of refusal; a limited employee does not learn who has a register."""
    yours = await find_own(db, actor, serials)
    taken = OUT_OF_SCOPE if actor.limited else BOUND_TO_ANOTHER_PARTNER
    these = select(CashRegister).where(CashRegister.serial_number.in_(serials))
    reasons = dict.fromkeys(yours, ALREADY_YOURS)
    for each in await db.scalars(these):
        nobodys = FISCALISED if each.fiscalised else OWNER_KNOWN
        reasons.setdefault(each.serial_number, nobodys if each.partner_id is None else taken)
    return dict(reasons)


async def set_flag(act: Act, change: FlagChange, typed: Sequence[str]) -> SerialVerdicts:
    """Set a flag of the partner's registers; return a verdict for each of ``typed``.

    A register whose flag is set already counts as done and is not logged.
    """
    good, refused = read_serials(typed)
    own = CashRegister.serial_number.in_(good) & registers_visible_to(act.actor)
    mine = select(CashRegister.serial_number).where(own).order_by(CashRegister.serial_number)
    found = set(await act.db.scalars(select_for_update(act.db, mine, wait=True)))
    flag = CashRegister.__table__.c[change.flag]
    changed = await act.db.scalars(
        update(CashRegister)
        .where(CashRegister.serial_number.in_(found), flag != change.value)
        .values({flag: change.value})
        .returning(CashRegister.serial_number)
    )
    await _announce_flag(act, change, set(changed))
    return found_or_refused(good, found, refused)


async def _announce_flag(act: Act, change: FlagChange, serials: set[str]) -> None:
    await audit.write(act, change.what, _named(serials))
    if serials and change.flag is Flag.BLOCKED:
        await act.announce(BlockingChanged(tuple(sorted(serials)), change.value))


def _named(serials: set[str]) -> list[str]:
    """Return the registers' names in the audit log."""
    return [f"register:{serial}" for serial in sorted(serials)]


async def set_group(act: Act, typed: Sequence[str], group_id: int | None) -> SerialVerdicts:
    """Put the partner's registers into a group, None = no group; return a verdict for each.

    The caller has checked that the group exists and may have registers.
    """
    good, refused = read_serials(typed)
    found = await _change(act, good, {"group_id": group_id}, "registers.grouped")
    return found_or_refused(good, found, refused)


async def set_address(
    act: Act, typed: Sequence[str], address_id: int | None, text: str
) -> SerialVerdicts:
    """Set the address of the partner's registers; return a verdict for each of ``typed``.

    An empty ``text`` restores the reported address.
    """
    good, refused = read_serials(typed)
    address: dict[str, Any] = {"address_id": address_id, "installed_address": text}
    found = await _change(act, good, address, "registers.moved")
    for register in found.values():
        register.shown_address = text or register.address
        register.search_numbers, register.search_names = search_texts(register, text)
    return found_or_refused(good, found, refused)


async def clear_groups(act: Act, group_ids: Collection[int]) -> None:
    """Take registers out of groups that are being deleted."""
    in_them = owned_by_partner(act.actor.partner_id) & CashRegister.group_id.in_(group_ids)
    columns = select(CashRegister.serial_number, CashRegister.group_id).where(in_them)
    held = await act.db.execute(
        select_for_update(act.db, columns.order_by(CashRegister.serial_number), wait=True)
    )
    left: dict[int | None, list[str]] = {}
    for serial, group_id in held:
        left.setdefault(group_id, []).append(f"register:{serial}")
    await act.db.execute(update(CashRegister).where(in_them).values(group_id=None))
    for group_id, objects in left.items():
        was, now_is = ({"group_id": each} for each in (group_id, None))
        await audit.write(act, "registers.grouped", objects, before=was, after=now_is)


async def rename_address(act: Act, address_id: int, old: str, new: str) -> None:
    """Change the address of registers after it was renamed in the address book."""
    there = owned_by_partner(act.actor.partner_id) & (CashRegister.shown_address == old)
    ordered = select(CashRegister).where(there, CashRegister.address_id == address_id)
    ordered = ordered.order_by(CashRegister.serial_number)
    registers = (await act.db.scalars(select_for_update(act.db, ordered, wait=True))).all()
    for register in registers:
        register.installed_address = register.shown_address = new
        register.search_numbers, register.search_names = search_texts(register, new)
    was, now_is = ({"address_id": address_id, "installed_address": each} for each in (old, new))
    objects = [f"register:{register.serial_number}" for register in registers]
    await audit.write(act, "registers.moved", objects, before=was, after=now_is)


async def _change(
    act: Act, serials: Sequence[str], values: Mapping[str, Any], what: str
) -> dict[str, CashRegister]:
    """Set columns of the partner's registers and log what changed; return the registers found."""
    own = CashRegister.serial_number.in_(serials) & registers_visible_to(act.actor)
    ordered = select(CashRegister).where(own).order_by(CashRegister.serial_number)
    found = {
        each.serial_number: each
        for each in await act.db.scalars(select_for_update(act.db, ordered, wait=True))
    }
    groups: dict[tuple[Any, ...], list[str]] = {}
    for serial, register in found.items():
        before = tuple(getattr(register, name) for name in values)
        if before != tuple(values.values()):
            groups.setdefault(before, []).append(f"register:{serial}")
        for name, value in values.items():
            setattr(register, name, value)
    for before, objects in groups.items():
        was = dict(zip(values, before, strict=True))
        await audit.write(act, what, objects, before=was, after=values)
    return found


async def store_profiles(act: Act, profiles: Sequence[Profile]) -> None:
    """Write reported profiles; a register that nobody enrolled is stored as unclaimed.

    The caller has locked the registers (``lock_registers``).
    """
    if not profiles:
        return
    ordered = sorted(profiles, key=lambda profile: profile.serial_number)
    before = await _previous_values(
        act.db, ordered, ("installed_address", "owner_inn", "first_seen_at")
    )
    columns = _columns(ordered, [each.installed_address if each else "" for each in before])
    columns["first_seen_at"] = [(each and each.first_seen_at) or act.now for each in before]
    constants = {"profile_at": act.now, "silent_since": ONLINE_NOW}
    await insert_columns(
        act.db, table_of(CashRegister), columns, constants, replace_on="serial_number"
    )
    owners = [each.owner_inn if each else "" for each in before]
    await _tell_owners(act, owners, columns["owner_inn"])


async def rewrite_profiles(act: Act, profiles: Sequence[Profile]) -> list[str]:
    """Write profiles of earlier readings; return the serial numbers whose columns changed.

    Unlike ``store_profiles`` it does not change when registers were seen.  The caller has locked
    the registers (``lock_registers``), and all exist.
    """
    before = await _previous_values(act.db, profiles, _REWRITTEN)
    columns = _columns(profiles, [row.installed_address for row in before if row])
    differ = [
        place
        for place, row in enumerate(before)
        if any(getattr(row, name) != values[place] for name, values in columns.items())
    ]
    if not differ:
        return []
    columns = {name: [values[place] for place in differ] for name, values in columns.items()}
    await update_columns(act.db, table_of(CashRegister), "serial_number", columns, {})
    owners = [row.owner_inn for place in differ if (row := before[place])]
    await _tell_owners(act, owners, columns["owner_inn"])
    return columns["serial_number"]


def _columns(profiles: Sequence[Profile], places: Sequence[str]) -> dict[str, list[Any]]:
    """Return the columns derived from profiles and from the addresses set by people."""
    found_by = list(map(search_texts, profiles, places))
    addresses = (profile.address for profile in profiles)
    return {
        **columns_of(_TOLD, profiles),
        "shown_address": [place or said for place, said in zip(places, addresses, strict=True)],
        "search_numbers": [each.numbers for each in found_by],
        "search_names": [each.names for each in found_by],
        "utc_offset_min": [known_offset(each.utc_offset_min) for each in profiles],
    }


async def _previous_values(
    db: AsyncSession, profiles: Sequence[Profile], names: Sequence[str]
) -> list[Row[*tuple[Any, ...]] | None]:
    """Return the stored values of these columns for each register; None for a missing one."""
    serial = CashRegister.serial_number
    wanted = select(serial, *(getattr(CashRegister, name) for name in names))
    rows = await db.execute(wanted.where(serial.in_([each.serial_number for each in profiles])))
    found = {row[0]: row for row in rows}
    return [found.get(each.serial_number) for each in profiles]


async def _tell_owners(act: Act, before: Sequence[str], after: Sequence[str]) -> None:
    """Announce the former and new INNs of registers whose reported owner changed."""
    pairs = zip(before, after, strict=True)
    if changed := {inn for was, now_is in pairs if was != now_is for inn in (was, now_is)}:
        await act.announce(OwnersChanged(frozenset(changed - {""}), act.now))


async def store_conditions(db: AsyncSession, changes: Sequence[ConditionChange]) -> None:
    """Copy the masks of broken conditions to the column that the list filters by.

    The caller has locked the registers (``lock_registers``).
    """
    columns: dict[str, list[Any]] = {
        "serial_number": [change.serial_number for change in changes],
        "condition_mask": [change.after for change in changes],
    }
    await update_columns(db, table_of(CashRegister), "serial_number", columns, {})


_REWRITTEN = (*_TOLD[1:], "installed_address", "shown_address", "search_numbers", "search_names")
"""Columns that are compared: those of a profile and those derived from it."""
