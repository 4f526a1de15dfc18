"""Whatever two partners do, in whatever order, the API agrees with a model of a hundred lines."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fleet.accounts import creation as founding
from fleet.accounts import service as accounts
from fleet.accounts.roles import Role
from fleet.admin_api.app import build_app
from fleet.billing.processor import PORTION, PaymentProcessor
from fleet.billing.rules import PaymentStatus
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.acts import Acts
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.errors import DomainError
from fleet.migrations.run import full_metadata
from fleet.registers.ownership import hand_over
from fleet.subscriptions.service import add_stock, expire_subscriptions
from fleet.wiring import REACTIONS
from tests.examples import examples
from tests.fleet.conftest import PASSWORD, Api, HandClock
from tests.fleet.subscriptions.conftest import Shop, serial

DAY = timedelta(days=1)
TERMS = {"management": 365 * DAY, "tax_change": 30 * DAY, "platform_5": None}
POINTS = {"management": 50, "tax_change": 10, "platform_5": 30}
PRICES = {"management": 120_000, "tax_change": 40_000, "platform_5": 80_000}
REGISTERS = 3
OWNERS = ("7707083893", "7736050003")
"""The clients whose registers the partners have to begin with."""


@dataclass
class Side:
    """A partner as the model knows it, and its token."""

    actor: Actor
    other: str
    inn: str
    serials: list[str]
    token: str = ""
    stock: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By plan and points of one."""
    points: Counter[str] = field(default_factory=Counter)
    """By client."""

    def count(self, plan: str) -> int:
        return sum(self.units(plan).values())

    def units(self, plan: str) -> dict[int, int]:
        return {points: n for (code, points), n in self.stock.items() if code == plan and n}

    def take(self, plan: str, *, richest: bool) -> int:
        """One unit; the points that it brings."""
        points = (max if richest else min)(self.units(plan))
        self.stock[plan, points] -= 1
        return points


@dataclass
class Order:
    """A purchase as the model knows it."""

    side: Side
    id: int
    plan: str
    quantity: int
    payment_id: str
    status: PaymentStatus = PaymentStatus.WAITING
    refunded: int = 0
    taken_back: int = 0
    refunds: int = 0

    @property
    def amount(self) -> int:
        return self.quantity * PRICES[self.plan]


class World:
    """One database and one API for all examples; each takes new partners."""

    def __init__(self, url: str) -> None:
        self.runner, self.stack = asyncio.Runner(), AsyncExitStack()
        self.clock, self.examples, self.url = HandClock(), 0, url
        self.runner.run(self._open())

    async def _open(self) -> None:
        self.database = Database(self.url, REACTIONS)
        self.stack.push_async_callback(self.database.close)
        async with self.database.transaction() as db:
            await (await db.connection()).run_sync(full_metadata().create_all)
        app = build_app(self.database, self.clock)
        client = await self.stack.enter_async_context(TestClient(TestServer(app)))
        self.api, self.shop = Api(client), Shop(self.database, self.clock)

    def close(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()

    async def found(self) -> list[Side]:
        """Two partners with registers of their own, each of another client."""
        self.examples += 1
        logins = [f"{name}-{self.examples}" for name in ("anna", "olga")]
        sides = []
        for place, (login, other) in enumerate(zip(logins, logins[::-1], strict=True)):
            first = (2 * self.examples + place) * REGISTERS
            serials = [serial(first + each) for each in range(REGISTERS)]
            async with self.database.transaction() as db:
                partner = await founding.create_partner(Act(db, None, self.clock()), login)
                who = {"login": login, "full_name": login, "password": PASSWORD}
                employee = await founding.create_employee(
                    Act(db, None, self.clock()),
                    partner_id=partner.id,
                    role=Role.ADMINISTRATOR_PLUS,
                    **who,
                )
            side = Side(accounts.to_actor(employee, 0, ""), other, OWNERS[place], serials)
            await self.shop.settle(side.actor, serials, owner_inn=side.inn)
            sides.append(side)
        return sides

    async def ask(self, side: Side, method: str, path: str, body: Any = None) -> Any:
        if not side.token:
            assert (await self.api.sign_in(side.actor.login)).status == 200
            side.token = self.api.token
        headers = {"Authorization": f"Bearer {side.token}"}
        more = {} if body is None else {"json": body}
        return await self.api.ask(method, path, headers=headers, **more)

    async def give(self, side: Side, plan: str, quantity: int) -> None:
        """Support does."""
        async with self.database.transaction() as db:
            await add_stock(Act(db, None, self.clock()), side.actor.partner_id, plan, quantity)

    async def hand_over(self, serial_number: str, to: Side) -> None:
        async with self.database.transaction() as db:
            await hand_over(Act(db, None, self.clock()), [serial_number], to.actor.partner_id)

    async def end(self) -> int:
        """What the worker does: asks what became of payments, and ends subscriptions."""
        desk = PaymentProcessor.from_config(Acts(self.database, self.clock, config=FleetConfig()))
        while await desk.poll_due() == PORTION:
            pass
        async with self.database.transaction() as db:
            return await expire_subscriptions(Act(db, None, self.clock()), 1000)


Who, Plan = st.integers(0, 1), st.sampled_from(sorted(TERMS))


class Trade(RuleBasedStateMachine):
    """``world`` is set by the test."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[Order] = []
        self.held: dict[str, dict[str, datetime | None]] = defaultdict(dict)
        """Register -> plan -> end; it goes with the register."""
        self.sides = self._run(self.world.found())
        self.owner = {each: side.inn for side in self.sides for each in side.serials}

    def _run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return self.world.runner.run(doing)

    def _ask(self, side: Side, method: str, path: str, body: Any = None) -> Any:
        return self._run(self.world.ask(side, method, path, body))

    @rule(who=Who, plan=Plan, quantity=st.integers(1, 4))
    def buy(self, who: int, plan: str, quantity: int) -> None:
        side = self.sides[who]
        wish = {"plan": plan, "quantity": quantity, "agreed": True}
        found = self._ask(side, "POST", "/subscriptions/orders", wish).json["order"]
        self.orders.append(Order(side, found["id"], plan, quantity, found["payment_id"]))
        assert found["amount_kopecks"] == self.orders[-1].amount

    @rule(who=Who, plan=Plan, quantity=st.integers(1, 2))
    def get_for_nothing(self, who: int, plan: str, quantity: int) -> None:
        self._run(self.world.give(self.sides[who], plan, quantity))
        self.sides[who].stock[plan, 0] += quantity

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), status=st.sampled_from(PaymentStatus), times=st.integers(1, 2))
    def hear_of_a_payment(self, data: st.DataObject, status: PaymentStatus, times: int) -> None:
        """Any news in any order: what was paid stays paid, and is honoured once."""
        order = data.draw(st.sampled_from(self.orders))
        for _ in range(times):
            self._run(self.world.shop.pay(order.payment_id, order.amount, status))
        if status is PaymentStatus.PAID and order.status is not PaymentStatus.PAID:
            order.side.stock[order.plan, POINTS[order.plan]] += order.quantity
            order.status = status
        elif order.status is PaymentStatus.WAITING:
            order.status = status

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), halves=st.integers(1, 9), times=st.integers(1, 2))
    def hear_of_a_refund(self, data: st.DataObject, halves: int, times: int) -> None:
        """Of so many halves of the price of one."""
        order = data.draw(st.sampled_from(self.orders))
        price, points = PRICES[order.plan], POINTS[order.plan]
        amount = halves * price // 2
        good = order.status is PaymentStatus.PAID and order.refunded + amount <= order.amount
        order.refunds += 1
        for _ in range(times):
            assert self._run(self._refund(order, amount)) is good
        if good:
            whole = (order.refunded + amount) // price - order.refunded // price
            taken = min(whole, order.side.stock[order.plan, points])
            order.side.stock[order.plan, points] -= taken
            order.refunded, order.taken_back = order.refunded + amount, order.taken_back + taken

    async def _refund(self, order: Order, amount: int) -> bool:
        try:
            name = f"{order.id}-{order.refunds}"
            await self.world.shop.refund(order.payment_id, amount, name)
        except DomainError:
            return False
        return True

    @rule(
        who=Who,
        plans=st.lists(Plan, min_size=1, max_size=3, unique=True),
        places=st.lists(st.integers(0, 2 * REGISTERS - 1), min_size=1, max_size=4, unique=True),
    )
    def assign(self, who: int, plans: list[str], places: list[int]) -> None:
        """Of the own registers and of the other partner's, which are nobody's business."""
        side, now = self.sides[who], self.world.clock()
        everybody = self.sides[0].serials + self.sides[1].serials
        chosen = [everybody[place] for place in places]
        body = {"plans": plans, "serial_numbers": chosen}
        outcome = self._ask(side, "POST", "/subscriptions/assign", body).json
        expected = []
        for each in chosen:
            own = each in side.serials
            if own and all(self._may_get(side, each, plan, now) for plan in plans):
                expected += [(each, plan) for plan in plans]
                for plan in plans:
                    self._give(side, each, plan, now)
        got = [(each["serial_number"], each["plan"]) for each in outcome["accepted"]]
        assert got == expected
        refused = {each["serial_number"] for each in outcome["refused"]}
        assert refused == set(chosen) - {each for each, _ in expected}

    def _may_get(self, side: Side, serial_number: str, plan: str, now: datetime) -> bool:
        ends_at = self.held[serial_number].get(plan, now)
        paid_for_long = ends_at is not None and ends_at > now + 9 * 365 * DAY
        return ends_at is not None and not paid_for_long and side.count(plan) > 0

    def _give(self, side: Side, serial_number: str, plan: str, now: datetime) -> None:
        term, ends_at = TERMS[plan], self.held[serial_number].get(plan)
        side.points[self.owner[serial_number]] += side.take(plan, richest=True)
        self.held[serial_number][plan] = None if term is None else max(ends_at or now, now) + term

    @rule(who=Who, plan=Plan, quantity=st.integers(1, 5))
    def transfer(self, who: int, plan: str, quantity: int) -> None:
        side = self.sides[who]
        body = {"plan": plan, "to": side.other, "quantity": quantity}
        answer = self._ask(side, "POST", "/subscriptions/transfers", body)
        enough = side.count(plan) >= quantity
        assert answer.status == (201 if enough else 409)
        for _ in range(quantity if enough else 0):
            self.sides[1 - who].stock[plan, side.take(plan, richest=False)] += 1

    @rule(place=st.integers(0, 2 * REGISTERS - 1), who=Who)
    def hand_over(self, place: int, who: int) -> None:
        """By support's decision; to whom it is already, it changes nothing."""
        moved, to = sorted(self.owner)[place], self.sides[who]
        self._run(self.world.hand_over(moved, to))
        for side in self.sides:
            others = [each for each in side.serials if each != moved]
            side.serials = sorted([*others, moved]) if side is to else others

    @rule(days=st.sampled_from([1, 29, 30, 365, 400]))
    def wait(self, days: int) -> None:
        before = self.world.clock()
        self.world.clock.forward(days=days)
        for side in self.sides:
            side.token = ""
        ended = [
            ends_at
            for plans in self.held.values()
            for ends_at in plans.values()
            if ends_at is not None and before < ends_at <= self.world.clock()
        ]
        assert self._run(self.world.end()) == len(ended)
        for order in self.orders:
            if order.status is PaymentStatus.WAITING:
                order.status = PaymentStatus.CANCELLED

    @invariant()
    def agree(self) -> None:
        for side in self.sides:
            self._agree_on_stock(side)
            self._agree_on_orders(side)
            self._agree_on_registers(side)

    def _agree_on_stock(self, side: Side) -> None:
        shown = self._ask(side, "GET", "/subscriptions/plans?available=true").json["items"]
        stock = {each["code"]: each["available"] for each in shown}
        assert stock == {plan: side.count(plan) for plan in TERMS if side.count(plan)}
        units = {key: count for key, count in side.stock.items() if count}
        assert self._run(self.world.shop.stock(side.actor)) == units
        clients = self._ask(side, "GET", "/bonuses/clients").json["items"]
        points = {each["client_inn"]: each["points"] for each in clients}
        assert points == {inn: count for inn, count in side.points.items() if count}

    def _agree_on_orders(self, side: Side) -> None:
        told = ("id", "status", "refunded_kopecks", "taken_back")
        rows = self._ask(side, "GET", "/subscriptions/orders?limit=100").json["items"]
        assert [tuple(row[name] for name in told) for row in reversed(rows)] == [
            (order.id, order.status, order.refunded, order.taken_back)
            for order in self.orders
            if order.side is side
        ]

    def _agree_on_registers(self, side: Side) -> None:
        rows = self._ask(side, "GET", "/subscriptions?limit=100").json["items"]
        now = self.world.clock()
        shown = {
            (each["serial_number"], each["plan"]): (
                each["ends_at"] and datetime.fromisoformat(each["ends_at"]),
                each["active"],
            )
            for each in rows
        }
        assert shown == {
            (serial_number, plan): (ends_at, ends_at is None or ends_at > now)
            for serial_number in side.serials
            for plan, ends_at in self.held[serial_number].items()
        }

    def teardown(self) -> None:
        """What is left over must not come due in the next example."""
        self.world.clock.forward(days=5000)
        self._run(self.world.end())


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = World(database_url)
    yield world
    world.close()


@pytest.mark.timeout(120)
def test_the_api_agrees_with_the_model(world: World) -> None:
    machine = type("Trade", (Trade,), {"world": world})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples(5), stateful_step_count=12, deadline=None)
    )
