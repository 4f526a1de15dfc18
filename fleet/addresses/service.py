"""Changing the address book, and where registers stand.

Whoever renames, deletes or gives out an address holds its row, so none of it happens at once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.addresses.errors import ADDRESS_EXISTS, ADDRESS_IN_USE, ADDRESS_NOT_FOUND
from fleet.addresses.models import Address
from fleet.addresses.queries import any_register_at, find_by_text, own_condition
from fleet.addresses.rules import address_texts
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.dialect import select_for_update
from fleet.registers import service as registers
from fleet.registers.rules import SerialVerdicts


async def create(db: AsyncSession, actor: Actor, typed: str, now: datetime) -> Address:
    """A new address; refuses one that the book has already, in whatever letters.

    To a limited employee, whose search may not find that one, it is given instead.
    """
    found = address_texts(typed)
    if actor.limited and (known := await db.scalar(find_by_text(actor, found.search_text))):
        return known
    address = Address(
        partner_id=actor.partner_id, created_at=now, changed_at=now, **found._asdict()
    )
    await _flush_unique(db, address)
    await _audit(db, actor, now, "created", address, after={"text": address.text})
    return address


async def rename(db: AsyncSession, actor: Actor, id_: int, typed: str, now: datetime) -> Address:
    """Another text for an address and for the registers that stand there."""
    address = await _lock_own(db, actor, id_)
    before = address.text
    for name, value in address_texts(typed)._asdict().items():
        setattr(address, name, value)
    if address.text != before:
        address.changed_at = now
        await _flush_unique(db, address)
        await registers.rename_address(db, actor, id_, before, address.text, now)
        told = {"before": {"text": before}, "after": {"text": address.text}}
        await _audit(db, actor, now, "renamed", address, **told)
    return address


async def remove(db: AsyncSession, actor: Actor, id_: int, now: datetime) -> None:
    """Delete an address at which no register stands."""
    address = await _lock_own(db, actor, id_)
    if await any_register_at(db, address):
        raise ADDRESS_IN_USE()
    await _audit(db, actor, now, "removed", address, before={"text": address.text})
    await db.delete(address)


async def assign_address(
    db: AsyncSession, actor: Actor, typed: Sequence[str], address_id: int | None, now: datetime
) -> SerialVerdicts:
    """Say at which address of the book registers stand, None: where each says itself; a verdict
    for each of ``typed``."""
    text = ""
    if address_id is not None:
        text = (await _lock_own(db, actor, address_id, "address_id")).text
    return await registers.set_address(db, actor, typed, address_id, text, now)


async def _lock_own(db: AsyncSession, actor: Actor, id_: int, field: str = "id") -> Address:
    address: Address | None = await db.scalar(
        select_for_update(db, own_condition(actor, id_), wait=True)
    )
    if address is None:
        raise ADDRESS_NOT_FOUND(field=field, id=id_)
    return address


async def _flush_unique(db: AsyncSession, address: Address) -> None:
    """Of two who write one text at once the database refuses one."""
    text = address.text
    try:
        async with db.begin_nested():
            db.add(address)
            await db.flush()
    except IntegrityError:
        raise ADDRESS_EXISTS(text=text) from None


async def _audit(
    db: AsyncSession,
    actor: Actor,
    now: datetime,
    verb: str,
    address: Address,
    *,
    before: Mapping[str, str] | None = None,
    after: Mapping[str, str] | None = None,
) -> None:
    what, objects = f"addresses.{verb}", [f"address:{address.id}"]
    await audit.write(Act(db, actor, now), what, objects, before=before, after=after)
