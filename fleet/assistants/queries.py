"""Queries of Assistants: the list, the card, and the registers that each account speaks for."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.assistants.errors import ASSISTANT_NOT_FOUND
from fleet.assistants.models import AccountKind, AccountRegister, BrokerAccount
from fleet.assistants.rules import AssistantPresence, presence, registers_in_report
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.dialect import select_for_update
from fleet.kit.input import MAX_INTEGER, Input
from fleet.kit.paging import Keyset, Page, PageQuery, page_of
from fleet.registers.models import CashRegister
from fleet.registers.queries import find_own, registers_visible_to
from protocol.conversation.assistant import FoundRegister, OperationProgress


class AssistantKey(Input):
    """Key of an Assistant."""

    id: int = Field(ge=1, lt=MAX_INTEGER)


class AssistantRow(BaseModel):
    """An Assistant in the list."""

    id: int
    login: str
    title: str
    status: AssistantPresence = Field(
        description="Online = it reported within the last 15 minutes."
    )
    reported_at: datetime | None
    version: str
    computer: str
    registers: int = Field(description="Number of its registers that you may see.")
    created_at: datetime


class AddedRegister(BaseModel):
    """A register added to the Assistant, with its state at the PC while the Assistant is online."""

    serial_number: str
    added_at: datetime
    found: FoundRegister | None = Field(description="Null: it is not connected to the PC now.")
    doing: OperationProgress | None = Field(
        description="The operation under way: its stage and percentage."
    )


class AssistantCard(AssistantRow):
    """An Assistant with its registers."""

    added: list[AddedRegister]
    not_added: list[FoundRegister] = Field(
        description="Registers found at the PC but not added to the Assistant."
    )


OLDEST_FIRST: Final = Keyset(AssistantKey, {"id": BrokerAccount.id})


async def page(act: Act, query: PageQuery) -> Page[AssistantRow]:
    """Return one page of the partner's Assistants, in the order of their creation."""
    mine = select(BrokerAccount).where(*_own_condition(act.actor))
    found = (await act.db.scalars(OLDEST_FIRST.page(mine, query))).all()
    counts = await _counts(act.db, act.actor, [row.id for row in found])
    return page_of(
        found,
        query.limit,
        show=lambda row: AssistantRow(**_shown(row, counts.get(row.id, 0), act.now)),
        position=lambda row: AssistantKey(id=row.id),
    )


async def card(act: Act, id_: int) -> AssistantCard:
    """Return one Assistant with the registers that the actor may see.

    Raise ``ASSISTANT_NOT_FOUND`` for another partner's.
    """
    account = await find_own_account(act.db, act.actor, id_)
    mine = AccountRegister.account_id == id_
    rows = select(AccountRegister).where(mine).order_by(AccountRegister.serial_number)
    given = list(await act.db.scalars(rows))
    online = presence(account.reported_at, act.now) is AssistantPresence.ONLINE
    found = registers_in_report(account.report) if online else {}
    seen = await find_own(act.db, act.actor, {*found, *(row.serial_number for row in given)})
    added = {row.serial_number: row for row in given if row.serial_number in seen}
    others = [serial for serial in found if serial not in added]
    return AssistantCard(
        **_shown(account, len(added), act.now),
        added=[_added(row, found.get(serial)) for serial, row in added.items()],
        not_added=[found[serial] for serial in others if serial in seen or not act.actor.limited],
    )


def _added(row: AccountRegister, found: FoundRegister | None) -> AddedRegister:
    return AddedRegister(
        serial_number=row.serial_number,
        added_at=row.added_at,
        found=found,
        doing=found.doing if found else None,
    )


async def find_own_account(
    db: AsyncSession, actor: Actor, id_: int, *, lock: bool = False
) -> BrokerAccount:
    """Return the partner's Assistant, with ``lock`` locked until the commit.

    Raise ``ASSISTANT_NOT_FOUND`` for any other.
    """
    statement = select(BrokerAccount).where(*_own_condition(actor), BrokerAccount.id == id_)
    account: BrokerAccount | None = await db.scalar(
        select_for_update(db, statement, wait=True) if lock else statement
    )
    if account is None:
        raise ASSISTANT_NOT_FOUND(id=id_)
    return account


def _own_condition(actor: Actor) -> tuple[Any, ...]:
    return (
        BrokerAccount.partner_id == actor.partner_id,
        BrokerAccount.kind == AccountKind.ASSISTANT,
    )


async def _counts(db: AsyncSession, actor: Actor, ids: Collection[int]) -> dict[int, int]:
    account = AccountRegister.account_id
    counted = (
        select(account, func.count())
        .join(CashRegister, CashRegister.serial_number == AccountRegister.serial_number)
        .where(account.in_(ids), registers_visible_to(actor))
        .group_by(account)
    )
    return {id_: count for id_, count in await db.execute(counted)}


def _shown(account: BrokerAccount, registers: int, now: datetime) -> dict[str, Any]:
    names = ("id", "login", "title", "reported_at", "version", "computer", "created_at")
    return {
        **{name: getattr(account, name) for name in names},
        "status": presence(account.reported_at, now),
        "registers": registers,
    }


async def registers_by_login(db: AsyncSession, *which: Any) -> dict[str, list[str]]:
    """Return the matching accounts' registers that still belong to their partner, by login."""
    serial = AccountRegister.serial_number
    rows = await db.execute(
        select(BrokerAccount.login, CashRegister.serial_number)
        .outerjoin(AccountRegister, AccountRegister.account_id == BrokerAccount.id)
        .outerjoin(CashRegister, _owned_register(serial))
        .where(*which)
        .order_by(BrokerAccount.login, serial)
    )
    found: dict[str, list[str]] = {}
    for login, serial_number in rows:
        found.setdefault(login, []).extend([serial_number] if serial_number else [])
    return found


def _owned_register(serial: Any) -> ColumnElement[bool]:
    """Return the SQL condition that the register belongs to the account's partner."""
    return and_(
        CashRegister.serial_number == serial, CashRegister.partner_id == BrokerAccount.partner_id
    )


async def served_by_assistant(db: AsyncSession, serial_numbers: Collection[str]) -> frozenset[str]:
    """Return those of these registers that an Assistant of their partner serves."""
    serial = AccountRegister.serial_number
    found = (
        select(serial)
        .join(BrokerAccount, AccountRegister.account_id == BrokerAccount.id)
        .join(CashRegister, _owned_register(serial))
        .where(serial.in_(serial_numbers), BrokerAccount.kind == AccountKind.ASSISTANT)
    )
    return frozenset(await db.scalars(found))
