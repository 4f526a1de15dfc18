"""Ownership of registers: choosing one's own, claiming by number, transfer by support."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import insert_into, table_of
from fleet.kit.dialect import select_for_update
from fleet.registers.errors import NO_OWN_REGISTERS
from fleet.registers.events import BlockingChanged, RegisterHandOver, RegistersHandedOver
from fleet.registers.models import CashRegister
from fleet.registers.queries import find_own
from fleet.registers.rules import (
    SerialVerdicts,
    found_or_refused,
    model_code,
    read_serials,
    search_texts,
)


async def lock_registers(db: AsyncSession, serials: Collection[str]) -> None:
    """Lock these registers until the commit; create the missing ones without a partner.

    First all missing rows are inserted, then all rows are locked, both in the order of the key: a
    transaction that locks some rows and then inserts others could deadlock with another one.  A
    transaction that changes several registers calls this once.
    """
    numbers = select(CashRegister.serial_number)
    these = numbers.where(CashRegister.serial_number.in_(serials))
    if missing := set(serials).difference(await db.scalars(these)):
        insert = insert_into(db, table_of(CashRegister)).on_conflict_do_nothing()
        await db.execute(insert, _unknown_register_rows(missing))
    held = select_for_update(db, these.order_by(CashRegister.serial_number), wait=True).subquery()
    await db.execute(select(func.count()).select_from(held))


async def claim(act: Act, partner_id: int, serials: Collection[str]) -> set[str]:
    """Bind the registers that belong to no partner to this one; return those that were bound.

    Registers that are fiscalised or report an owner are not bound (ATOL Connect manual: bound to no
    client).  A register that never connected is bound by its number alone.
    """
    await lock_registers(act.db, serials)
    nobodys = (CashRegister.partner_id.is_(None), CashRegister.owner_inn == "")
    free = (*nobodys, ~CashRegister.fiscalised)
    taken = update(CashRegister).where(CashRegister.serial_number.in_(serials), *free)
    bound = taken.values(partner_id=partner_id, enrolled_at=act.now)
    return set(await act.db.scalars(bound.returning(CashRegister.serial_number)))


async def choose_registers(db: AsyncSession, actor: Actor, typed: Sequence[str]) -> SerialVerdicts:
    """Return a verdict for each of ``typed``: accepted if the actor may see the register.

    Raise ``NO_OWN_REGISTERS`` if none is (ATOL Connect manual, "choose registers").
    """
    good, refused = read_serials(typed)
    found = await find_own(db, actor, good)
    if not found:
        raise NO_OWN_REGISTERS()
    return found_or_refused(good, found, refused)


async def hand_over(
    act: Act, serial_numbers: Collection[str], to_partner_id: int
) -> list[tuple[str, int | None]]:
    """Transfer the registers (well-formed numbers) to the partner, from any partner or none.

    Return those that moved, each with its former partner (None = it had none); the partner's own
    are left unchanged.  The former partner's settings are reset: group, address, hidden, blocked,
    notices. Both partners get an entry in their audit log.
    """
    if not serial_numbers:
        return []
    await lock_registers(act.db, serial_numbers)
    others = CashRegister.partner_id.is_distinct_from(to_partner_id)
    these = select(CashRegister).where(CashRegister.serial_number.in_(serial_numbers), others)
    ordered = these.order_by(CashRegister.serial_number)
    registers = (await act.db.scalars(ordered.execution_options(populate_existing=True))).all()
    moved = [(each.serial_number, each.partner_id) for each in registers]
    freed = tuple(each.serial_number for each in registers if each.blocked)
    for each in registers:
        _reset_to_partner(each, to_partner_id, act.now)
    if moved:
        await _announce_hand_over(act, moved, to_partner_id)
    if freed:
        await act.announce(BlockingChanged(freed, False))
    return moved


def _reset_to_partner(register: CashRegister, to_partner_id: int, now: datetime) -> None:
    register.partner_id, register.enrolled_at = to_partner_id, now
    register.hidden, register.blocked, register.notices = False, False, True
    register.group_id, register.address_id, register.installed_address = None, None, ""
    register.shown_address = register.address
    register.search_numbers, register.search_names = search_texts(register)


async def _announce_hand_over(
    act: Act, moved: Sequence[tuple[str, int | None]], to_partner_id: int
) -> None:
    received = [f"register:{serial}" for serial, _ in moved]
    await audit.write(act.by(None), "registers.received", received, partner_id=to_partner_id)
    for former in sorted({partner for _, partner in moved if partner is not None}):
        given = [f"register:{serial}" for serial, partner in moved if partner == former]
        await audit.write(act.by(None), "registers.handed_over", given, partner_id=former)
    await act.db.flush()
    moves = tuple(RegisterHandOver(serial, former, to_partner_id) for serial, former in moved)
    await act.announce(RegistersHandedOver(moves, act.now))


def _unknown_register_rows(serials: Collection[str]) -> list[dict[str, object]]:
    return [
        {
            "serial_number": serial,
            "model": model_code(serial),
            "search_numbers": serial,
        }
        for serial in sorted(serials)
    ]
