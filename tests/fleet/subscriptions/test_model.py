"""Whatever two partners do, in whatever order, the API agrees with a model of twenty lines."""

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

from fleet.accounts import founding
from fleet.accounts import service as accounts
from fleet.accounts.roles import Role
from fleet.admin_api.app import build_app
from fleet.kit.database import Database
from fleet.migrations.run import full_metadata
from fleet.subscriptions.service import expire
from fleet.wiring import REACTIONS
from tests.fleet.conftest import PASSWORD, Api, HandClock
from tests.fleet.subscriptions.conftest import Shop, serial

DAY = timedelta(days=1)
TERMS = {"management": 365 * DAY, "tax_change": 30 * DAY, "platform_5": None}
POINTS = {"management": 50, "tax_change": 10, "platform_5": 30}
PRICES = {"management": 120_000, "tax_change": 40_000, "platform_5": 80_000}
REGISTERS = 3


@dataclass
class Side:
    """A partner as the model knows it, and its token."""

    login: str
    other: str
    serials: list[str]
    token: str = ""
    stock: Counter[str] = field(default_factory=Counter)
    points: int = 0
    held: dict[str, dict[str, datetime | None]] = field(default_factory=lambda: defaultdict(dict))

    def objection(self, serial_number: str, plan: str, now: datetime) -> bool:
        ends_at = self.held[serial_number].get(plan, now)
        paid_for_long = ends_at is not None and ends_at > now + 9 * 365 * DAY
        return ends_at is None or paid_for_long or not self.stock[plan]

    def give(self, serial_number: str, plan: str, now: datetime) -> None:
        term, ends_at = TERMS[plan], self.held[serial_number].get(plan)
        self.stock[plan] -= 1
        self.points += POINTS[plan]
        self.held[serial_number][plan] = None if term is None else max(ends_at or now, now) + term


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
        """Two partners with registers of their own."""
        self.examples += 1
        logins = [f"{name}-{self.examples}" for name in ("anna", "olga")]
        sides = []
        for place, (login, other) in enumerate(zip(logins, logins[::-1], strict=True)):
            first = (2 * self.examples + place) * REGISTERS
            side = Side(login, other, [serial(first + each) for each in range(REGISTERS)])
            async with self.database.transaction() as db:
                partner = await founding.create_partner(db, login, self.clock())
                who = {"login": login, "full_name": login, "password": PASSWORD}
                employee = await founding.create_employee(
                    db,
                    self.clock(),
                    partner_id=partner.id,
                    role=Role.ADMINISTRATOR_PLUS,
                    **who,
                )
            await self.shop.settle(accounts.to_actor(employee, 0, ""), side.serials)
            sides.append(side)
        return sides

    async def ask(self, side: Side, method: str, path: str, body: Any = None) -> Any:
        if not side.token:
            assert (await self.api.sign_in(side.login)).status == 200
            side.token = self.api.token
        headers = {"Authorization": f"Bearer {side.token}"}
        more = {} if body is None else {"json": body}
        return await self.api.ask(method, f"/subscriptions{path}", headers=headers, **more)

    async def points(self, side: Side) -> int:
        headers = {"Authorization": f"Bearer {side.token}"}
        return int((await self.api.get("/bonuses/balance", headers=headers)).json["points"])


Who, Plan = st.integers(0, 1), st.sampled_from(sorted(TERMS))


class Trade(RuleBasedStateMachine):
    """``world`` is set by the test."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.unpaid: list[tuple[Side, str, int, str]] = []
        self.sides = self._run(self.world.found())

    def _run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return self.world.runner.run(doing)

    def _ask(self, side: Side, method: str, path: str, body: Any = None) -> Any:
        return self._run(self.world.ask(side, method, path, body))

    @rule(who=Who, plan=Plan, quantity=st.integers(1, 4))
    def buy(self, who: int, plan: str, quantity: int) -> None:
        side = self.sides[who]
        wish = {"plan": plan, "quantity": quantity, "agreed": True}
        answer = self._ask(side, "POST", "/orders", wish)
        assert answer.json["order"]["amount_kopecks"] == quantity * PRICES[plan]
        self.unpaid.append((side, plan, quantity, answer.json["order"]["payment_id"]))

    @precondition(lambda self: self.unpaid)
    @rule(data=st.data(), times=st.integers(1, 2))
    def pay(self, data: st.DataObject, times: int) -> None:
        order = data.draw(st.sampled_from(self.unpaid))
        self.unpaid.remove(order)
        side, plan, quantity, payment_id = order
        for _ in range(times):
            self._run(self.world.shop.pay(payment_id, quantity * PRICES[plan]))
        side.stock[plan] += quantity

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
        outcome = self._ask(side, "POST", "/assign", body).json
        expected = []
        for each in chosen:
            own = each in side.serials
            if own and not any(side.objection(each, plan, now) for plan in plans):
                expected += [(each, plan) for plan in plans]
                for plan in plans:
                    side.give(each, plan, now)
        got = [(each["serial_number"], each["plan"]) for each in outcome["accepted"]]
        assert got == expected
        refused = {each["serial_number"] for each in outcome["refused"]}
        assert refused == set(chosen) - {each for each, _ in expected}

    @rule(who=Who, plan=Plan, quantity=st.integers(1, 5))
    def transfer(self, who: int, plan: str, quantity: int) -> None:
        side = self.sides[who]
        body = {"plan": plan, "to": side.other, "quantity": quantity}
        answer = self._ask(side, "POST", "/transfers", body)
        enough = side.stock[plan] >= quantity
        assert answer.status == (201 if enough else 409)
        if enough:
            side.stock[plan] -= quantity
            self.sides[1 - who].stock[plan] += quantity

    @rule(days=st.sampled_from([1, 29, 30, 365, 400]))
    def wait(self, days: int) -> None:
        before = self.world.clock()
        self.world.clock.forward(days=days)
        for side in self.sides:
            side.token = ""
        ended = [
            ends_at
            for side in self.sides
            for plans in side.held.values()
            for ends_at in plans.values()
            if ends_at is not None and before < ends_at <= self.world.clock()
        ]
        assert self._run(self._end()) == len(ended)

    async def _end(self) -> int:
        async with self.world.database.transaction() as db:
            return await expire(db, self.world.clock(), 1000)

    @invariant()
    def agree(self) -> None:
        for side in self.sides:
            items = self._ask(side, "GET", "/plans?available=true").json["items"]
            stock = {each["code"]: each["available"] for each in items}
            assert stock == {plan: count for plan, count in side.stock.items() if count}
            assert self._run(self.world.points(side)) == side.points
            rows = self._ask(side, "GET", "?limit=100").json["items"]
            now = self.world.clock()
            shown = {
                (each["serial_number"], each["plan"]): (each["ends_at"], each["active"])
                for each in rows
            }
            assert {
                key: (ends_at and datetime.fromisoformat(ends_at), active)
                for key, (ends_at, active) in shown.items()
            } == {
                (serial_number, plan): (ends_at, ends_at is None or ends_at > now)
                for serial_number, plans in side.held.items()
                for plan, ends_at in plans.items()
            }

    def teardown(self) -> None:
        """What is left over must not come due in the next example."""
        self.world.clock.forward(days=5000)
        self._run(self._end())


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = World(database_url)
    yield world
    world.close()


@pytest.mark.timeout(120)
def test_the_api_agrees_with_the_model(world: World) -> None:
    machine = type("Trade", (Trade,), {"world": world})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=5, stateful_step_count=12, deadline=None)
    )
