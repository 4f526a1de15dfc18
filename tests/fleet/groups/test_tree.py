"""Any sequence of what people do with groups, against the API: the rules hold afterwards."""

import asyncio
import contextlib
import tempfile
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete, update

from fleet.accounts import creation as founding
from fleet.accounts.roles import Role
from fleet.admin_api.app import build_app
from fleet.audit.models import AuditEntry
from fleet.groups import rules
from fleet.groups.models import Group
from fleet.kit.act import Act
from fleet.kit.database import Database
from fleet.migrations.run import full_metadata
from fleet.registers.models import CashRegister
from tests.examples import examples
from tests.fleet.conftest import PASSWORD, START, Answer, Api, HandClock
from tests.pace import scaled

Result = TypeVar("Result")
SERIALS = [f"001069{number:08}" for number in range(1, 5)]
UNKNOWN = 999_999
DEPTH = 4
"""Instead of 32, so that chance finds the bound."""


class Place:
    """A loop, an empty database and a person at its API, shared by all examples."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.database = Database(f"sqlite+aiosqlite:///{folder / 'fleet.db'}")
        self.run(self._open())

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.loop.run_until_complete(asyncio.wait_for(work, scaled(30)))

    def close(self) -> None:
        self.run(self.client.close())
        self.run(self.database.close())
        self.loop.close()

    async def _open(self) -> None:
        async with self.database.transaction() as db:
            await (await db.connection()).run_sync(full_metadata().create_all)
            partner = await founding.create_partner(Act(db, None, START), "P")
            await founding.create_employee(
                Act(db, None, START),
                partner_id=partner.id,
                login="anna",
                full_name="Anna",
                role=Role.ADMINISTRATOR,
                password=PASSWORD,
            )
        self.client = TestClient(TestServer(build_app(self.database, HandClock())))
        await self.client.start_server()
        self.api = Api(self.client)
        assert (await self.api.sign_in("anna")).status == 200
        enrolled = await self.api.post("/registers/enrol", {"serial_numbers": SERIALS})
        assert enrolled.json["refused"] == []

    async def empty(self) -> None:
        async with self.database.transaction() as db:
            await db.execute(update(CashRegister).values(group_id=None))
            for table in (Group, AuditEntry):
                await db.execute(delete(table))


@contextlib.contextmanager
def some_place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        yield place
        place.close()


class Forest(RuleBasedStateMachine):
    """The model: where each group is and what it is called, and where each register is."""

    place: Place

    def __init__(self) -> None:
        super().__init__()
        self.run = self.place.run
        self.run(self.place.empty())
        self.parents: dict[int, int | None] = {}
        self.names: dict[int, str] = {}
        self.homes: dict[str, int] = {}

    @rule(name=st.sampled_from("abc"), pick=st.integers(0, 9))
    def create(self, name: str, pick: int) -> None:
        parent = self._any(pick)
        answer = self._ask("POST", "/groups", {"name": name, "parent_id": parent})
        bad = self._unfit(parent) or len(self._path(parent)) >= DEPTH
        if self._obeys(answer, bad or self._taken(name, parent, None), 201):
            self.parents[answer.json["id"]], self.names[answer.json["id"]] = parent, name

    @rule(name=st.sampled_from("abc"), pick=st.integers(0, 9))
    def rename(self, name: str, pick: int) -> None:
        group = self._some(pick)
        answer = self._ask("PUT", f"/groups/{group}", {"name": name})
        bad = group not in self.parents or self._taken(name, self.parents[group], group)
        if self._obeys(answer, bad):
            self.names[group] = name

    @rule(pick=st.integers(0, 9), to=st.integers(0, 9))
    def move(self, pick: int, to: int) -> None:
        group, parent = self._some(pick), self._any(to)
        answer = self._ask("POST", f"/groups/{group}/move", {"parent_id": parent})
        bad = (
            group not in self.parents
            or self._unfit(parent)
            or group in self._path(parent)
            or len(self._path(parent)) + self._height(group) > DEPTH
            or self._taken(self.names[group], parent, group)
        )
        if self._obeys(answer, bad):
            self.parents[group] = parent

    @rule(pick=st.integers(0, 9))
    def remove(self, pick: int) -> None:
        group = self._some(pick)
        answer = self._ask("DELETE", f"/groups/{group}")
        if self._obeys(answer, group not in self.parents, 204):
            gone = [each for each in self.parents if group in self._path(each)]
            self.homes = {serial: home for serial, home in self.homes.items() if home not in gone}
            for each in gone:
                del self.parents[each], self.names[each]

    @rule(pick=st.integers(0, 9), serials=st.sets(st.sampled_from(SERIALS), min_size=1))
    def fill(self, pick: int, serials: set[str]) -> None:
        group = self._some(pick)
        body = {"serial_numbers": sorted(serials)}
        answer = self._ask("POST", f"/groups/{group}/registers", body)
        if self._obeys(answer, group not in self.parents or group in self.parents.values()):
            self.homes.update(dict.fromkeys(serials, group))

    @rule(serial=st.sampled_from(SERIALS))
    def take_out(self, serial: str) -> None:
        answer = self._ask("POST", "/registers/ungroup", {"serial_numbers": [serial]})
        assert answer.json["refused"] == []
        self.homes.pop(serial, None)

    @invariant()
    def the_api_shows_the_model(self) -> None:
        items = self._ask("GET", "/groups").json["items"]
        found = {each["id"]: each for each in items}
        assert {id_: each["parent_id"] for id_, each in found.items()} == self.parents
        assert {id_: each["name"] for id_, each in found.items()} == self.names
        for id_, each in found.items():
            assert each["depth"] == len(self._path(id_)) <= DEPTH
            assert each["leaf"] == (id_ not in self.parents.values())
            assert each["registers"] == list(self.homes.values()).count(id_)
            below = [home for home in self.homes.values() if id_ in self._path(home)]
            assert each["registers_total"] == len(below)
            assert each["leaf"] or each["registers"] == 0
        rows = self._ask("GET", "/registers").json["items"]
        homes = {row["serial_number"]: row["group_id"] for row in rows if row["group_id"]}
        assert homes == self.homes

    def _ask(self, method: str, path: str, body: Any = None) -> Answer:
        return self.run(self.place.api.ask(method, path, json=body))

    def _obeys(self, answer: Answer, bad: bool, good: int = 200) -> bool:
        """Whether it was done, which must be so exactly when the model allows it."""
        assert answer.status in ((404, 409) if bad else (good,)), answer.json
        return not bad

    def _some(self, pick: int) -> int:
        choice = [*sorted(self.parents), UNKNOWN]
        return choice[pick % len(choice)]

    def _any(self, pick: int) -> int | None:
        return self._some(pick - 1) if pick else None

    def _path(self, group: int | None) -> list[int]:
        """From the group up to the root."""
        return [] if group is None else [group, *self._path(self.parents[group])]

    def _height(self, group: int) -> int:
        below = [self._path(each) for each in self.parents]
        return max(path.index(group) + 1 for path in below if group in path)

    def _unfit(self, parent: int | None) -> bool:
        return parent is not None and (parent not in self.parents or parent in self.homes.values())

    def _taken(self, name: str, parent: int | None, own: int | None) -> bool:
        return any(
            place == parent and self.names[group] == name and group != own
            for group, place in self.parents.items()
        )


def test_rules_hold_after_random_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_DEPTH", DEPTH)
    with some_place() as place:
        machine = type("Forest", (Forest,), {"place": place})
        run_state_machine_as_test(
            machine,
            settings=settings(max_examples=examples(15), stateful_step_count=25, deadline=None),
        )
