"""Each step takes effect at most once and is answered at least once, wherever the PC dies."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.assistant import journal as journals
from gateway.assistant.journal import Journal, StepKey
from gateway.assistant.register_connection import RegisterUnreachable, StepOutcomeUnknown
from gateway.assistant.steps import StepExecutor
from protocol.conversation.messages import Step, StepDone, StepRefusal, StepRefused
from tests.examples import examples
from tests.gateway.assistant.connections import DONE, SERIAL, CountingConnection, lose_connection

STEP = Step(7, 1, b"\xa6")
KEY = StepKey(SERIAL, 7, 1)
POINTS = ("witness", "begin", "before", "after", "finish")


class Killed(BaseException):
    """The process dies here."""


class KilledJournal(Journal):
    """Dies when ``point`` is reached, before or after it has written."""

    point = ""
    after = False

    def begin(self, key: StepKey, command: bytes, before: dict[str, Any]) -> None:
        self._at("begin", lambda: super(KilledJournal, self).begin(key, command, before))

    def finish(self, key: StepKey, answer: bytes) -> None:
        self._at("finish", lambda: super(KilledJournal, self).finish(key, answer))

    def _at(self, point: str, write: Callable[[], None]) -> None:
        if self.point == point and not self.after:
            raise Killed
        write()
        if self.point == point:
            raise Killed


def killing(point: str) -> Callable[[str], None]:
    def cut(now: str) -> None:
        if now == point:
            raise Killed

    return cut


async def life(
    path: Path, way: CountingConnection, point: str, after: bool
) -> StepDone | StepRefused:
    """One run of the program: the step is brought, and the journal's file stays."""
    journal = KilledJournal(path)
    journal.point, journal.after = point, after
    way.cut = killing(point)
    try:
        return await StepExecutor(SERIAL, journal).execute(way, STEP)
    finally:
        journal.close()


@settings(max_examples=examples(30), deadline=None)
@given(deaths=st.lists(st.tuples(st.sampled_from(POINTS), st.booleans()), max_size=6))
async def test_a_step_is_done_once_and_answered_when_killed_anywhere(
    tmp_path_factory: pytest.TempPathFactory, deaths: list[tuple[str, bool]]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    way = CountingConnection()
    for point, after in deaths:
        with suppress(Killed):
            await life(path, way, point, after)
        assert len(way.effects) <= 1
    for _ in range(2):
        assert await life(path, way, "", False) == StepDone(7, 1, DONE + b"\x01")
    assert way.effects == [STEP.command]


@pytest.fixture
def journal(tmp_path: Path) -> Any:
    journal = Journal(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


async def test_a_step_stays_open_after_a_cut_until_the_register_answers(journal: Journal) -> None:
    way = CountingConnection(lambda point: lose_connection(point) if point == "after" else None)
    steps = StepExecutor(SERIAL, journal)
    with pytest.raises(RegisterUnreachable):
        await steps.execute(way, STEP)
    way.cut = lambda _: None
    assert await steps.execute(way, STEP) == StepDone(7, 1, DONE + b"\x01")
    assert len(way.effects) == 1


async def test_an_unknown_outcome_needs_a_person(journal: Journal) -> None:
    class Mute(CountingConnection):
        async def recover_answer(self, command: bytes, before: dict[str, Any]) -> bytes | None:
            raise StepOutcomeUnknown("no trace")

    way = Mute(lambda point: lose_connection(point) if point == "before" else None)
    steps = StepExecutor(SERIAL, journal)
    with pytest.raises(RegisterUnreachable):
        await steps.execute(way, STEP)
    way.cut = lambda _: None
    for _ in range(2):
        assert await steps.execute(way, STEP) == StepRefused(7, StepRefusal.STALE)
    assert way.effects == []


async def test_a_refusal_leaves_no_trace(journal: Journal) -> None:
    way = CountingConnection()
    way.refusal = StepRefusal.SHIFT_OPEN
    steps = StepExecutor(SERIAL, journal)
    assert await steps.execute(way, STEP) == StepRefused(7, StepRefusal.SHIFT_OPEN)
    way.refusal = None
    assert await steps.execute(way, STEP) == StepDone(7, 1, DONE + b"\x01")


async def test_another_command_under_the_same_number_is_refused(journal: Journal) -> None:
    way, steps = CountingConnection(), StepExecutor(SERIAL, journal)
    await steps.execute(way, STEP)
    assert await steps.execute(way, STEP._replace(command=b"\xa7")) == StepRefused(
        7, StepRefusal.STALE
    )
    assert way.effects == [b"\xa6"]


async def test_another_command_is_refused_also_while_the_first_is_being_done(
    journal: Journal,
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(CountingConnection):
        async def execute(self, command: bytes, step: str) -> bytes | StepRefusal:
            begun.set()
            await go_on.wait()
            return await super().execute(command, step)

    way, steps = Slow(), StepExecutor(SERIAL, journal)
    first = asyncio.create_task(steps.execute(way, STEP))
    await begun.wait()
    again = asyncio.create_task(steps.execute(way, STEP))
    other = asyncio.create_task(steps.execute(way, STEP._replace(command=b"\xa7")))
    await asyncio.sleep(0)
    go_on.set()
    assert await first == await again == StepDone(7, 1, DONE + b"\x01")
    assert await other == StepRefused(7, StepRefusal.STALE)
    assert way.effects == [STEP.command]


async def test_a_full_disk_harms_no_later_record(
    tmp_path: Path,
) -> None:
    """The next record is on the disk again before its command leaves."""
    path, way = tmp_path / "journal.sqlite", CountingConnection()
    journal = Journal(path)
    steps, beside = StepExecutor(SERIAL, journal), Journal(path)
    with sqlite3.connect(path) as disk:
        disk.execute(
            "CREATE TRIGGER full BEFORE INSERT ON last_step BEGIN SELECT RAISE(FAIL, 'full'); END"
        )
        with pytest.raises(sqlite3.Error):
            await steps.execute(way, STEP)
        disk.execute("DROP TRIGGER full")
    disk.close()
    later = Step(8, 1, b"\xa6")
    way.cut = lambda point: lose_connection(point) if point == "before" else None
    with pytest.raises(RegisterUnreachable):
        await steps.execute(way, later)
    assert beside.find(StepKey(SERIAL, 8, 1), later.command) is not None
    way.cut = lambda _: None
    assert await steps.execute(way, STEP) == StepDone(7, 1, DONE + b"\x01")
    assert way.effects == [STEP.command]
    journal.close()
    beside.close()


async def test_old_answers_are_dropped_but_their_steps_stay_known(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "KEPT_ANSWERS", 3)
    way, steps = CountingConnection(), StepExecutor(SERIAL, journal)
    for number in range(5):
        await steps.execute(way, Step(7, number, b"\xa6"))
    assert await steps.execute(way, Step(7, 1, b"\xa6")) == StepRefused(7, StepRefusal.STALE)
    assert isinstance(await steps.execute(way, Step(7, 4, b"\xa6")), StepDone)
    assert len(way.effects) == 5


async def test_ids_of_64_bits_are_kept_apart(journal: Journal) -> None:
    way, steps = CountingConnection(), StepExecutor(SERIAL, journal)
    for operation in (1, (1 << 63) + 1, (1 << 64) - 1):
        assert isinstance(await steps.execute(way, Step(operation, 1, b"\xa6")), StepDone)
    assert len(way.effects) == 3


def test_readings_are_counted_across_restarts(tmp_path: Path) -> None:
    numbers = []
    for _ in range(3):
        journal = Journal(tmp_path / "journal.sqlite")
        numbers.append(journal.next_reading(SERIAL))
        journal.close()
    assert numbers == [1, 2, 3]


async def test_the_file_keeps_no_command(tmp_path: Path) -> None:
    path, secret = tmp_path / "journal.sqlite", b"\x50 a password of a register"
    journal = Journal(path)
    await StepExecutor(SERIAL, journal).execute(CountingConnection(), Step(7, 1, secret))
    journal.close()
    kept = [path.parent / name for name in os.listdir(tmp_path)]
    assert kept and all(secret not in each.read_bytes() for each in kept)
