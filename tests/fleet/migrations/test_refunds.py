"""Migration 0015: payments of the last month are asked about, and the way back is whole."""

from datetime import UTC, datetime, timedelta

from alembic import command
from sqlalchemy import bindparam, text

from fleet.kit.database import UtcDateTime, create_engine
from fleet.migrations.run import make_config, upgrade

NOW = datetime.now(UTC)
PARTNER = "INSERT INTO partners (id, uuid, name, inn, created_at) VALUES (1, 'u', 'n', '', :at)"
EMPLOYEE = (
    "INSERT INTO employees (id, partner_id, login, full_name, role, active, password_hash,"
    " created_at) VALUES (1, 1, 'anna', 'A', 'engineer', true, '', :at)"
)
PAYMENT = (
    "INSERT INTO payments (id, partner_id, employee_id, amount_kopecks, purpose, reference,"
    " description, provider, redirect_url, status, reason, created_at, due_at, settled_at)"
    " VALUES (:id, 1, 1, 100, 'p', '1', 'd', 'yookassa', '', :status, '', :at, NULL, :at)"
)
MOVEMENT = (
    "INSERT INTO subscription_movements (partner_id, plan, bonus_points, change, reason, at)"
    " VALUES (1, 'management', 50, -1, 'refund', :at)"
)


async def test_what_was_paid_of_late_is_asked_about(empty_url: str) -> None:
    await upgrade(empty_url, "0014_whole_numbers")
    engine = create_engine(empty_url)
    at = bindparam("at", type_=UtcDateTime())
    paid = (("late", "paid", 3), ("old", "paid", 31), ("gone", "failed", 3))
    async with engine.begin() as connection:
        for statement in (PARTNER, EMPLOYEE):
            await connection.execute(text(statement).bindparams(at), {"at": NOW})
        for id_, status, days in paid:
            values = {"id": id_, "status": status, "at": NOW - timedelta(days=days)}
            await connection.execute(text(PAYMENT).bindparams(at), values)
    await engine.dispose()
    await upgrade(empty_url)
    due = text("SELECT id FROM payments WHERE due_at IS NOT NULL")
    engine = create_engine(empty_url)
    async with engine.begin() as connection:
        assert (await connection.scalars(due)).all() == ["late"]
        await connection.execute(text(MOVEMENT).bindparams(at), {"at": NOW})
        await connection.run_sync(
            lambda sync: command.downgrade(make_config(sync), "0014_whole_numbers")
        )
        assert (await connection.scalars(due)).all() == []
        reasons = await connection.scalars(text("SELECT reason FROM subscription_movements"))
        assert reasons.all() == ["grant"]
    await engine.dispose()
    await upgrade(empty_url)
