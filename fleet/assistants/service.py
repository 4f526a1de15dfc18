"""Creating and changing accounts of the broker.

A broker that stores accounts itself (``BrokerAdmin``) is called inside the transaction: a change
that it refuses is not committed.  If the commit fails afterwards, or the broker misses a list of
registers, the reconciliation corrects it (``provisioning``).
"""

import secrets
from typing import NamedTuple

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
    """Login and password of a register; ``password`` is shown once and stored nowhere."""

    login: str
    password: str


async def create(act: Act, broker: Provisioning, values: tuple[str, str, str]) -> int:
    """Create an Assistant of these (login, password, title) and return its id.

    Raise ``LOGIN_RESERVED``, ``TOO_MANY_ASSISTANTS``, ``LOGIN_TAKEN`` or ``BROKER_DOWN``.
    """
    login, password, title = values
    check_login(login)
    mine = (BrokerAccount.partner_id == act.actor.partner_id, BrokerAccount.kind == _ASSISTANT)
    if (await act.db.scalar(select(func.count()).where(*mine)) or 0) >= MAX_ASSISTANTS:
        raise TOO_MANY_ASSISTANTS(limit=MAX_ASSISTANTS)
    account = await _add(act, _ASSISTANT, values)
    await audit.write(
        act, "assistants.created", _named(account), after={"login": login, "title": title}
    )
    await broker.create(login, password, ())
    return account.id


async def rename(act: Act, id_: int, title: str) -> None:
    """Change the Assistant's title."""
    account = await find_own_account(act.db, act.actor, id_, lock=True)
    before, account.title = account.title, title
    await audit.write(
        act, "assistants.renamed", _named(account), before={"title": before}, after={"title": title}
    )


async def set_password(act: Act, broker: Provisioning, id_: int, password: str) -> None:
    """Change the Assistant's password; the broker uses it at the next sign-in."""
    account, serials = await _lock_whole(act.db, act.actor, id_)
    account.password_hash = await hash_password(password)
    await audit.write(act, "assistants.password_changed", _named(account))
    await act.db.flush()
    await broker.set_password(account.login, password, serials)


async def remove(act: Act, broker: Provisioning, id_: int) -> None:
    """Delete the account and all its rights; its registers stay with the partner."""
    account, serials = await _lock_whole(act.db, act.actor, id_)
    before = {"login": account.login, "title": account.title, "registers": serials}
    await audit.write(act, "assistants.removed", _named(account), before=before)
    await _delete(act.db, account)
    await broker.delete(account.login)


async def add_register(act: Act, broker: Provisioning, id_: int, serial_number: str) -> None:
    """Let the Assistant speak for a register of the partner.

    If two Assistants are given one register at once, one of them gets it and the other is refused.
    """
    account = await find_own_account(act.db, act.actor, id_, lock=True)
    await _lock_register(act.db, act.actor, serial_number)
    serials = await _serials(act.db, account)
    if len(serials) >= MAX_REGISTERS_EACH:
        raise TOO_MANY_REGISTERS(limit=MAX_REGISTERS_EACH)
    if serial_number in serials:
        return
    await _bind_register(act, account, serial_number)
    after = {"serial_number": serial_number}
    await audit.write(act, "assistants.register_added", _named(account), after=after)
    await broker.set_registers(account.login, [*serials, serial_number])


async def remove_register(act: Act, broker: Provisioning, id_: int, serial_number: str) -> None:
    """Take the register from the Assistant, which then no longer speaks for it.

    Raise ``REGISTER_NOT_ADDED`` for a register that it does not have or that the actor does not
    see.
    """
    account = await find_own_account(act.db, act.actor, id_, lock=True)
    serials = await _serials(act.db, account)
    if serial_number not in serials or not await find_own(act.db, act.actor, [serial_number]):
        raise REGISTER_NOT_ADDED()
    this = AccountRegister.serial_number == serial_number
    await act.db.execute(delete(AccountRegister).where(this))
    before = {"serial_number": serial_number}
    await audit.write(act, "assistants.register_removed", _named(account), before=before)
    left = [each for each in serials if each != serial_number]
    await broker.set_registers(account.login, left)


async def create_terminal(act: Act, broker: Provisioning, serial_number: str) -> TerminalAccount:
    """Create an account for a register that speaks MQTT itself; return its login and password.

    Raise a refusal if the register has an account.
    """
    await _lock_register(act.db, act.actor, serial_number)
    made = TerminalAccount(
        terminal_login(serial_number), secrets.token_urlsafe(TERMINAL_PASSWORD_BYTES)
    )
    account = await _add(act, AccountKind.TERMINAL, (*made, ""))
    await _bind_register(act, account, serial_number)
    after = {"serial_number": serial_number}
    await audit.write(act, "assistants.terminal_created", _named(account), after=after)
    # The broker may still have the former partner's account of this login.
    await broker.set_password(*made, [serial_number])
    await broker.set_registers(made.login, [serial_number])
    return made


async def remove_terminal(act: Act, broker: Provisioning, serial_number: str) -> None:
    """Delete the register's own account, so that it cannot sign in."""
    if not await find_own(act.db, act.actor, [serial_number]):
        raise REGISTER_NOT_FOUND()
    its_own = (
        BrokerAccount.login == terminal_login(serial_number),
        BrokerAccount.partner_id == act.actor.partner_id,
    )
    account = await act.db.scalar(select(BrokerAccount).where(*its_own))
    if account is None:
        raise NO_TERMINAL()
    before = {"serial_number": serial_number}
    await audit.write(act, "assistants.terminal_removed", _named(account), before=before)
    await _delete(act.db, account)
    await broker.delete(account.login)


async def on_registers_handed_over(act: Act, fact: RegistersHandedOver) -> None:
    """Delete the accounts that former partners gave their registers.

    So they do not work again if the register comes back.  The reconciliation updates the broker.
    """
    serials = [move.serial_number for move in fact.hand_overs]
    of_them = AccountRegister.serial_number.in_(serials)
    await act.db.execute(delete(AccountRegister).where(of_them))
    logins = [terminal_login(serial) for serial in serials]
    await act.db.execute(delete(BrokerAccount).where(BrokerAccount.login.in_(logins)))


async def _lock_register(db: AsyncSession, actor: Actor, serial_number: str) -> None:
    """Lock the register until the commit, so that it stays the actor's.

    Raise ``REGISTER_NOT_FOUND`` for a register that the actor does not see.
    """
    this = CashRegister.serial_number == serial_number
    mine = select(CashRegister.serial_number).where(this, registers_visible_to(actor))
    if await db.scalar(select_for_update(db, mine, wait=True)) is None:
        raise REGISTER_NOT_FOUND()


async def _add(act: Act, kind: AccountKind, values: tuple[str, str, str]) -> BrokerAccount:
    """Insert the account and return it; raise a refusal if its login is taken.

    If two transactions take one login at once, the database refuses one before the broker is
    called.
    """
    login, password, title = values
    account = BrokerAccount(
        partner_id=act.actor.partner_id,
        kind=kind,
        login=login,
        password_hash=await hash_password(password),
        title=title,
        created_at=act.now,
    )
    try:
        async with act.db.begin_nested():
            act.db.add(account)
            await act.db.flush()
    except IntegrityError:
        raise (LOGIN_TAKEN if kind is _ASSISTANT else TERMINAL_EXISTS)(login=login) from None
    return account


async def _bind_register(act: Act, account: BrokerAccount, serial_number: str) -> None:
    row = {"serial_number": serial_number, "account_id": account.id, "added_at": act.now}
    insert = insert_into(act.db, AccountRegister).values(row).on_conflict_do_nothing()
    taken = await act.db.scalar(insert.returning(AccountRegister.serial_number))
    if taken is None:
        holder = (
            select(BrokerAccount.login)
            .join(AccountRegister, AccountRegister.account_id == BrokerAccount.id)
            .where(AccountRegister.serial_number == serial_number)
        )
        raise REGISTER_SERVED(login=await act.db.scalar(holder))


def _named(account: BrokerAccount) -> list[str]:
    """Return the account's name in the audit log."""
    return [f"{account.kind}:{account.id}"]


async def _delete(db: AsyncSession, account: BrokerAccount) -> None:
    its_own = AccountRegister.account_id == account.id
    await db.execute(delete(AccountRegister).where(its_own))
    await db.execute(delete(BrokerAccount).where(BrokerAccount.id == account.id))


async def _lock_whole(db: AsyncSession, actor: Actor, id_: int) -> tuple[BrokerAccount, list[str]]:
    """Return the partner's Assistant, locked, and its registers.

    Raise ``OTHERS_SERVED`` if it speaks for a register outside the actor's scope: a person with its
    password has all its registers.
    """
    account = await find_own_account(db, actor, id_, lock=True)
    serials = await _serials(db, account)
    if len(await find_own(db, actor, serials)) < len(serials):
        raise OTHERS_SERVED()
    return account, serials


async def _serials(db: AsyncSession, account: BrokerAccount) -> list[str]:
    """Return the account's registers that still belong to its partner."""
    found = await registers_by_login(db, BrokerAccount.id == account.id)
    return found[account.login]
