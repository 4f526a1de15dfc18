"""Provisioning of the broker with accounts, and correction of changes that it missed.

An embedded broker reads the database and needs no provisioning.  Mosquitto stores accounts itself:
changes that people make are sent to it at once, and ``Reconciliation`` compares the two stores from
time to time.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final

import structlog

from fleet.assistants.errors import BROKER_DOWN, LOGIN_TAKEN
from fleet.assistants.queries import registers_by_login
from fleet.kit.broker import BrokerAdmin, BrokerDown, LoginTaken, broker_admin
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.errors import DomainError

BROKER_TIMEOUT_S: Final = 15.0
"""Longest time that a request waits for the broker: half of a request's own limit."""

log = structlog.get_logger(__name__)


class Provisioning:
    """Accounts in the broker's own store; without such a broker every call does nothing."""

    def __init__(self, broker: BrokerAdmin | None) -> None:
        self._broker = broker

    async def create(self, login: str, password: str, serial_numbers: Iterable[str]) -> None:
        """Create the account in the broker.

        Raise ``BROKER_DOWN``, or ``LOGIN_TAKEN`` if the broker has a foreign account of that login.
        """
        async with _refuse_broker_down():
            await self._create(login, password, serial_numbers)

    async def set_password(self, login: str, password: str, serial_numbers: Iterable[str]) -> None:
        """Set the password in the broker; an account that the broker has lost is created again.

        Raise ``BROKER_DOWN``.
        """
        if self._broker is None:
            return
        async with _refuse_broker_down():
            if login in await self._broker.accounts():
                await self._broker.set_password(login, password)
            else:
                await self._create(login, password, serial_numbers)

    async def set_registers(self, login: str, serial_numbers: Iterable[str]) -> None:
        """Set the account's registers in the broker.

        If the broker does not answer, the reconciliation does it later.
        """
        if self._broker is not None:
            async with _log_broker_down(login):
                await self._broker.set_registers(login, serial_numbers)

    async def delete(self, login: str) -> None:
        """Delete the account in the broker.

        If the broker does not answer, the reconciliation does it later.
        """
        if self._broker is not None:
            async with _log_broker_down(login):
                await self._broker.delete_account(login)

    async def _create(self, login: str, password: str, serial_numbers: Iterable[str]) -> None:
        if self._broker is None:
            return
        try:
            await self._broker.create_account(login, password)
        except LoginTaken as taken:
            raise LOGIN_TAKEN(login=login) from taken
        await self._broker.set_registers(login, serial_numbers)


@asynccontextmanager
async def _refuse_broker_down() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(BROKER_TIMEOUT_S):
            yield
    except (BrokerDown, TimeoutError) as down:
        raise BROKER_DOWN() from down


@asynccontextmanager
async def _log_broker_down(login: str) -> AsyncIterator[None]:
    try:
        async with _refuse_broker_down():
            yield
    except DomainError:
        log.warning("broker_behind", login=login)


def provisioning(config: FleetConfig) -> Provisioning:
    """Return the provisioning of the broker that the configuration names, if any."""
    return Provisioning(broker_admin(config))


class Reconciliation:
    """Reconciliation of the broker's accounts with the database.

    An account that only the broker has may be one whose transaction is not committed yet.  It is
    deleted only when two runs, farther apart than a request may last, have found it missing in the
    database.
    """

    def __init__(self) -> None:
        self._suspects: frozenset[str] = frozenset()

    async def run(self, database: Database, broker: BrokerAdmin) -> int:
        """Correct the broker's accounts; return how many were corrected.

        No transaction is open while the broker is called.  Raise ``BrokerDown``.
        """
        known = await broker.accounts()
        async with database.read() as db:
            ours = await registers_by_login(db)
        wanted = {login: frozenset(each) for login, each in ours.items()}
        unknown = known.keys() - wanted.keys()
        orphans, self._suspects = unknown & self._suspects, frozenset(unknown)
        for login in sorted(orphans):
            await broker.delete_account(login)
        differing = _differing_logins(wanted, known)
        for login in differing:
            await broker.set_registers(login, wanted[login])
        if lost := sorted(wanted.keys() - known.keys()):
            log.warning("broker_lost_accounts", logins=lost[:20], count=len(lost))
        return len(orphans) + len(differing)


def _differing_logins(
    wanted: Mapping[str, frozenset[str]], known: Mapping[str, frozenset[str]]
) -> list[str]:
    both = wanted.keys() & known.keys()
    return sorted(login for login in both if wanted[login] != known[login])
