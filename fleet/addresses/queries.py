"""Queries of the address book, limited to the actor's partner.

A limited employee sees the addresses of the registers in their scope.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, String, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.addresses.models import Address
from fleet.addresses.rules import SORT_KEY_LENGTH, normalise_spaces
from fleet.kit.actor import Actor
from fleet.kit.input import MAX_INTEGER, Input
from fleet.kit.paging import Filters, Keyset, Page, PageQuery, conditions, page_of
from fleet.kit.search import SearchText, fold_case
from fleet.registers.models import CashRegister
from fleet.registers.queries import owned_by_partner, registers_visible_to


class AddressFilter(PageQuery):
    """Conditions of the list: the text typed so far."""

    q: SearchText | None = Field(default=None, description="Part of the address.")


class AddressView(BaseModel):
    """An address of the book."""

    id: int
    text: str
    registers: int = Field(description="Registers that stand there, hidden ones too.")


class AddressCursor(Input):
    sort_key: str = Field(max_length=SORT_KEY_LENGTH)
    id: int = Field(ge=1, lt=MAX_INTEGER)


_searched = func.replace(Address.search_text, "ё", "е", type_=String)
"""Searched text with ё as е; the stored text keeps both letters, since it must be unique."""

FILTERS: Filters = {
    "q": lambda typed: _searched.contains(fold_case(normalise_spaces(typed)), autoescape=True),
}

ALPHABETICAL: Final = Keyset(AddressCursor, {"sort_key": Address.sort_key, "id": Address.id})


async def page(db: AsyncSession, actor: Actor, query: AddressFilter) -> Page[AddressView]:
    """Return a page of the address book in alphabetical order."""
    seen = select(Address).where(_visible_to(actor), *conditions(FILTERS, query))
    found = (await db.scalars(ALPHABETICAL.page(seen, query))).all()
    counts = await _count_registers(db, actor, found)
    return page_of(
        found,
        query.limit,
        lambda address: _view(address, counts),
        lambda address: AddressCursor(sort_key=address.sort_key, id=address.id),
    )


def _visible_to(actor: Actor) -> ColumnElement[bool]:
    own = Address.partner_id == actor.partner_id
    standing = select(CashRegister.address_id).where(registers_visible_to(actor))
    return own & Address.id.in_(standing) if actor.limited else own


async def view(db: AsyncSession, actor: Actor, address: Address) -> AddressView:
    return _view(address, await _count_registers(db, actor, [address]))


def own_condition(actor: Actor, id_: int) -> Select[Address]:
    return select(Address).where(Address.partner_id == actor.partner_id, Address.id == id_)


def find_by_text(actor: Actor, search_text: str) -> Select[Address]:
    return select(Address).where(
        Address.partner_id == actor.partner_id, Address.search_text == search_text
    )


async def any_register_at(db: AsyncSession, address: Address) -> bool:
    """Tell whether any register of the partner, hidden or not, has this address."""
    return await db.scalar(_registers_at(address.partner_id, [address]).limit(1)) is not None


async def _count_registers(
    db: AsyncSession, actor: Actor, addresses: Sequence[Address]
) -> dict[int, int]:
    counted = (
        _registers_at(actor.partner_id, addresses)
        .where(registers_visible_to(actor))
        .with_only_columns(CashRegister.address_id, func.count())
        .group_by(CashRegister.address_id)
    )
    return {id_: count for id_, count in await db.execute(counted) if id_ is not None}


def _registers_at(partner_id: int, addresses: Sequence[Address]) -> Select[str]:
    """Return a query of the registers at any of these addresses.

    The text lets the query use the list's index; the id decides.
    """
    return select(CashRegister.serial_number).where(
        owned_by_partner(partner_id),
        CashRegister.shown_address.in_([address.text for address in addresses]),
        CashRegister.address_id.in_([address.id for address in addresses]),
    )


def _view(address: Address, counts: Mapping[int, int]) -> AddressView:
    return AddressView(id=address.id, text=address.text, registers=counts.get(address.id, 0))
