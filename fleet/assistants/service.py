"""Making and changing accounts of the broker.

Where a broker is looked after by its own means (``BrokerAdmin``), it is told inside the
transaction: what it refuses to hear is not committed.  Should the commit fail afterwards, or the
broker miss a list of registers, the reconciliation mends it (``provisioning``).
"""

import secrets
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts.passwords import hash_password
from fleet.assistants.errors import (
    LOGIN_TAKEN,
    NO_TERMINAL,
    OTHERS_SERVED,
    REGISTER_NOT_ADDED,
    REGISTER_SERVED,
    TERMINAL_EXISTS,
    TOO_MANY_ASSISTANTS,
    TOO_MANY_REGISTERS,
)
from fleet.assistants.models import AccountKind, AccountRegister, BrokerAccount
from fleet.assistants.provisioning import Provisioning
from fleet.assistants.queries import find_own_account, registers_by_login
from fleet.assistants.rules import (
    MAX_ASSISTANTS,
    MAX_REGISTERS_EACH,
    check_login,
    terminal_login,
)
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import insert_into
from fleet.kit.dialect import select_for_update
from fleet.registers.errors import REGISTER_NOT_FOUND
from fleet.registers.events import RegistersHandedOver
from fleet.registers.models import CashRegister
from fleet.registers.queries import find_own, registers_visible_to

TERMINAL_PASSWORD_BYTES = 24
_ASSISTANT = AccountKind.ASSISTANT


class TerminalAccount(NamedTuple):
    """What a register signs in with.  ``password`` is shown this once and kept nowhere."""

    login: str
    password: str


async def create(
    db: AsyncSession,
    actor: Actor,
    broker: Provisioning,
    values: tuple[str, str, str],
    now: datetime,
) -> int:
    """A new Assistant out of (login, password, title); its id.  Refuses a login that is taken."""
    login, password, title = values
    check_login(login)
    mine = (BrokerAccount.partner_id == actor.partner_id, BrokerAccount.kind == _ASSISTANT)
    if (await db.scalar(select(func.count()).where(*mine)) or 0) >= MAX_ASSISTANTS:
        raise TOO_MANY_ASSISTANTS(limit=MAX_ASSISTANTS)
    account = await _add(db, actor, _ASSISTANT, values, now)
    await _audit(db, actor, now, "created", account, after={"login": login, "title": title})
    await broker.create(login, password, ())
    return account.id


async def rename(db: AsyncSession, actor: Actor, id_: int, title: str, now: datetime) -> None:
    """Another title."""
    account = await find_own_account(db, actor, id_, lock=True)
    before, account.title = account.title, title
    await _audit(
        db, actor, now, "renamed", account, before={"title": before}, after={"title": title}
    )


async def set_password(
    db: AsyncSession, actor: Actor, broker: Provisioning, id_: int, password: str, now: datetime
) -> None:
    """Another password; the broker takes it at the next sign-in."""
    account, serials = await _lock_whole(db, actor, id_)
    account.password_hash = await hash_password(password)
    await _audit(db, actor, now, "password_changed", account)
    await db.flush()
    await broker.set_password(account.login, password, serials)


async def remove(
    db: AsyncSession, actor: Actor, broker: Provisioning, id_: int, now: datetime
) -> None:
    """The account and all its rights are gone; its registers stay in the cabinet."""
    account, serials = await _lock_whole(db, actor, id_)
    before = {"login": account.login, "title": account.title, "registers": serials}
    await _audit(db, actor, now, "removed", account, before=before)
    await _delete(db, account)
    await broker.delete(account.login)


async def add_register(
    db: AsyncSession,
    actor: Actor,
    broker: Provisioning,
    id_: int,
    serial_number: str,
    now: datetime,
) -> None:
    """Let the Assistant speak for a register of the partner; of two that are given one register at
    once, one gets it."""
    account = await find_own_account(db, actor, id_, lock=True)
    await _lock_register(db, actor, serial_number)
    serials = await _serials(db, account)
    if len(serials) >= MAX_REGISTERS_EACH:
        raise TOO_MANY_REGISTERS(limit=MAX_REGISTERS_EACH)
    if serial_number in serials:
        return
    await _bind_register(db, account, serial_number, now)
    after = {"serial_number": serial_number}
    await _audit(db, actor, now, "register_added", account, after=after)
    await broker.set_registers(account.login, [*serials, serial_number])


async def remove_register(
    db: AsyncSession,
    actor: Actor,
    broker: Provisioning,
    id_: int,
    serial_number: str,
    now: datetime,
) -> None:
    """The Assistant may not speak for the register any more; refuses one that the actor does not
    see."""
    account = await find_own_account(db, actor, id_, lock=True)
    serials = await _serials(db, account)
    if serial_number not in serials or not await find_own(db, actor, [serial_number]):
        raise REGISTER_NOT_ADDED()
    this = AccountRegister.serial_number == serial_number
    await db.execute(delete(AccountRegister).where(this))
    before = {"serial_number": serial_number}
    await _audit(db, actor, now, "register_removed", account, before=before)
    left = [each for each in serials if each != serial_number]
    await broker.set_registers(account.login, left)


async def create_terminal(
    db: AsyncSession, actor: Actor, broker: Provisioning, serial_number: str, now: datetime
) -> TerminalAccount:
    """An account for a register that speaks MQTT itself; refuses one that has an account."""
    await _lock_register(db, actor, serial_number)
    made = TerminalAccount(
        terminal_login(serial_number), secrets.token_urlsafe(TERMINAL_PASSWORD_BYTES)
    )
    account = await _add(db, actor, AccountKind.TERMINAL, (*made, ""), now)
    await _bind_register(db, account, serial_number, now)
    after = {"serial_number": serial_number}
    await _audit(db, actor, now, "terminal_created", account, after=after)
    # The broker may not have heard yet that the former partner's account is gone.
    await broker.set_password(*made, [serial_number])
    await broker.set_registers(made.login, [serial_number])
    return made


async def remove_terminal(
    db: AsyncSession, actor: Actor, broker: Provisioning, serial_number: str, now: datetime
) -> None:
    """The register does not sign in any more."""
    if not await find_own(db, actor, [serial_number]):
        raise REGISTER_NOT_FOUND()
    its_own = (
        BrokerAccount.login == terminal_login(serial_number),
        BrokerAccount.partner_id == actor.partner_id,
    )
    account = await db.scalar(select(BrokerAccount).where(*its_own))
    if account is None:
        raise NO_TERMINAL()
    before = {"serial_number": serial_number}
    await _audit(db, actor, now, "terminal_removed", account, before=before)
    await _delete(db, account)
    await broker.delete(account.login)


async def on_registers_handed_over(act: Act, fact: RegistersHandedOver) -> None:
    """What former partners gave their registers to is gone, so that it does not speak again
    should they come back.  The broker hears of it by the reconciliation."""
    db = act.db
    serials = [move.serial_number for move in fact.hand_overs]
    of_them = AccountRegister.serial_number.in_(serials)
    await db.execute(delete(AccountRegister).where(of_them))
    logins = [terminal_login(serial) for serial in serials]
    await db.execute(delete(BrokerAccount).where(BrokerAccount.login.in_(logins)))


async def _lock_register(db: AsyncSession, actor: Actor, serial_number: str) -> None:
    """The register stays the actor's until the commit; refuses one that they do not see."""
    this = CashRegister.serial_number == serial_number
    mine = select(CashRegister.serial_number).where(this, registers_visible_to(actor))
    if await db.scalar(select_for_update(db, mine, wait=True)) is None:
        raise REGISTER_NOT_FOUND()


async def _add(
    db: AsyncSession, actor: Actor, kind: AccountKind, values: tuple[str, str, str], now: datetime
) -> BrokerAccount:
    """Of two who take one login at once the database refuses one, before the broker hears."""
    login, password, title = values
    account = BrokerAccount(
        partner_id=actor.partner_id,
        kind=kind,
        login=login,
        password_hash=await hash_password(password),
        title=title,
        created_at=now,
    )
    try:
        async with db.begin_nested():
            db.add(account)
            await db.flush()
    except IntegrityError:
        raise (LOGIN_TAKEN if kind is _ASSISTANT else TERMINAL_EXISTS)(login=login) from None
    return account


async def _bind_register(
    db: AsyncSession, account: BrokerAccount, serial_number: str, now: datetime
) -> None:
    row = {"serial_number": serial_number, "account_id": account.id, "added_at": now}
    insert = insert_into(db, AccountRegister).values(row).on_conflict_do_nothing()
    taken = await db.scalar(insert.returning(AccountRegister.serial_number))
    if taken is None:
        holder = (
            select(BrokerAccount.login)
            .join(AccountRegister, AccountRegister.account_id == BrokerAccount.id)
            .where(AccountRegister.serial_number == serial_number)
        )
        raise REGISTER_SERVED(login=await db.scalar(holder))


async def _delete(db: AsyncSession, account: BrokerAccount) -> None:
    its_own = AccountRegister.account_id == account.id
    await db.execute(delete(AccountRegister).where(its_own))
    await db.execute(delete(BrokerAccount).where(BrokerAccount.id == account.id))


async def _lock_whole(db: AsyncSession, actor: Actor, id_: int) -> tuple[BrokerAccount, list[str]]:
    """The partner's Assistant, locked, and its registers; refuses one that speaks for a register
    outside the actor's scope: whoever has its password has its registers."""
    account = await find_own_account(db, actor, id_, lock=True)
    serials = await _serials(db, account)
    if len(await find_own(db, actor, serials)) < len(serials):
        raise OTHERS_SERVED()
    return account, serials


async def _serials(db: AsyncSession, account: BrokerAccount) -> list[str]:
    """Its registers that are still its partner's."""
    found = await registers_by_login(db, BrokerAccount.id == account.id)
    return found[account.login]


async def _audit(
    db: AsyncSession,
    actor: Actor,
    now: datetime,
    verb: str,
    account: BrokerAccount,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    objects = [f"{account.kind}:{account.id}"]
    await audit.write(
        Act(db, actor, now), f"assistants.{verb}", objects, before=before, after=after
    )
