"""What registers say and what people do in the same moment, on both databases."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.clients import service
from fleet.clients.models import Client
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.kit.errors import DomainError
from fleet.registers.service import enrol
from fleet.telemetry.events import ProfilesChanged
from tests.fleet.conftest import START, Employ
from tests.fleet.registers.conftest import make_profile, serial
from tests.pace import scaled

SHOP = "7707083893"
ROUNDS = 8
CARD = {**service.NOTHING_TYPED, "name": "Ромашка"}
Work = Callable[[AsyncSession], Awaitable[Any]]


@pytest.fixture
async def anna(employ: Employ, database: Database) -> Actor:
    anna = await employ("anna")
    async with database.transaction() as db:
        await enrol(Act(db, anna, START), [serial(number) for number in range(1, ROUNDS + 1)])
    return anna


async def at_once(database: Database, *works: Work) -> list[str]:
    """The codes of the refusals; what was done has an empty one."""

    async def run(work: Work) -> str:
        try:
            async with database.transaction() as db:
                await work(db)
        except DomainError as error:
            return error.code
        return ""

    return list(await asyncio.wait_for(asyncio.gather(*map(run, works)), scaled(30)))


def saying(number: int, inn: str) -> Work:
    profile = make_profile(number, owner_inn=inn, owner_name="Ромашка", fiscalised=True)
    return lambda db: Act(db, None, START).announce(ProfilesChanged(START, (profile,)))


async def forgetting(db: AsyncSession) -> int:
    return await service.delete_unreferenced(Act(db, None, START), 10)


async def test_reported_client_is_never_deleted(anna: Actor, database: Database) -> None:
    """Deleting and forgetting, while a register begins to name the client."""
    for number in range(1, ROUNDS + 1):
        await at_once(database, lambda db: service.create(Act(db, anna, START), SHOP, CARD))
        codes = await at_once(
            database,
            lambda db: service.remove(Act(db, anna, START), SHOP),
            saying(number, SHOP),
            forgetting,
        )
        assert codes == ["", "", ""]
        async with database.read() as db:
            assert [row.reported_name for row in await db.scalars(select(Client))] == ["Ромашка"]
        await at_once(database, saying(number, ""), forgetting)
        await at_once(database, forgetting)
        async with database.read() as db:
            assert (await db.scalars(select(Client))).all() == []


async def test_second_of_two_simultaneous_cards_is_refused(anna: Actor, database: Database) -> None:
    work: Work = lambda db: service.create(Act(db, anna, START), SHOP, CARD)  # noqa: E731
    codes = await at_once(database, work, saying(1, SHOP), work)
    assert sorted([codes[0], codes[2]]) == ["", "client_exists"]
