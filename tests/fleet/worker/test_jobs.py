"""Every job of the schedule does its work at its time, on both dialects, and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from fleet.access_requests.models import ConsentFile
from fleet.access_requests.rules import FILE_KEPT_FOR
from fleet.access_requests.service import add_file, check_file
from fleet.accounts.models import SignIn
from fleet.accounts.roles import Role
from fleet.accounts.service import sign_in
from fleet.billing.models import Payment
from fleet.billing.rules import PAYMENT_PAGE_LIFETIME, PaymentStatus
from fleet.billing.service import open_payment
from fleet.kit.act import Act
from fleet.kit.acts import Acts
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.language import Language
from fleet.kit.models import IdempotencyKey
from fleet.notifications.models import Letter
from fleet.notifications.rules import GIVE_UP_AFTER
from fleet.notifications.service import send
from fleet.operations.rules import Channel, OperationStatus, StatusCause
from fleet.rollouts.rules import RETRY_DELAY, WavePolicy
from fleet.rollouts.service import RolloutRequest, start
from fleet.subscriptions.models import Subscription
from fleet.telemetry.models import READINGS
from fleet.telemetry.service import store_readings
from fleet.worker.runner import Worker
from fleet.worker.schedule import JOBS, Job
from protocol.platforms import Platform
from tests.fleet.access_requests.documents import PDF
from tests.fleet.conftest import PASSWORD, Employ, HandClock
from tests.fleet.operations.stage import Stage, serial
from tests.fleet.telemetry.readings import make_reading

UPLOAD = {"settings": {"279": 8080}}
BY_NAME = {job.name: job for job in JOBS}


@pytest.fixture
async def stage(database: Database, clock: HandClock, employ: Employ) -> Stage:
    return Stage(database, clock, await employ("anna", Role.ADMINISTRATOR))


@pytest.fixture
def config() -> FleetConfig:
    return FleetConfig(readings_days=30)


@pytest.fixture
def worker(database: Database, clock: HandClock, config: FleetConfig) -> Worker:
    return Worker(database, clock, config)


async def lost_operations(stage: Stage) -> Callable[[], Awaitable[object]]:
    for number in (1, 2):
        register = await stage.boot_register(number, Platform.V5_0)
        await stage.order_one("settings_upload", register.serial_number, UPLOAD)
        await stage.visit(register)

    async def look() -> object:
        return [(row.status, row.cause) for row in await stage.operations()]

    return look


async def late_operations(stage: Stage) -> Callable[[], Awaitable[object]]:
    await stage.enrol(serial(1), Platform.V5_0)
    for _ in range(2):
        await stage.order_one("settings_upload", serial(1), UPLOAD)

    async def look() -> object:
        return [(row.status, row.cause) for row in await stage.operations()]

    return look


async def readings(stage: Stage) -> Callable[[], Awaitable[object]]:
    async with stage.database.transaction() as db:
        await store_readings(
            Act(db, None, stage.clock()), [make_reading(serial(1)), make_reading(serial(2))]
        )
    return counted(stage, READINGS)


async def sign_ins(stage: Stage) -> Callable[[], Awaitable[object]]:
    for _ in range(2):
        await sign_in(Acts(stage.database, stage.clock), "anna", PASSWORD, "192.0.2.1")
    return counted(stage, SignIn)


async def rollouts(stage: Stage) -> Callable[[], Awaitable[object]]:
    """Registers that were asked just now and are to be asked again later."""
    for number in (1, 2):
        await stage.enrol(serial(number), Platform.V5_0)
    later = stage.clock() + RETRY_DELAY
    plan = RolloutRequest(
        "settings_upload",
        Channel.CASH_SERVER,
        UPLOAD,
        [serial(1), serial(2)],
        ["rest"],
        WavePolicy(5, 100),
    )
    async with stage.database.transaction() as db:
        await start(Act(db, stage.actor, later), plan)

    async def look() -> object:
        return [row.status for row in await stage.operations()]

    return look


async def order_keys(stage: Stage) -> Callable[[], Awaitable[object]]:
    async with stage.database.transaction() as db:
        db.add_all(
            IdempotencyKey(employee_id=1, key=key, asked_sha256=bytes(32), created_at=stage.clock())
            for key in ("one", "two")
        )
    return counted(stage, IdempotencyKey)


async def letters(stage: Stage) -> Callable[[], Awaitable[object]]:
    async with stage.database.transaction() as db:
        for _ in range(2):
            await send(
                Act(db, None, stage.clock(), Language.RU),
                to="anna@example.org",
                template="password_changed",
                params={"name": "Anna", "login": "anna"},
            )

    async def look() -> object:
        async with stage.database.read() as db:
            return [letter.given_up_at is not None for letter in await db.scalars(select(Letter))]

    return look


async def subscriptions(stage: Stage) -> Callable[[], Awaitable[object]]:
    begun, ends = stage.clock(), stage.clock() + timedelta(days=365)
    async with stage.database.transaction() as db:
        db.add_all(
            Subscription(serial_number=serial(each), plan="x", started_at=begun, ends_at=ends)
            for each in (1, 2)
        )

    async def look() -> object:
        async with stage.database.read() as db:
            marks = await db.scalars(select(Subscription.expired_at))
            return [mark is not None for mark in marks]

    return look


async def unsent_files(stage: Stage) -> Callable[[], Awaitable[object]]:
    async with stage.database.transaction() as db:
        for name in ("one.pdf", "two.pdf"):
            await add_file(Act(db, stage.actor, stage.clock()), check_file(name, PDF))
    return counted(stage, ConsentFile)


async def payments(stage: Stage) -> Callable[[], Awaitable[object]]:
    """Payments that nobody goes to pay."""
    async with stage.database.transaction() as db:
        for reference in ("1", "2"):
            await open_payment(
                Act(db, None, stage.clock()),
                partner_id=stage.actor.partner_id,
                employee_id=stage.actor.employee_id,
                amount_kopecks=100,
                purpose="subscriptions",
                reference=reference,
                description="",
            )

    async def look() -> object:
        async with stage.database.read() as db:
            return list(await db.scalars(select(Payment.status)))

    return look


def counted(stage: Stage, table: Any) -> Callable[[], Awaitable[object]]:
    async def look() -> object:
        async with stage.database.read() as db:
            return await db.scalar(select(func.count()).select_from(table))

    return look


Prepare = Callable[[Stage], Awaitable[Callable[[], Awaitable[object]]]]

CASES: Mapping[str, tuple[Prepare, timedelta, object, object]] = {
    "queue_lost_operations": (
        lost_operations,
        timedelta(minutes=2),
        [(OperationStatus.RUNNING, StatusCause.TAKEN)] * 2,
        [(OperationStatus.QUEUED, StatusCause.LINK_LOST)] * 2,
    ),
    "end_late_operations": (
        late_operations,
        timedelta(days=7),
        [(OperationStatus.QUEUED, StatusCause.CREATED)] * 2,
        [(OperationStatus.FAILED, StatusCause.DEADLINE)] * 2,
    ),
    "forget_readings": (readings, timedelta(days=30, seconds=1), 2, 0),
    "forget_unsent_files": (unsent_files, FILE_KEPT_FOR, 2, 0),
    "ask_payments": (
        payments,
        PAYMENT_PAGE_LIFETIME,
        [PaymentStatus.WAITING] * 2,
        [PaymentStatus.CANCELLED] * 2,
    ),
    "end_subscriptions": (subscriptions, timedelta(days=365), [False] * 2, [True] * 2),
    "forget_order_keys": (order_keys, timedelta(hours=24), 2, 0),
    "carry_on_rollouts": (rollouts, RETRY_DELAY, [], [OperationStatus.QUEUED] * 2),
    "tidy_letters": (letters, GIVE_UP_AFTER, [False] * 2, [True] * 2),
    "forget_sign_ins": (sign_ins, timedelta(days=365), 2, 0),
}
"""Name of the job to: what to prepare, when it is due, and how things stand before and after."""


ELSEWHERE = {
    "send_letters",
    "answer_recoveries",
    "reconcile_broker",
    "trim_conversations",
    "forget_clients",
    "keep_presence",
}
"""They do not wait for a time: tests/fleet/accounts, assistants, clients, diagnostics,
notifications, registers."""


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - ELSEWHERE))
async def test_every_job_does_its_work_only_when_it_is_due(
    stage: Stage, worker: Worker, name: str
) -> None:
    assert name in CASES, f"no case for {name}"
    prepare, time, before, after = CASES[name]
    look = await prepare(stage)
    assert await worker.run_once(BY_NAME[name]) == 0
    stage.clock.now += time - timedelta(seconds=2)
    if name != "forget_sign_ins":  # windows of attempts are over long before
        assert await worker.run_once(BY_NAME[name]) == 0
        assert await look() == before
    stage.clock.forward(seconds=2)
    assert await worker.run_once(BY_NAME[name]) >= 2
    assert await look() == after
    assert await worker.run_once(BY_NAME[name]) == 0


def test_the_schedule_has_unique_names_and_positive_numbers() -> None:
    assert len(BY_NAME) == len(JOBS)
    assert all(job.every_s > 0 and job.portion > 0 for job in JOBS)


async def test_several_workers_do_each_piece_of_work_once(
    stage: Stage, worker: Worker, database_url: str, config: FleetConfig
) -> None:
    elsewhere = Database(database_url)
    second = Worker(elsewhere, stage.clock, config)
    await lost_operations(stage)
    stage.clock.forward(minutes=2)
    job = BY_NAME["queue_lost_operations"]
    done = await asyncio.gather(*(each.run_once(job) for each in (worker, second) * 3))
    await elsewhere.close()
    assert sum(done) == 2
    for row in await stage.operations():
        causes = [change.cause for change in await stage.history(row.id)]
        assert causes == [StatusCause.CREATED, StatusCause.TAKEN, StatusCause.LINK_LOST]


async def test_a_full_portion_is_followed_by_the_next_at_once(
    database: Database, worker: Worker, clock: HandClock
) -> None:
    left, now = [3, 3, 2, 9], []

    async def run(act: Act, portion: int) -> int:
        now.append(act.now)
        return left.pop(0)

    assert await worker.run_once(Job("portions", 1, 3, run)) == 8
    assert (left, now) == ([9], [clock()] * 3)
