"""Many at once, as several processes are: never more assigned than bought, never a bonus twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from fleet.bonuses.models import Bonus
from fleet.bonuses.service import on_subscriptions_assigned
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.kit.errors import DomainError
from fleet.kit.language import Language
from fleet.subscriptions import orders, stock
from fleet.subscriptions.assigning import assign
from fleet.subscriptions.events import AssignedSubscription, SubscriptionsAssigned
from fleet.subscriptions.models import Assignment, MovementReason, Subscription, SubscriptionOrder
from fleet.subscriptions.service import expire_subscriptions
from fleet.subscriptions.transfers import TransferRequest, transfer
from fleet.wiring import REACTIONS
from tests.fleet.conftest import START
from tests.fleet.subscriptions.conftest import Shop, serial
from tests.pace import scaled


@pytest.fixture
async def processes(database_url: str, database: Database) -> AsyncIterator[Sequence[Database]]:
    """Three servers over one database."""
    others = [Database(database_url, REACTIONS) for _ in range(2)]
    yield [database, *others]
    for other in others:
        await other.close()


async def all_of(*doings: Awaitable[int]) -> int:
    """All at once; refused ones count nothing."""
    found = await asyncio.gather(*doings, return_exceptions=True)
    for each in found:
        assert isinstance(each, int | DomainError), each
    return sum(each for each in found if isinstance(each, int))


async def giving(database: Database, actor: Actor, numbers: Sequence[int]) -> int:
    serials = [serial(number) for number in numbers]
    async with database.transaction() as db:
        outcome = await assign(Act(db, actor, START), ["management"], serials)
    return len(outcome.accepted)


async def sending(database: Database, actor: Actor, to: str, quantity: int) -> int:
    async with database.transaction() as db:
        done = await transfer(
            Act(db, actor, START), TransferRequest("management", to, quantity, False)
        )
        return done.quantity


async def counts(shop: Shop) -> tuple[int, int, int]:
    """Assignments, bonuses, and the points of these."""
    async with shop.database.read() as db:
        given = await db.scalar(select(func.count()).select_from(Assignment)) or 0
        accrued = await db.scalar(select(func.count()).select_from(Bonus)) or 0
        points = await db.scalar(select(func.sum(Bonus.points))) or 0
    return given, accrued, points


async def test_never_more_is_assigned_than_was_bought(
    shop: Shop, anna: Actor, processes: Sequence[Database]
) -> None:
    await shop.settle(anna, [serial(number) for number in range(60)])
    await shop.buy(anna, "management", 20)
    doings = [
        giving(processes[turn % 3], anna, range(turn * 6, turn * 6 + 6)) for turn in range(10)
    ]
    assert await all_of(*doings) == 20
    assert await shop.stock(anna) == {}
    assert await counts(shop) == (20, 20, 20 * 50)


async def test_simultaneous_prolongations_add_up(
    shop: Shop, anna: Actor, processes: Sequence[Database]
) -> None:
    await shop.settle(anna, [serial(1), serial(2)])
    await shop.buy(anna, "management", 6)
    there, back = [1, 2], [2, 1]
    doings = [giving(each, anna, order) for each in processes for order in (there, back)]
    assert await all_of(*doings) == 6
    async with shop.database.read() as db:
        ends = (await db.scalars(select(Subscription.ends_at))).all()
    assert sorted((each - START).days for each in ends if each) == [3 * 365, 3 * 365]


async def test_assignments_and_transfers_share_one_stock(
    shop: Shop, anna: Actor, olga: Actor, processes: Sequence[Database]
) -> None:
    await shop.settle(anna, [serial(number) for number in range(30)])
    await shop.buy(anna, "management", 10)
    gave = [giving(processes[turn % 3], anna, range(turn * 5, turn * 5 + 5)) for turn in range(6)]
    sent = [sending(processes[turn % 3], anna, "olga", 3) for turn in range(6)]
    assert await all_of(*gave, *sent) <= 10
    (given, accrued, _), left = await counts(shop), await shop.stock(anna)
    held = await shop.stock(olga)
    assert given + sum(left.values()) + sum(held.values()) == 10 and accrued == given


async def test_mutual_transfers_do_not_deadlock(
    shop: Shop, anna: Actor, olga: Actor, processes: Sequence[Database]
) -> None:
    await shop.buy(anna, "management", 10)
    await shop.buy(olga, "management", 10)
    doings = [
        sending(processes[turn % 3], actor, to, 2)
        for turn in range(6)
        for actor, to in ((anna, "olga"), (olga, "anna"))
    ]
    async with asyncio.timeout(scaled(20)):
        await all_of(*doings)
    held = [sum((await shop.stock(actor)).values()) for actor in (anna, olga)]
    assert sum(held) == 20


async def test_payment_settled_twice_at_once_adds_stock_once(
    shop: Shop, anna: Actor, processes: Sequence[Database]
) -> None:
    async with shop.database.transaction() as db:
        order = await orders.place_order(Act(db, anna, START, Language.RU), "management", 5, True)
    shops = [Shop(each, shop.clock) for each in processes]
    await asyncio.gather(*(each.pay(order.payment_id, 600_000) for each in shops * 2))
    assert await shop.stock(anna) == {("management", 50): 5}


async def test_refund_reported_twice_at_once_removes_stock_once(
    shop: Shop, anna: Actor, processes: Sequence[Database]
) -> None:
    order_id = await shop.buy(anna, "management", 5)
    payment_id = await payment_of(shop, order_id)
    shops = [Shop(each, shop.clock) for each in processes]
    told = [each.refund(payment_id, 240_000, name) for each in shops * 2 for name in ("a", "b")]
    await asyncio.gather(*told)
    assert await shop.stock(anna) == {("management", 50): 1}


async def test_a_refund_and_assignments_share_one_stock(
    shop: Shop, anna: Actor, processes: Sequence[Database]
) -> None:
    await shop.settle(anna, [serial(number) for number in range(30)])
    order_id = await shop.buy(anna, "management", 10)
    payment_id = await payment_of(shop, order_id)
    shops = [Shop(each, shop.clock) for each in processes]
    gave = [giving(processes[turn % 3], anna, range(turn * 5, turn * 5 + 5)) for turn in range(6)]
    back = [shops[turn % 3].refund(payment_id, 240_000, str(turn)) for turn in range(5)]
    given, _ = await asyncio.gather(all_of(*gave), asyncio.gather(*back))
    async with shop.database.read() as db:
        taken = (await db.get_one(SubscriptionOrder, order_id)).taken_back
    assert given + taken == 10 and await shop.stock(anna) == {}
    assert await counts(shop) == (given, given, given * 50)


async def payment_of(shop: Shop, order_id: int) -> str:
    async with shop.database.read() as db:
        return (await db.get_one(SubscriptionOrder, order_id)).payment_id


async def test_database_refuses_negative_stock(shop: Shop, anna: Actor) -> None:
    """Even against a mistake of ours."""
    await shop.buy(anna, "management", 2)
    with pytest.raises(IntegrityError):
        async with shop.database.transaction() as db:
            why = stock.MovementContext(MovementReason.ASSIGNMENT, START)
            await stock.take_units(db, anna.partner_id, {("management", 50): 3}, why)
    assert await shop.stock(anna) == {("management", 50): 2}


async def test_database_refuses_a_second_bonus(shop: Shop, anna: Actor) -> None:
    one = AssignedSubscription(7, anna.partner_id, anna.employee_id, serial(1), "management", 50)
    fact = SubscriptionsAssigned((one,), START)
    async with shop.database.transaction() as db:
        await on_subscriptions_assigned(Act(db, None, START), fact)
    with pytest.raises(IntegrityError):
        async with shop.database.transaction() as db:
            await on_subscriptions_assigned(Act(db, None, START), fact)
    assert (await counts(shop))[1:] == (1, 50)


async def test_several_workers_announce_an_expiry_once(
    shop: Shop, anna: Actor, processes: Sequence[Database]
) -> None:
    await shop.settle(anna, [serial(number) for number in range(9)])
    await shop.buy(anna, "management", 9)
    await giving(shop.database, anna, range(9))
    shop.clock.forward(days=365)

    async def end(database: Database) -> int:
        async with database.transaction() as db:
            return await expire_subscriptions(Act(db, None, shop.clock()), 3)

    rounds = [await all_of(*(end(each) for each in processes)) for _ in range(4)]
    assert sum(rounds) == 9
