"""Changes of clients: cards filled in by people, and owners reported by registers."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit import service as audit
from fleet.clients.errors import CLIENT_EXISTS, CLIENT_NOT_FOUND, CLIENT_OF_REGISTERS
from fleet.clients.models import Client
from fleet.clients.queries import find_own
from fleet.clients.rules import is_client, search_text, sort_key
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import insert_into, table_of
from fleet.kit.dialect import select_for_update
from fleet.registers.events import ProfilesRebuilt, RegistersHandedOver
from fleet.registers.models import CashRegister
from fleet.registers.queries import owned_by_partner
from fleet.telemetry.events import ProfilesChanged

Values = Mapping[str, Any]
NOTHING_TYPED: Values = {"name": "", "emails": [], "phone": "", "contact": "", "comment": ""}


async def create(act: Act, inn: str, values: Values) -> None:
    """Fill in the card of a new client, or of one that only registers report.

    ``values`` are the columns of ``NOTHING_TYPED``.  Raise ``CLIENT_EXISTS`` if it has a card.
    """
    row = {"partner_id": act.actor.partner_id, "inn": inn, "sort_key": "", "search_text": ""}
    insert = insert_into(act.db, Client).values(row)
    # The upsert locks the row even if it changes nothing, so one of two simultaneous authors is
    # refused.
    untouched = {"reported_name": Client.reported_name}
    await act.db.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=untouched))
    client = await _lock_client(act.db, act.actor, inn)
    if client.typed_at is not None:
        raise CLIENT_EXISTS(inn=inn)
    _set_typed_values(client, values, act.now)
    await audit.write(act, "clients.created", [f"client:{inn}"], after=_audit_state(client))


async def change(act: Act, inn: str, values: Values) -> None:
    """Change the card of a client, or fill it in for one that only registers report."""
    client = await _lock_client(act.db, act.actor, inn)
    before = _audit_state(client)
    _set_typed_values(client, values, act.now)
    after = _audit_state(client)
    if after != before:
        await audit.write(act, "clients.changed", [f"client:{inn}"], before=before, after=after)


async def remove(act: Act, inn: str) -> None:
    """Delete the card of a client, and the client if no register reports it.

    Raise ``CLIENT_OF_REGISTERS`` if there is nothing to delete.
    """
    client = await _lock_client(act.db, act.actor, inn)
    before, typed = _audit_state(client), client.typed_at is not None
    _set_typed_values(client, NOTHING_TYPED, None)
    await act.db.flush()
    gone = await _delete_unreferenced(
        act.db, (Client.partner_id == act.actor.partner_id) & (Client.inn == inn), 1
    )
    if not (typed or gone):
        raise CLIENT_OF_REGISTERS()
    await audit.write(act, "clients.removed", [f"client:{inn}"], before=before)


async def on_profiles_changed(act: Act, fact: ProfilesChanged) -> None:
    """Update the clients that these registers report as owners."""
    await _record_owners(act.db, [profile.serial_number for profile in fact.profiles])


async def on_profiles_rebuilt(act: Act, fact: ProfilesRebuilt) -> None:
    """Update the clients from profile columns that were rebuilt."""
    await _record_owners(act.db, fact.serial_numbers)


async def on_registers_handed_over(act: Act, fact: RegistersHandedOver) -> None:
    """Add owners to the new partner's clients; remove them from the former's if none remains."""
    serials = [move.serial_number for move in fact.hand_overs]
    await _record_owners(act.db, serials)
    former = {move.from_partner_id for move in fact.hand_overs if move.from_partner_id is not None}
    owners = select(CashRegister.owner_inn).where(CashRegister.serial_number.in_(serials))
    theirs = Client.partner_id.in_(former) & Client.inn.in_(owners)
    await _delete_unreferenced(act.db, theirs, limit=len(serials))


async def delete_unreferenced(act: Act, limit: int) -> int:
    """Delete at most ``limit`` clients without a card that no register reports; return how many."""
    return await _delete_unreferenced(act.db, Client.typed_at.is_(None), limit)


async def _record_owners(db: AsyncSession, serials: Collection[str]) -> None:
    """Write the clients that these registers report as owners; the latest reported name counts.

    Rows are locked in the order of their key, as everywhere.
    """
    said = (
        select(CashRegister.partner_id, CashRegister.owner_inn, CashRegister.owner_name)
        .where(CashRegister.serial_number.in_(serials), CashRegister.partner_id.is_not(None))
        .order_by(CashRegister.partner_id, CashRegister.owner_inn, CashRegister.profile_at)
    )
    rows = {
        (partner_id, inn): {
            "partner_id": partner_id,
            "inn": inn,
            "reported_name": name,
            "sort_key": sort_key(name),
            "search_text": search_text((inn, name)),
        }
        for partner_id, inn, name in await db.execute(said)
        if is_client(inn)
    }
    if rows:
        await _upsert_reported(db, list(rows.values()))


async def _upsert_reported(db: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Insert or update reported names; a card's name, sort key and search text are kept."""
    insert = insert_into(db, table_of(Client))
    new, untyped = insert.excluded, Client.typed_at.is_(None)
    change = {
        "reported_name": new.reported_name,
        "sort_key": case((untyped, new.sort_key), else_=Client.sort_key),
        "search_text": case((untyped, new.search_text), else_=Client.search_text),
    }
    # The upsert locks even a row whose name is unchanged, so nobody deletes it before the commit.
    differs = Client.reported_name != new.reported_name
    upsert = insert.on_conflict_do_update(index_elements=_KEY, set_=change, where=differs)
    await db.execute(upsert, rows)


async def _delete_unreferenced(db: AsyncSession, these: ColumnElement[bool], limit: int) -> int:
    """Delete clients without a card that no register reports; return how many.

    The condition is checked again once the rows are locked: a register may have begun to report the
    client in between.
    """
    unnamed = ~(
        select(CashRegister.serial_number)
        .where(owned_by_partner(Client.partner_id.expression), CashRegister.owner_inn == Client.inn)
        .exists()
    )
    unneeded = these & Client.typed_at.is_(None) & unnamed
    keys = tuple_(Client.partner_id, Client.inn)
    some = select(Client.partner_id, Client.inn).where(unneeded).limit(limit)
    found = [tuple(row) for row in await db.execute(select_for_update(db, some, wait=False))]
    if not found:
        return 0
    gone = delete(Client).where(keys.in_(found), unneeded).returning(Client.inn)
    return len((await db.scalars(gone)).all())


async def _lock_client(db: AsyncSession, actor: Actor, inn: str) -> Client:
    client: Client | None = await db.scalar(select_for_update(db, find_own(actor, inn), wait=True))
    if client is None:
        raise CLIENT_NOT_FOUND(inn=inn)
    return client


def _set_typed_values(client: Client, values: Values, typed_at: datetime | None) -> None:
    for name, value in values.items():
        setattr(client, name, value)
    client.typed_at = typed_at
    client.sort_key = sort_key(client.shown_name)
    parts = (client.inn, client.shown_name, client.contact, client.phone, *client.emails)
    client.search_text = search_text(parts)


def _audit_state(client: Client) -> dict[str, Any]:
    return {name: getattr(client, name) for name in NOTHING_TYPED}


_KEY = ("partner_id", "inn")
