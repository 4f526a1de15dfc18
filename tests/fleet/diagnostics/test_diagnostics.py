"""From the end of a conversation through the door to the page of diagnostics."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from fleet.accounts.roles import Role
from fleet.device_port import DevicePort, EndedConversation
from fleet.device_port import endings as endings_module
from fleet.device_port.endings import MAX_NEW_REGISTERS_PER_S, ConversationRecorder
from fleet.diagnostics.models import SeenConversation
from fleet.diagnostics.rules import MAX_KEPT_ROWS, SERVED
from fleet.diagnostics.service import ConversationRecord, record, trim_conversations
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.kit.metrics import CONVERSATIONS_UNWRITTEN
from fleet.registers.models import CashRegister
from fleet.telemetry.models import RegisterState
from protocol.transport import Transport
from tests.fleet.conftest import Api, Employ, HandClock
from tests.pace import scaled

SOON_S = scaled(20.0)


def serial(number: int) -> str:
    return f"001069{number:08d}"


def ended(number: int = 1, outcome: str = SERVED, **changes: Any) -> EndedConversation:
    ordinary = EndedConversation(
        serial(number), Transport.TCP, "192.0.2.1", outcome, "", "open", 0, (), 12
    )
    return ordinary._replace(**changes)


@pytest.fixture
async def anna(employ: Employ) -> Actor:
    return await employ("anna", Role.OBSERVER)


@pytest.fixture
async def enrolled(database: Database, anna: Actor) -> None:
    async with database.transaction() as db:
        db.add(CashRegister(serial_number=serial(1), partner_id=anna.partner_id, model=69))


@pytest.fixture
async def endings(
    database: Database, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ConversationRecorder]:
    monkeypatch.setattr(endings_module, "LINGER_S", 0.0)
    endings = ConversationRecorder(database, clock)
    endings.start()
    yield endings
    await asyncio.wait_for(endings.close(), SOON_S)


async def rows(database: Database) -> list[SeenConversation]:
    async with database.read() as db:
        return list(await db.scalars(select(SeenConversation).order_by(SeenConversation.id)))


async def told(
    database: Database, endings: ConversationRecorder, *what: EndedConversation
) -> list[str]:
    """Outcomes of the rows that are there after these."""
    for each in what:
        endings.add(each)
    await asyncio.wait_for(endings.close(), SOON_S)
    return [row.outcome for row in await rows(database)]


async def test_routine_calls_leave_one_row(
    database: Database, enrolled: None, endings: ConversationRecorder
) -> None:
    assert await told(database, endings, *[ended(ms=ms) for ms in range(99)]) == [SERVED]


async def test_failure_and_the_first_call_after_it_leave_rows(
    database: Database, enrolled: None, endings: ConversationRecorder
) -> None:
    calls = (ended(), ended(outcome="cut"), ended(outcome="cut"), ended(), ended())
    assert await told(database, endings, *calls) == [SERVED, "cut", SERVED]


async def test_row_holds_the_fields_of_the_gateway(
    database: Database, enrolled: None, endings: ConversationRecorder, clock: HandClock
) -> None:
    long = ended(outcome="cut", why="x" * 999, reached="stepping", steps=3, operations=(5, 6))
    await told(database, endings, long)
    (row,) = await rows(database)
    assert (row.serial_number, row.road, row.peer) == (serial(1), "tcp", "192.0.2.1")
    assert (row.why, row.reached, row.steps, row.operations) == ("x" * 128, "stepping", 3, [5, 6])
    assert (row.ms, row.ended_at) == (12, clock())


async def test_unknown_serial_numbers_leave_no_rows(
    database: Database, enrolled: None, endings: ConversationRecorder
) -> None:
    strangers = (ended(2, "cut"), ended(serial_number="", outcome="timed_out"))
    odd = ended(serial_number="99999999999999", outcome="cut")
    assert await told(database, endings, *strangers, odd, ended()) == [SERVED]


async def test_number_of_new_registers_per_second_is_limited(
    database: Database, anna: Actor, endings: ConversationRecorder, clock: HandClock
) -> None:
    many = range(1, 3 * MAX_NEW_REGISTERS_PER_S)
    async with database.transaction() as db:
        for number in many:
            row = CashRegister(serial_number=serial(number), partner_id=anna.partner_id, model=69)
            db.add(row)
    calls = [*map(ended, many), ended(many[-1], "cut")]
    expected = [SERVED] * MAX_NEW_REGISTERS_PER_S + ["cut"]
    for each in calls:
        endings.add(each)
    clock.forward(minutes=5)  # those that got no row are no strangers any more
    assert await told(database, endings, *map(ended, many[:-1])) == expected


async def test_flood_of_endings_is_limited_and_counted(
    database: Database,
    enrolled: None,
    endings: ConversationRecorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = CONVERSATIONS_UNWRITTEN._value.get()
    for number in range(endings_module.MAX_WAITING + 10):
        endings.add(ended(steps=1, ms=number))
    assert CONVERSATIONS_UNWRITTEN._value.get() == before + 10
    monkeypatch.setattr(endings_module, "MAX_REMEMBERED", 3)
    for number in range(10):
        endings.add(ended(number, "cut"))
    assert len(endings._last) <= 4


async def test_batch_is_written_with_one_statement(database: Database, enrolled: None) -> None:
    said: list[str] = []
    event.listen(
        database.engine.sync_engine,
        "before_cursor_execute",
        lambda _c, _u, statement, _p, _x, _m: said.append(statement),
    )
    async with database.transaction() as db:
        await record(
            db, [ConversationRecord(ended(number), HandClock()()) for number in range(1, 50)]
        )
    assert len([each for each in said if "conversations" in each]) == 1
    assert len(await rows(database)) == 1


async def test_trimming_keeps_the_newest_conversations(
    database: Database, anna: Actor, enrolled: None, clock: HandClock
) -> None:
    async with database.transaction() as db:
        db.add(CashRegister(serial_number=serial(2), partner_id=anna.partner_id, model=69))
        await db.flush()
        for number in range(MAX_KEPT_ROWS + 5):
            await record(db, [ConversationRecord(ended(1, "cut", ms=number), clock())])
        await record(db, [ConversationRecord(ended(2), clock())])
    async with database.transaction() as db:
        assert await trim_conversations(Act(db, None, clock()), 500) == 1
    async with database.transaction() as db:
        assert await trim_conversations(Act(db, None, clock()), 500) == 0
    kept = await rows(database)
    assert [row.ms for row in kept if row.serial_number == serial(1)] == list(
        range(5, MAX_KEPT_ROWS + 5)
    )
    assert len(kept) == MAX_KEPT_ROWS + 1


async def test_forged_failures_do_not_displace_the_registers_own_calls(
    database: Database, enrolled: None, endings: ConversationRecorder, clock: HandClock
) -> None:
    endings.add(ended())
    for number in range(100):
        endings.add(ended(outcome=("cut", "timed_out")[number % 2]))
    assert sorted(await told(database, endings)) == ["cut", SERVED]
    async with database.transaction() as db:
        await record(
            db,
            [ConversationRecord(ended(outcome="cut"), clock()) for _ in range(5 * MAX_KEPT_ROWS)],
        )
        assert await trim_conversations(Act(db, None, clock()), 500) == 1
    assert sorted(row.outcome for row in await rows(database)) == ["cut"] * MAX_KEPT_ROWS + [SERVED]


async def test_conversations_of_the_former_partner_are_not_shown(
    api: Api, database: Database, anna: Actor, enrolled: None, clock: HandClock
) -> None:
    async with database.transaction() as db:
        await record(db, [ConversationRecord(ended(outcome="cut", operations=(7,)), clock())])
        clock.forward(seconds=1)
        (await db.get_one(CashRegister, serial(1))).enrolled_at = clock()
        await record(db, [ConversationRecord(ended(peer="192.0.2.9"), clock())])
    await api.sign_in("anna")
    page = (await api.get(f"/registers/{serial(1)}/diagnostics")).json
    assert [each["peer"] for each in page["conversations"]] == ["192.0.2.9"]


async def test_diagnostics_show_the_state_and_the_last_conversations(
    api: Api, database: Database, enrolled: None, clock: HandClock, employ: Employ
) -> None:
    path = f"/registers/{serial(1)}/diagnostics"
    await api.sign_in("anna")
    page = (await api.get(path)).json
    assert (page["internet"]["state"], page["cabinet"]["state"]) == ("unknown", "no")
    assert (page["reason"], page["seen_at"], page["conversations"]) == ("never", None, [])
    port = DevicePort(database, clock)
    await port.start()
    port.conversation_ended(ended(outcome="refused_key", reached="challenged"))
    await asyncio.wait_for(port.close(), SOON_S)
    page = (await api.get(path)).json
    assert (page["internet"]["state"], page["cabinet"]["state"]) == ("yes", "no")
    assert page["printed"] == ["Internet:.............Yes", "Account:..............No"]
    assert page["conversations"][0]["outcome"] == "refused_key" and "key" in page["explanation"]
    async with database.transaction() as db:
        at = clock() - timedelta(minutes=1)
        columns = {
            "profile_crc": 0,
            "block_version": 1,
            "block": b"",
            "condition_mask": 0,
            "seen_at": at,
        }
        db.add(RegisterState(serial_number=serial(1), **columns))
    page = (await api.get(path)).json
    assert (page["internet"]["state"], page["cabinet"]["state"]) == ("yes", "yes")
    await employ("boris", Role.ADMINISTRATOR)
    await api.sign_in("boris")
    assert (await api.get(path)).status == 404


async def test_database_failure_loses_diagnostics_only(
    clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings_module, "LINGER_S", 0.0)
    nowhere = Database("postgresql+asyncpg://nobody@127.0.0.1:1/none")
    before = CONVERSATIONS_UNWRITTEN._value.get()
    endings = ConversationRecorder(nowhere, clock)
    endings.start()
    endings.add(ended(outcome="cut"))
    await asyncio.wait_for(endings.close(), SOON_S)
    assert CONVERSATIONS_UNWRITTEN._value.get() == before + 1
    await nowhere.close()
