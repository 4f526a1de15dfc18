"""Changing the address book, and where registers stand.

Whoever renames, deletes or gives out an address holds its row, so none of it happens at once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.addresses.errors import ADDRESS_EXISTS, ADDRESS_IN_USE, ADDRESS_NOT_FOUND
from fleet.addresses.models import Address
from fleet.addresses.queries import any_register_at, of_text, own
from fleet.addresses.rules import texts
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.dialect import locked
from fleet.registers import service as registers
from fleet.registers.rules import SerialVerdicts


async def create(db: AsyncSession, actor: Actor, typed: str, now: datetime) -> Address:
    """A new address; refuses one that the book has already, in whatever letters.

    To a limited employee, whose search may not find that one, it is given instead.
    """
    found = texts(typed)
    if actor.limited and (known := await db.scalar(of_text(actor, found.search_text))):
        return known
    address = Address(
        partner_id=actor.partner_id, created_at=now, changed_at=now, **found._asdict()
    )
    await _keep(db, address)
    await _audit(db, actor, now, "created", address, after={"text": address.text})
    return address


async def rename(db: AsyncSession, actor: Actor, id_: int, typed: str, now: datetime) -> Address:
    """Another text for an address and for the registers that stand there."""
    address = await _held(db, actor, id_)
    before = address.text
    for name, value in texts(typed)._asdict().items():
        setattr(address, name, value)
    if address.text != before:
        address.changed_at = now
        await _keep(db, address)
        await registers.rename_address(db, actor, id_, before, address.text, now)
        told = {"before": {"text": before}, "after": {"text": address.text}}
        await _audit(db, actor, now, "renamed", address, **told)
    return address


async def remove(db: AsyncSession, actor: Actor, id_: int, now: datetime) -> None:
    """Delete an address at which no register stands."""
    address = await _held(db, actor, id_)
    if await any_register_at(db, address):
        raise ADDRESS_IN_USE()
    await _audit(db, actor, now, "removed", address, before={"text": address.text})
    await db.delete(address)


async def place(
    db: AsyncSession, actor: Actor, typed: Sequence[str], address_id: int | None, now: datetime
) -> SerialVerdicts:
    """Say at which address of the book registers stand, None: where each says itself; a verdict
    for each of ``typed``."""
    text = ""
    if address_id is not None:
        text = (await _held(db, actor, address_id, "address_id")).text
    return await registers.set_address(db, actor, typed, address_id, text, now)


async def _held(db: AsyncSession, actor: Actor, id_: int, field: str = "id") -> Address:
    address: Address | None = await db.scalar(locked(db, own(actor, id_), wait=True))
    if address is None:
        raise ADDRESS_NOT_FOUND(field=field, id=id_)
    return address


async def _keep(db: AsyncSession, address: Address) -> None:
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
