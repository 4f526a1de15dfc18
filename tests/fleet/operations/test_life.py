"""Any order of events at all, on a real database: the life of operations keeps its laws."""

import asyncio
import contextlib
import tempfile
from collections.abc import Coroutine, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete

from fleet.accounts.models import Partner
from fleet.accounts.roles import RIGHTS, Role
from fleet.audit.models import AuditEntry
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.kit.errors import DomainError
from fleet.migrations.run import full_metadata
from fleet.operations import service
from fleet.operations.models import Operation, OperationChange
from fleet.operations.rules import OPEN, TRANSITIONS, OperationStatus, StatusCause
from fleet.operations.work import PORTION
from fleet.registers.models import CashRegister
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.service import grant
from protocol.conversation.messages import Step, StepDone, StepRefusal, StepRefused
from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister
from tests.examples import examples
from tests.fleet.conftest import START, HandClock
from tests.fleet.operations.stage import Stage, Word, answer_step, serial
from tests.pace import scaled

Result = TypeVar("Result")
PARAMS: Mapping[str, Mapping[str, Any]] = {
    "settings_upload": {"settings": {"278": "host.example", "279": 8080}},
    "settings_download": {"settings": ["278", "279"]},
}
FINISHED = [status for status in OperationStatus if status not in OPEN]


class Place:
    """A loop and an empty database, shared by all examples."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.database = Database(f"sqlite+aiosqlite:///{folder / 'fleet.db'}")
        self.run(self._make())

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.loop.run_until_complete(asyncio.wait_for(work, scaled(30)))

    def close(self) -> None:
        self.run(self.database.close())
        self.loop.close()

    async def _make(self) -> None:
        async with self.database.transaction() as db:
            await (await db.connection()).run_sync(full_metadata().create_all)
            db.add(Partner(id=ACTOR.partner_id, name="P", created_at=START))
            await db.flush()
            await grant(Act(db, None, START), ACTOR.partner_id, Entitlement)

    async def empty(self) -> None:
        async with self.database.transaction() as db:
            for table in (OperationChange, Operation, AuditEntry, CashRegister):
                await db.execute(delete(table))


@contextlib.contextmanager
def some_place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        yield place
        place.close()


ACTOR = Actor(1, 1, "anna", Role.ADMINISTRATOR, frozenset(RIGHTS[Role.ADMINISTRATOR]), 0)


class Life(RuleBasedStateMachine):
    """A register, a person, and a link that says anything at any time.

    The model is what was seen before: rows, given steps, and the words of the register.
    """

    place: Place

    def __init__(self) -> None:
        super().__init__()
        self.run = self.place.run
        self.run(self.place.empty())
        self.stage = Stage(self.place.database, HandClock(), ACTOR)
        self.before: dict[int, Operation] = {}
        self.given: dict[tuple[int, int], Step] = {}
        self.outstanding: Step | None = None
        self.words: list[Word] = []

    @initialize(platform=st.sampled_from(Platform))
    def enrol(self, platform: Platform) -> None:
        self.register = SimulatedRegister(serial(1), platform, 69, Random(1), START)
        self.run(self.stage.enrol(serial(1), platform))

    # ---- the person ------------------------------------------------------------------------------

    @rule(
        kind=st.sampled_from(["settings_upload", "settings_download", "cancel_pending"]),
        later=st.booleans(),
    )
    def create(self, kind: str, later: bool) -> None:
        params = PARAMS.get(kind, {})
        scheduled_for = self.stage.clock() + timedelta(minutes=30) if later else None
        created = self.run(self.stage.order(kind, [serial(1)], params, scheduled_for=scheduled_for))
        assert len(created.accepted) + len(created.refused) == 1

    @precondition(lambda self: self.before)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        operation_id = data.draw(st.sampled_from(sorted(self.before)))
        over = self.before[operation_id].status in (
            OperationStatus.SUCCEEDED,
            OperationStatus.FAILED,
        )
        with pytest.raises(DomainError) if over else contextlib.nullcontext():
            self.run(self.stage.cancel(operation_id))

    @precondition(lambda self: self.before)
    @rule(data=st.data(), minutes=st.integers(1, 90))
    def reschedule(self, data: st.DataObject, minutes: int) -> None:
        operation_id = data.draw(st.sampled_from(sorted(self.before)))
        row = self.before[operation_id]
        begun = row.status is not OperationStatus.QUEUED or row.step > 0
        with pytest.raises(DomainError) if begun else contextlib.nullcontext():
            self.run(self._reschedule(operation_id, minutes))

    async def _reschedule(self, operation_id: int, minutes: int) -> None:
        now = self.stage.clock()
        async with self.stage.database.transaction() as db:
            at = now + timedelta(minutes=minutes)
            await service.reschedule(self.stage.act(db), operation_id, at)

    # ---- the register ----------------------------------------------------------------------------

    @rule()
    def check_in(self) -> None:
        self.hear(None)

    @precondition(lambda self: self.outstanding)
    @rule()
    def answer(self) -> None:
        assert self.outstanding is not None
        self.hear(answer_step(self.register, self.outstanding, self.stage.clock()))

    @precondition(lambda self: self.words)
    @rule(data=st.data())
    def repeat_any_word(self, data: st.DataObject) -> None:
        self.hear(data.draw(st.sampled_from(self.words)))

    @precondition(lambda self: self.given)
    @rule(data=st.data(), off=st.sampled_from([0, 0, 0, -1, 1]))
    def answer_without_being_asked(self, data: st.DataObject, off: int) -> None:
        step = self._some_step(data)
        said = answer_step(self.register, step, self.stage.clock())
        if isinstance(said, StepDone):
            said = said._replace(step=max(0, said.step + off))
        self.hear(said)

    @precondition(lambda self: self.given)
    @rule(data=st.data(), said=st.binary(max_size=5))
    def answer_garbage(self, data: st.DataObject, said: bytes) -> None:
        step = self._some_step(data)
        self.hear(StepDone(step.operation_id, step.step, said))

    @precondition(lambda self: self.given)
    @rule(data=st.data(), reason=st.sampled_from([*StepRefusal, StepRefusal.BUSY, 0, 9]))
    def refuse(self, data: st.DataObject, reason: int) -> None:
        self.hear(StepRefused(self._some_step(data).operation_id, reason))

    def _some_step(self, data: st.DataObject) -> Step:
        """Of each operation the step that was given last."""
        last = {operation_id: step for (operation_id, _), step in sorted(self.given.items())}
        return data.draw(st.sampled_from(list(last.values())))

    @rule()
    def lose_power(self) -> None:
        self.register.power_cycle()

    def hear(self, word: Word | None) -> None:
        """One visit; a step that was given before must be the same command again."""
        if word is not None:
            self.words.append(word)
        step = self.outstanding = self.run(self.stage.visit(self.register, word)).step
        if step is not None:
            assert self.given.setdefault((step.operation_id, step.step), step) == step

    # ---- time ------------------------------------------------------------------------------------

    @rule(minutes=st.sampled_from([1, 3, 6]))
    def lapse(self, minutes: int) -> None:
        self.stage.clock.forward(minutes=minutes)
        self.run(self._job(service.requeue_silent))

    @rule(days=st.sampled_from([1, 8, 400]))
    def expire(self, days: int) -> None:
        self.stage.clock.forward(days=days)
        self.run(self._job(service.end_overdue))
        rows = self.run(self.stage.operations())
        assert not [
            row for row in rows if row.status in OPEN and row.deadline_at <= self.stage.clock()
        ]

    async def _job(self, job: Any) -> None:
        async with self.stage.database.transaction() as db:
            await job(self.stage.act(db), PORTION)

    # ---- the laws --------------------------------------------------------------------------------

    @invariant()
    def laws(self) -> None:
        rows = self.run(self.stage.operations())
        running = [row.serial_number for row in rows if row.status is OperationStatus.RUNNING]
        assert len(running) == len(set(running)), "two operations run on one register"
        for row in rows:
            self._one_goes_on(row, self.before.get(row.id))
        self.before = {row.id: row for row in rows}

    def _one_goes_on(self, row: Operation, before: Operation | None) -> None:
        assert (row.finished_at is None) is (row.status in OPEN)
        assert (row.lease_until is None) is (row.status is not OperationStatus.RUNNING)
        assert row.cause in set(StatusCause)
        if before is not None and picture(row) != picture(before):
            assert row.step >= before.step
            changed_its_mind = before.status is OperationStatus.NEEDS_ATTENTION
            assert before.status in OPEN or (
                changed_its_mind and row.status is OperationStatus.CANCELLED
            )
            assert row.cancel_requested or not before.cancel_requested
            self._ends_with_a_word(row, before)
        self._history_is_a_chain(row)

    def _ends_with_a_word(self, row: Operation, before: Operation) -> None:
        if before.cancel_requested and row.status in FINISHED:
            late = (
                row.cause == StatusCause.DEADLINE and row.status is OperationStatus.NEEDS_ATTENTION
            )
            assert row.status is OperationStatus.CANCELLED or late

    def _history_is_a_chain(self, row: Operation) -> None:
        changes = self.run(self.stage.history(row.id))
        statuses = [None, *(change.to_status for change in changes)]
        assert [change.from_status for change in changes] == statuses[:-1]
        assert (changes[-1].to_status, changes[-1].cause) == (row.status, row.cause)
        assert changes[-1].detail == row.detail
        for change in changes[1:]:
            assert change.from_status is not None
            assert change.to_status in TRANSITIONS[change.from_status]
        moments = [change.at for change in changes]
        assert moments == sorted(moments)


def picture(row: Operation) -> dict[str, Any]:
    """Everything about the row but when it was last written."""
    return {
        column.name: getattr(row, column.name)
        for column in Operation.__table__.columns
        if column.name != "changed_at"
    }


def test_random_histories_keep_the_invariants_of_an_operation() -> None:
    with some_place() as place:
        Life.place = place
        much = settings(max_examples=examples(60), stateful_step_count=30, deadline=None)
        run_state_machine_as_test(Life, settings=much)
