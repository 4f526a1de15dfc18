"""Roll-outs over HTTP and a real database of each dialect; the worker is called by hand."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from fleet.accounts.models import Employee
from fleet.accounts.roles import Role
from fleet.kit.act import Act
from fleet.kit.database import Database
from fleet.operations.models import Operation
from fleet.operations.rules import OperationStatus, StatusCause
from fleet.operations.work import PORTION, load_open, load_where, save
from fleet.registers.models import CashRegister
from fleet.registers.ownership import lock_registers
from fleet.rollouts.models import Rollout
from fleet.rollouts.service import advance_rollouts
from fleet.subscriptions.models import Grant
from fleet.wiring import REACTIONS
from protocol.platforms import Platform
from tests.fleet.conftest import Api, Employ, HandClock
from tests.fleet.waiting import until_blocked

SERIALS = [f"001069{number:08d}" for number in range(1, 13)]
PLAN: dict[str, Any] = {
    "type": "settings_upload",
    "params": {"settings": {"279": 8080, "270": "тайна"}},
    "serial_numbers": SERIALS,
    "waves": ["2", "50%"],
    "failure_percent": 40,
}


@pytest.fixture
async def wired(database_url: str, database: Database) -> AsyncIterator[Database]:
    wired = Database(database_url, REACTIONS)
    yield wired
    await wired.close()


@pytest.fixture
async def anna(api: Api, wired: Database, employ: Employ) -> Api:
    actor = await employ("anna", Role.ADMINISTRATOR)
    async with wired.transaction() as db:
        for serial in SERIALS:
            db.add(
                CashRegister(
                    serial_number=serial,
                    partner_id=actor.partner_id,
                    platform=Platform.V5_0,
                    model=69,
                )
            )
    assert (await api.sign_in("anna")).status == 200
    return api


async def begin(anna: Api, **more: Any) -> int:
    answer = await anna.post("/rollouts", {**PLAN, **more})
    assert answer.status == 202, answer.json
    return int(answer.json["id"])


async def work(wired: Database, clock: HandClock) -> int:
    async with wired.transaction() as db:
        return await advance_rollouts(Act(db, None, clock()), PORTION)


async def end(wired: Database, status: OperationStatus) -> None:
    """Whatever is open ends so, as if the registers had said it."""
    async with wired.transaction() as db:
        await db.execute(
            update(Operation)
            .where(Operation.status == OperationStatus.QUEUED)
            .values(status=status)
        )


async def say(wired: Database, clock: HandClock, status: OperationStatus, *serials: str) -> None:
    """What the registers' last operations come to."""
    last = select(func.max(Operation.id)).where(Operation.serial_number.in_(serials))
    async with wired.transaction() as db:
        ids = (await db.scalars(last.group_by(Operation.serial_number))).all()
        works = await load_where(db, Operation.id.in_(ids))
        changes = [work.change_status(status, StatusCause.UNSUPPORTED, clock()) for work in works]
        await save(Act(db, None, clock()), works, changes)


async def told(anna: Api, id_: int) -> list[tuple[str, str | None, str]]:
    """What the audit log says of a roll-out, the oldest first: what, the reason, and who."""
    found = (await anna.get(f"/audit?object=rollout:{id_}")).json["items"]
    return [(each["what"], each["after"]["reason"], each["login"]) for each in reversed(found)]


async def card(anna: Api, id_: int) -> Any:
    answer = await anna.get(f"/rollouts/{id_}")
    assert answer.status == 200
    return answer.json


def counts(card: Any) -> list[Any]:
    return [wave["counts"] for wave in card["waves"]]


async def test_waves_run_in_order_to_the_end(anna: Api, wired: Database, clock: HandClock) -> None:
    id_ = await begin(anna)
    assert counts(await card(anna, id_)) == [{"waiting": 2}, {"waiting": 6}, {"waiting": 4}]
    assert [await work(wired, clock), await work(wired, clock)] == [2, 0]
    await end(wired, OperationStatus.SUCCEEDED)
    assert [await work(wired, clock), await work(wired, clock)] == [6, 0]
    assert counts(await card(anna, id_)) == [{"succeeded": 2}, {"queued": 6}, {"waiting": 4}]
    await end(wired, OperationStatus.SUCCEEDED)
    assert await work(wired, clock) == 4
    await end(wired, OperationStatus.SUCCEEDED)
    await work(wired, clock)
    found = await card(anna, id_)
    assert (found["status"], found["wave"], found["reason"]) == ("finished", 3, None)
    assert found["finished_at"] and await work(wired, clock) == 0


async def test_pause_cancels_unbegun_operations_and_resumption_orders_them_again(
    anna: Api, wired: Database, clock: HandClock
) -> None:
    id_ = await begin(anna)
    await work(wired, clock)
    paused = (await anna.post(f"/rollouts/{id_}/pause")).json
    assert (paused["status"], paused["reason"]) == ("paused", "employee")
    assert [await work(wired, clock), await work(wired, clock)] == [2, 0]
    assert counts(await card(anna, id_))[0] == {"waiting": 2}
    assert (await anna.post(f"/rollouts/{id_}/pause")).status == 409
    assert (await anna.post(f"/rollouts/{id_}/resume")).json["status"] == "running"
    assert await work(wired, clock) == 2
    listed = (await anna.get("/operations?status=cancelled")).json["items"]
    assert [each["cause"] for each in listed] == [StatusCause.CANCELLED_BY_ROLLOUT] * 2


async def test_aborted_roll_out_cannot_be_resumed(
    anna: Api, wired: Database, clock: HandClock
) -> None:
    id_ = await begin(anna)
    await work(wired, clock)
    assert (await anna.post(f"/rollouts/{id_}/abort")).json["status"] == "aborted"
    await work(wired, clock)
    assert counts(await card(anna, id_))[0] == {"cancelled": 2}
    for what in ("pause", "resume", "abort"):
        answer = await anna.post(f"/rollouts/{id_}/{what}")
        assert (answer.status, answer.json["code"]) == (409, "rollout_status")


async def test_blocked_register_is_refused_and_busy_one_is_retried(
    anna: Api, wired: Database, clock: HandClock
) -> None:
    """A blocked one is out, a busy one is asked again."""
    await anna.post("/registers/block", {"serial_numbers": [SERIALS[0]]})
    await anna.post("/operations", {**order(), "serial_numbers": [SERIALS[1]]})
    async with wired.transaction() as db:
        await db.execute(update(Operation).values(status=OperationStatus.RUNNING))
    id_ = await begin(anna)
    assert [await work(wired, clock), await work(wired, clock)] == [2, 0]
    assert counts(await card(anna, id_))[0] == {"refused": 1, "waiting": 1}
    async with wired.transaction() as db:
        await db.execute(update(Operation).values(status=OperationStatus.SUCCEEDED))
    clock.forward(minutes=5)
    assert await work(wired, clock) == 1
    assert counts(await card(anna, id_))[0] == {"refused": 1, "queued": 1}


async def test_refused_register_shows_the_subscription_to_buy(
    anna: Api, wired: Database, clock: HandClock
) -> None:
    async with wired.transaction() as db:
        await db.execute(delete(Grant))
    id_ = await begin(anna)
    for language, said in (("ru", "«Управление»"), ("en", "'Management'")):
        await work(wired, clock)
        headers = {"Accept-Language": language}
        path = f"/rollouts/{id_}/registers?wave=1&state=refused"
        first = (await anna.get(f"{path}&limit=1", headers=headers)).json
        rest = (await anna.get(f"{path}&after={first['next']}", headers=headers)).json
        rows = [*first["items"], *rest["items"]]
        assert [each["serial_number"] for each in rows] == SERIALS[:2] and rest["next"] is None
        assert {(each["reason"], each["operation_id"]) for each in rows} == {("not_entitled", None)}
        assert all(each["serial_number"] in each["message"] for each in rows)
        assert all(said in each["message"] for each in rows)


async def test_registers_of_a_roll_out_are_listed_with_their_states(
    anna: Api, wired: Database, clock: HandClock, employ: Employ
) -> None:
    id_ = await begin(anna)
    await work(wired, clock)
    rows = (await anna.get(f"/rollouts/{id_}/registers")).json["items"]
    assert [each["serial_number"] for each in rows] == SERIALS
    assert [(each["wave"], each["state"]) for each in rows] == [
        *([(1, "queued")] * 2),
        *([(2, "waiting")] * 6),
        *([(3, "waiting")] * 4),
    ]
    operations = (await anna.get("/operations")).json["items"]
    assert [each["operation_id"] for each in rows[:2]] == sorted(each["id"] for each in operations)
    assert {(each["reason"], each["message"]) for each in rows} == {(None, None)}
    async with wired.transaction() as db:  # nothing is in her scope any more
        await db.execute(update(Employee).values(limited=True))
    assert (await anna.get(f"/rollouts/{id_}/registers")).json["items"] == []
    await employ("boris")
    await anna.sign_in("boris")
    assert (await anna.get(f"/rollouts/{id_}/registers")).status == 404


def order() -> dict[str, Any]:
    return {name: PLAN[name] for name in ("type", "params")}


async def test_roll_out_pauses_when_its_author_loses_the_right(
    anna: Api, wired: Database, clock: HandClock, employ: Employ
) -> None:
    id_ = await begin(anna)
    async with wired.transaction() as db:
        await db.execute(update(Employee).values(role=Role.OBSERVER))
    await work(wired, clock)
    async with wired.transaction() as db:
        await db.execute(update(Employee).values(role=Role.ADMINISTRATOR))
    found = await card(anna, id_)
    assert (found["status"], found["reason"]) == ("paused", "refused")
    assert counts(found)[0] == {"waiting": 2}


async def test_failures_in_a_passed_wave_pause_the_roll_out(
    anna: Api, wired: Database, clock: HandClock
) -> None:
    id_ = await begin(anna, waves=["6", "rest"], pass_percent=50, failure_percent=10)
    await work(wired, clock)
    async with wired.transaction() as db:
        half = Operation.serial_number.in_(SERIALS[:3])
        await db.execute(update(Operation).where(half).values(status=OperationStatus.SUCCEEDED))
    assert await work(wired, clock) == 6
    assert (await card(anna, id_))["wave"] == 2
    await say(wired, clock, OperationStatus.FAILED, *SERIALS[3:6])
    found = await card(anna, id_)
    assert (found["status"], found["reason"]) == ("paused", "failures")
    assert await told(anna, id_) == [
        ("rollouts.started", None, "anna"),
        ("rollouts.paused", "failures", ""),
    ]


async def test_only_failures_after_a_resumption_count(
    anna: Api, wired: Database, clock: HandClock
) -> None:
    """Also when a retry takes some of the earlier ones away."""
    id_ = await begin(anna, waves=["12"], failure_percent=20)
    await work(wired, clock)
    await say(wired, clock, OperationStatus.NEEDS_ATTENTION, *SERIALS[:3])
    assert (await card(anna, id_))["status"] == "paused"
    await work(wired, clock)
    clock.forward(minutes=1)
    assert (await anna.post(f"/rollouts/{id_}/resume")).json["status"] == "running"
    assert await work(wired, clock) == 9
    for serial in SERIALS[:3]:
        waiting = await anna.get(f"/operations?serial_number={serial}&status=needs_attention")
        retried = await anna.post(f"/operations/{waiting.json['items'][0]['id']}/retry")
        assert retried.status == 202
    clock.forward(minutes=1)
    await say(wired, clock, OperationStatus.FAILED, *SERIALS[3:5])
    assert (await card(anna, id_))["status"] == "running"
    await say(wired, clock, OperationStatus.FAILED, SERIALS[5])
    assert (await card(anna, id_))["status"] == "paused"


async def test_resumed_roll_out_orders_in_the_name_of_who_resumed_it(
    anna: Api, wired: Database, clock: HandClock, employ: Employ
) -> None:
    """Who started it was dismissed meanwhile."""
    id_ = await begin(anna, waves=["12"])
    async with wired.read() as db:
        partner_id = await db.scalar(select(Employee.partner_id).where(Employee.login == "anna"))
    boss = await employ("boss", partner_id=partner_id)
    await anna.sign_in("boss")
    async with wired.transaction() as db:
        dismissed = update(Employee).where(Employee.login == "anna")
        await db.execute(dismissed.values(active=False))
    await work(wired, clock)
    assert (await card(anna, id_))["reason"] == "refused"
    resumed = (await anna.post(f"/rollouts/{id_}/resume")).json
    assert (resumed["status"], resumed["resumed_by"]) == ("running", boss.employee_id)
    assert await work(wired, clock) == 12
    async with wired.read() as db:
        assert set(await db.scalars(select(Operation.created_by))) == {boss.employee_id}
    await end(wired, OperationStatus.SUCCEEDED)
    await work(wired, clock)
    assert await told(anna, id_) == [
        ("rollouts.started", None, "anna"),
        ("rollouts.paused", "refused", ""),
        ("rollouts.resumed", None, "boss"),
        ("rollouts.finished", None, ""),
    ]


async def test_selection_replaces_the_list_of_registers(anna: Api, wired: Database) -> None:
    more: dict[str, Any] = {"serial_numbers": None, "selection": {"platform": "5.0", "model": 69}}
    answer = await anna.post("/rollouts", {**PLAN, **more})
    assert answer.json["registers"] == len(SERIALS)


async def test_unknown_registers_are_listed_and_secrets_are_hidden(
    anna: Api, wired: Database, employ: Employ
) -> None:
    serials = [SERIALS[0], SERIALS[0], "00106900000999", "?"]
    answer = await anna.post("/rollouts", {**PLAN, "serial_numbers": serials})
    assert (answer.json["registers"], sorted(answer.json["unknown"])) == (
        1,
        sorted([SERIALS[0], "00106900000999", "?"]),
    )
    async with wired.read() as db:
        partner_id = await db.scalar(select(Employee.partner_id).where(Employee.login == "anna"))
    await employ("vera", Role.OBSERVER, partner_id)
    await anna.sign_in("vera")
    found = await card(anna, answer.json["id"])
    assert "тайна" not in str(found)
    assert (await anna.post(f"/rollouts/{found['id']}/abort")).status == 403
    await employ("boris")
    await anna.sign_in("boris")
    assert (await anna.get(f"/rollouts/{found['id']}")).status == 404
    assert (await anna.post(f"/rollouts/{found['id']}/abort")).status == 404
    assert (await anna.get("/rollouts")).json["items"] == []


BAD_PLANS: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"type": "no_such_type"}, "operation_type_unknown", "type"),
    ({"params": {"settings": {}}}, "invalid_input", "params.settings"),
    ({"serial_numbers": SERIALS * 50}, "invalid_input", "serial_numbers"),
    ({"serial_numbers": ["00106900000999"]}, "no_registers", "serial_numbers"),
    ({"serial_numbers": None}, "list_or_selection", "serial_numbers"),
    ({"selection": {}}, "list_or_selection", "serial_numbers"),
    ({"waves": []}, "invalid_input", "waves"),
    ({"waves": ["0"]}, "invalid_input", "waves.0"),
    ({"waves": ["101%"]}, "invalid_input", "waves.0"),
    ({"failure_percent": 101}, "invalid_input", "failure_percent"),
    ({"pass_percent": 0}, "invalid_input", "pass_percent"),
)


async def test_invalid_plan_is_refused_as_a_whole(anna: Api) -> None:
    for more, code, field in BAD_PLANS:
        answer = await anna.post("/rollouts", {**PLAN, **more})
        assert (answer.status, answer.json["code"]) == (422, code), (more, answer.json)
        assert answer.json["field"].startswith(field)
    assert (await anna.get("/rollouts")).json["items"] == []


async def test_repeated_request_starts_one_roll_out(anna: Api) -> None:
    headers = {"Idempotency-Key": "k"}
    answers = [await anna.post("/rollouts", PLAN, headers=headers) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert len((await anna.get("/rollouts")).json["items"]) == 1


async def test_template_is_copied_when_the_roll_out_starts(
    anna: Api, wired: Database, clock: HandClock
) -> None:
    """Whatever becomes of the template meanwhile, every wave gets the same."""
    message = {"name": "Sale", "text": "Sale on Wednesdays"}
    template = (await anna.post("/info-receipts", message)).json["id"]
    params = {"template_id": template}
    id_ = await begin(anna, type="info_receipt", params=params)
    assert await work(wired, clock) == 2
    assert (await anna.ask("DELETE", f"/info-receipts/{template}")).status == 204
    await end(wired, OperationStatus.SUCCEEDED)
    assert await work(wired, clock) == 6
    async with wired.read() as db:
        ordered = (await db.scalars(select(Operation.params))).all()
    assert len(ordered) == 8
    assert {each["text"] for each in ordered} == {"Sale on Wednesdays"}
    assert (await card(anna, id_))["status"] == "running"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("earlier_is_paused", [False, True])
async def test_concurrent_roll_outs_lock_registers_before_operations(
    anna: Api, wired: Database, database: Database, clock: HandClock, earlier_is_paused: bool
) -> None:
    """In the order of the key, and before the operations: who hands registers over, or takes in a
    batch of calls, does the same.  On SQLite there is one writer at a time."""
    low, high = SERIALS[:2]
    earlier = await begin(anna, serial_numbers=[high])
    if earlier_is_paused:
        await work(wired, clock)
        await anna.post(f"/rollouts/{earlier}/pause")
    clock.forward(minutes=1)
    await begin(anna, serial_numbers=[high if earlier_is_paused else low])
    async with database.transaction() as db:
        await lock_registers(db, [high if earlier_is_paused else low])
        working = asyncio.create_task(work(wired, clock))
        await until_blocked(database, working)
        if earlier_is_paused:
            await load_open(db, [high], wait=True)
        else:
            await lock_registers(db, [high])
    assert await working == 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_operations_of_several_roll_outs_are_withdrawn_in_the_order_of_ids(
    anna: Api, wired: Database, database: Database, clock: HandClock
) -> None:
    """That of their numbers, in which everybody holds operations."""
    for serial in SERIALS[:2]:
        await begin(anna, serial_numbers=[serial])
        clock.forward(minutes=1)
        await work(wired, clock)
    first, second = (each["id"] for each in (await anna.get("/rollouts")).json["items"][::-1])
    for id_ in (first, second):
        await anna.post(f"/rollouts/{id_}/pause")
    async with wired.transaction() as db:
        await db.execute(update(Rollout).where(Rollout.id == first).values(looked_at=clock()))
        earlier = clock() - timedelta(hours=1)
        await db.execute(update(Rollout).where(Rollout.id == second).values(looked_at=earlier))
    async with database.transaction() as db:
        await load_open(db, SERIALS[:1], wait=True)
        working = asyncio.create_task(work(wired, clock))
        await until_blocked(database, working)
        await load_open(db, SERIALS[1:2], wait=True)
    assert await working == 2
    for id_ in (first, second):
        assert counts(await card(anna, id_)) == [{"waiting": 1}]
