"""Two people at one tree in the same moment: real transactions on both databases."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from fleet.groups import queries, service
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.kit.errors import DomainError
from fleet.registers import service as registers
from fleet.registers.queries import count_by_group
from tests.fleet.conftest import START, Employ
from tests.pace import scaled

SERIAL = "00106900000001"
ROUNDS = 8
Work = Callable[[Act], Awaitable[Any]]


@pytest.fixture
async def anna(employ: Employ, database: Database) -> Actor:
    anna = await employ("anna")
    async with database.transaction() as db:
        await registers.enrol(Act(db, anna, START), [SERIAL])
    return anna


async def at_once(database: Database, anna: Actor, *works: Work) -> list[str]:
    """The codes of the refusals; what was done has an empty one."""

    async def run(work: Work) -> str:
        try:
            async with database.transaction() as db:
                await work(Act(db, anna, START))
        except DomainError as error:
            return error.code
        return ""

    return list(await asyncio.wait_for(asyncio.gather(*map(run, works)), scaled(30)))


async def creating(name: str, parent_id: int | None, act: Act) -> int:
    return (await service.create(act, name, "", parent_id)).id


async def made(database: Database, anna: Actor, name: str) -> int:
    async with database.transaction() as db:
        return await creating(name, None, Act(db, anna, START))


async def test_simultaneous_moves_never_make_a_cycle(anna: Actor, database: Database) -> None:
    for number in range(ROUNDS):
        one, two = [await made(database, anna, f"{number}{side}") for side in "ab"]
        codes = await at_once(
            database,
            anna,
            partial(service.move, id_=one, parent_id=two),
            partial(service.move, id_=two, parent_id=one),
        )
        assert sorted(codes) == ["", "group_under_itself"]


async def test_group_gets_either_a_subgroup_or_registers(anna: Actor, database: Database) -> None:
    for number in range(ROUNDS):
        group = await made(database, anna, f"{number}")
        codes = await at_once(
            database,
            anna,
            partial(creating, "sub", group),
            partial(service.add_registers, id_=group, typed=[SERIAL]),
        )
        assert codes in (["", "group_has_subgroups"], ["group_holds_registers", ""])
        async with database.read() as db:
            holds = group in await count_by_group(db, anna)
            tree = await queries.load_tree(db, anna)
        assert holds != bool(tree.children(group))


async def test_only_one_of_two_simultaneous_equal_names_is_created(
    anna: Actor, database: Database
) -> None:
    for number in range(ROUNDS):
        work = partial(creating, f"{number}", None)
        codes = await at_once(database, anna, work, work, work)
        assert sorted(codes) == ["", "group_name_taken", "group_name_taken"]


async def test_no_register_stays_in_a_deleted_group(anna: Actor, database: Database) -> None:
    for number in range(ROUNDS):
        group = await made(database, anna, f"{number}")
        codes = await at_once(
            database,
            anna,
            partial(service.add_registers, id_=group, typed=[SERIAL]),
            partial(service.remove, id_=group),
        )
        assert codes in (["", ""], ["group_not_found", ""])
        async with database.read() as db:
            assert await count_by_group(db, anna) == {}
