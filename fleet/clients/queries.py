"""Queries of clients, limited to those that the actor may see."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, ColumnElement, Select, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts.models import ScopeEntry, ScopeKind
from fleet.clients.errors import CLIENT_NOT_FOUND
from fleet.clients.models import Client
from fleet.clients.rules import SORT_KEY_LENGTH
from fleet.kit.actor import Actor
from fleet.kit.input import Input
from fleet.kit.paging import (
    Filters,
    Keyset,
    Page,
    PageQuery,
    conditions,
    page_of,
)
from fleet.kit.search import SearchText, fold_case
from fleet.registers.models import CashRegister
from fleet.registers.queries import owned_by_partner, registers_visible_to


class ClientSortKey(StrEnum):
    """Order of the list; a minus reverses it."""

    NAME = "name"
    NAME_DOWN = "-name"
    INN = "inn"
    INN_DOWN = "-inn"


class ClientFilter(PageQuery):
    """Conditions of the list; all given ones must hold."""

    q: SearchText | None = Field(
        default=None,
        description="Part of the INN, the name, the contact, the phone or an e-mail address.",
    )
    typed: bool | None = Field(
        default=None, description="True: with a card that people filled in. False: without."
    )
    sort: ClientSortKey = ClientSortKey.NAME


class ClientRow(BaseModel):
    """A client in the list; its registers are `GET /registers?owner_inn=`."""

    inn: str
    name: str = Field(description="As typed, else as registers say it.")
    registers: int = Field(description="Its registers, hidden ones too.")
    typed: bool = Field(description="People have filled in its card.")
    contact: str
    phone: str


class ClientCard(ClientRow):
    """All data of a client."""

    reported_name: str = Field(description="As a register said it last.")
    emails: list[str] = Field(description="Where summaries go.")
    comment: str
    typed_at: datetime | None


class ClientCursor(Input):
    sort: ClientSortKey
    value: str = Field(max_length=SORT_KEY_LENGTH)
    inn: str = Field(max_length=12)


SORTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "name": {"value": Client.sort_key, "inn": Client.inn},
    "inn": {"inn": Client.inn},
}

FILTERS: Filters = {
    "q": lambda text: Client.search_text.contains(fold_case(text), autoescape=True),
    "typed": lambda yes: Client.typed_at.is_not(None) if yes else Client.typed_at.is_(None),
}


def clients_visible_to(actor: Actor) -> ColumnElement[bool]:
    """Return the condition of clients that this employee may see.

    A limited employee sees the clients of their scope, and the owners of the scope's registers.  It
    is ``registers.queries.belongs_to`` written so that the query starts from the scope.
    """
    own = Client.partner_id == actor.partner_id
    if not actor.limited:
        return own
    serials = _named_in_scope(actor, ScopeKind.REGISTER).with_only_columns(
        cast(ScopeEntry.value, BigInteger)
    )
    owners = select(CashRegister.owner_inn).where(
        CashRegister.partner_id == actor.partner_id, CashRegister.serial_number.in_(serials)
    )
    return own & (Client.inn.in_(_named_in_scope(actor, ScopeKind.CLIENT)) | Client.inn.in_(owners))


def _named_in_scope(actor: Actor, kind: ScopeKind) -> Select[str]:
    entries = (ScopeEntry.employee_id == actor.employee_id, ScopeEntry.kind == kind)
    return select(ScopeEntry.value).where(*entries)


async def page(db: AsyncSession, actor: Actor, query: ClientFilter) -> Page[ClientRow]:
    """Return a page of the partner's clients."""
    name = query.sort.removeprefix("-")
    order = Keyset(ClientCursor, SORTS[name], down=name != query.sort)
    seen = select(Client).where(clients_visible_to(actor), *conditions(FILTERS, query))
    found = (await db.scalars(order.page(seen, query))).all()
    counts = await _count_registers(db, actor, found)
    return page_of(
        found,
        query.limit,
        lambda client: ClientRow(**_row(client, counts)),
        lambda client: ClientCursor(sort=query.sort, value=client.sort_key, inn=client.inn),
    )


async def card(db: AsyncSession, actor: Actor, inn: str) -> ClientCard:
    """Return a client that the actor may see; raise ``CLIENT_NOT_FOUND``."""
    client = await db.scalar(find_own(actor, inn))
    if client is None:
        raise CLIENT_NOT_FOUND(inn=inn)
    counts = await _count_registers(db, actor, [client])
    return ClientCard(
        **_row(client, counts),
        reported_name=client.reported_name,
        emails=client.emails,
        comment=client.comment,
        typed_at=client.typed_at,
    )


def find_own(actor: Actor, inn: str) -> Select[Client]:
    return select(Client).where(clients_visible_to(actor), Client.inn == inn)


def _row(client: Client, counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "inn": client.inn,
        "name": client.shown_name,
        "registers": counts.get(client.inn, 0),
        "typed": client.typed_at is not None,
        "contact": client.contact,
        "phone": client.phone,
    }


async def _count_registers(
    db: AsyncSession, actor: Actor, clients: Sequence[Client]
) -> dict[str, int]:
    counted = (
        select(CashRegister.owner_inn, func.count())
        .where(
            owned_by_partner(actor.partner_id),
            registers_visible_to(actor),
            CashRegister.owner_inn.in_([client.inn for client in clients]),
        )
        .group_by(CashRegister.owner_inn)
    )
    return {inn: count for inn, count in await db.execute(counted)}
