"""Telling the broker of accounts, and mending what it missed.

An embedded broker asks the database and is told nothing.  Mosquitto has its own books: what people
do is told to it at once, and ``Reconciliation`` compares the two from time to time.
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
"""Longest wait of a request for the broker: half of what a request may last."""

log = structlog.get_logger(__name__)


class Provisioning:
    """The broker's books; without one every call does nothing."""

    def __init__(self, broker: BrokerAdmin | None) -> None:
        self._broker = broker

    async def create(self, login: str, password: str, serial_numbers: Iterable[str]) -> None:
        """Refuses ``BROKER_DOWN``, and ``LOGIN_TAKEN`` where the broker has it from others."""
        async with _refuse_broker_down():
            await self._create(login, password, serial_numbers)

    async def set_password(self, login: str, password: str, serial_numbers: Iterable[str]) -> None:
        """Also of an account that the broker has lost; refuses ``BROKER_DOWN``."""
        if self._broker is None:
            return
        async with _refuse_broker_down():
            if login in await self._broker.accounts():
                await self._broker.set_password(login, password)
            else:
                await self._create(login, password, serial_numbers)

    async def set_registers(self, login: str, serial_numbers: Iterable[str]) -> None:
        """If the broker does not answer, the reconciliation tells it later."""
        if self._broker is not None:
            async with _log_broker_down(login):
                await self._broker.set_registers(login, serial_numbers)

    async def delete(self, login: str) -> None:
        """If the broker does not answer, the reconciliation tells it later."""
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
    """The broker that the configuration names, if any."""
    return Provisioning(broker_admin(config))


class Reconciliation:
    """Makes the broker's books agree with ours.

    An account of the broker that we do not know may be one whose transaction is not committed yet:
    it goes only when two looks, farther apart than a request may last, did not find it.
    """

    def __init__(self) -> None:
        self._suspects: frozenset[str] = frozenset()

    async def run(self, database: Database, broker: BrokerAdmin) -> int:
        """Returns how many accounts were mended; ``BrokerDown``.  No transaction is open while
        the broker is spoken to."""
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
