"""What whoever runs the server gives from the command line, on both dialects."""

import asyncio

import pytest
from typer.testing import CliRunner, Result

from fleet.accounts.creation import create_partner_with_administrator
from fleet.accounts.forms import NewPartner
from fleet.accounts.models import Partner
from fleet.admin_api.commands import app
from fleet.kit.act import Act
from fleet.kit.database import Database
from fleet.migrations.run import upgrade
from fleet.subscriptions.models import MovementReason, Stock, StockMovement
from tests.fleet.conftest import PASSWORD, HandClock
from tests.fleet.stored import found
from tests.fleet.telemetry.stored_before import restore

ROMASHKA = NewPartner(name="Ромашка", login="anna", full_name="Анна")


@pytest.fixture
def url(empty_url: str, clock: HandClock) -> str:
    """A database with anna's partner."""

    async def prepare() -> None:
        await upgrade(empty_url)
        database = Database(empty_url)
        async with database.transaction() as db:
            await create_partner_with_administrator(Act(db, None, clock()), ROMASHKA, PASSWORD)
        await database.close()

    asyncio.run(prepare())
    return empty_url


def add(url: str, partner: str, plan: str, quantity: str) -> Result:
    options = ["--partner", partner, "--plan", plan, "--quantity", quantity]
    return CliRunner().invoke(app, ["stock", "add", *options, "--database", url])


def test_the_stock_command_finds_a_partner_by_login_and_by_uuid(url: str) -> None:
    ((uuid,),) = found(url, Partner.uuid)
    for partner, held in (("Anna", 3), (str(uuid), 6)):
        given = add(url, partner, "monitoring", "3")
        assert (given.exit_code, given.output) == (0, f"{uuid} monitoring {held}\n")
    assert found(url, Stock.plan, Stock.bonus_points, Stock.quantity) == [("monitoring", 0, 6)]
    assert found(url, StockMovement.reason) == [(MovementReason.GRANT,)] * 2


@pytest.mark.parametrize(
    ("partner", "plan", "quantity", "word"),
    [
        ("nobody", "monitoring", "1", "UUID"),
        ("anna", "no_such", "1", "no_such"),
        ("anna", "monitoring", "0", "10000"),
        ("anna", "monitoring", "10001", "10000"),
    ],
)
def test_a_refused_stock_command_prints_the_reason_and_adds_nothing(
    url: str, partner: str, plan: str, quantity: str, word: str
) -> None:
    refused = add(url, partner, plan, quantity)
    assert (refused.exit_code, refused.stdout) == (1, "") and word in refused.stderr
    assert found(url, Stock.plan) == found(url, StockMovement.id) == []


def test_profiles_are_rebuilt_in_portions(empty_url: str) -> None:
    asyncio.run(restore(empty_url))
    asyncio.run(upgrade(empty_url))

    def rebuild(*options: str) -> tuple[int, list[str]]:
        words = ["telemetry", "rebuild-profiles", *options, "--database", empty_url]
        done = CliRunner().invoke(app, words)
        return done.exit_code, done.output.splitlines()

    four = [f"0010690000000{number}" for number in (1, 2, 3, 4)]
    last = "Просмотрено 4, обновлено 0 / seen 4, rebuilt 0"
    portions = [f"{four[2]}  3  0", f"{four[3]}  4  0"]
    assert rebuild("--portion", "3") == (0, [*portions, last])
    rest = "Просмотрено 1, обновлено 0 / seen 1, rebuilt 0"
    assert rebuild("--after", "12")[0] == 2
    assert rebuild("--after", four[2]) == (0, [f"{four[3]}  1  0", rest])


def test_profiles_of_a_database_that_is_not_there_are_not_rebuilt() -> None:
    words = ["telemetry", "rebuild-profiles", "--database", "sqlite+aiosqlite:////nowhere/x.db"]
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, "migrate" in done.stderr) == (1, True)
