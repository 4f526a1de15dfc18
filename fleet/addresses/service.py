"""Changes of the address book and of the addresses of registers.

Renaming, deleting or assigning an address locks its row, so these follow one another.
"""

from collections.abc import Sequence

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


async def create(act: Act, typed: str) -> Address:
    """Create an address; raise ``ADDRESS_EXISTS`` if the book has it, whatever the case of letters.

    A limited employee, whose search may not find the existing address, gets that one instead.
    """
    found = address_texts(typed)
    if act.actor.limited and (
        known := await act.db.scalar(find_by_text(act.actor, found.search_text))
    ):
        return known
    address = Address(
        partner_id=act.actor.partner_id, created_at=act.now, changed_at=act.now, **found._asdict()
    )
    await _flush_unique(act.db, address)
    await audit.write(
        act, "addresses.created", [f"address:{address.id}"], after={"text": address.text}
    )
    return address


async def rename(act: Act, id_: int, typed: str) -> Address:
    """Change the text of an address and of the registers that have it; return the address.

    Raise ``ADDRESS_NOT_FOUND`` or ``ADDRESS_EXISTS``.
    """
    address = await _lock_own(act.db, act.actor, id_)
    before = address.text
    for name, value in address_texts(typed)._asdict().items():
        setattr(address, name, value)
    if address.text != before:
        address.changed_at = act.now
        await _flush_unique(act.db, address)
        await registers.rename_address(act, id_, before, address.text)
        was, text = {"text": before}, {"text": address.text}
        objects = [f"address:{address.id}"]
        await audit.write(act, "addresses.renamed", objects, before=was, after=text)
    return address


async def remove(act: Act, id_: int) -> None:
    """Delete an address; raise ``ADDRESS_IN_USE`` if a register has it."""
    address = await _lock_own(act.db, act.actor, id_)
    if await any_register_at(act.db, address):
        raise ADDRESS_IN_USE()
    await audit.write(
        act, "addresses.removed", [f"address:{address.id}"], before={"text": address.text}
    )
    await act.db.delete(address)


async def assign_address(act: Act, typed: Sequence[str], address_id: int | None) -> SerialVerdicts:
    """Set the address of registers, None = the reported one.

    Return a verdict for each of ``typed``.
    """
    text = ""
    if address_id is not None:
        text = (await _lock_own(act.db, act.actor, address_id, "address_id")).text
    return await registers.set_address(act, typed, address_id, text)


async def _lock_own(db: AsyncSession, actor: Actor, id_: int, field: str = "id") -> Address:
    address: Address | None = await db.scalar(
        select_for_update(db, own_condition(actor, id_), wait=True)
    )
    if address is None:
        raise ADDRESS_NOT_FOUND(field=field, id=id_)
    return address


async def _flush_unique(db: AsyncSession, address: Address) -> None:
    """Write the address; the database refuses the second of two simultaneous equal texts."""
    text = address.text
    try:
        async with db.begin_nested():
            db.add(address)
            await db.flush()
    except IntegrityError:
        raise ADDRESS_EXISTS(text=text) from None
