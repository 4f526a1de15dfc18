"""Two who change the same account at once wait for each other, never in a circle."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fleet.accounts import attempts, employees, links, organisation, recovery, service, tokens
from fleet.accounts.forms import EmployeeBody, NewEmployee, OrganisationBody
from fleet.accounts.rules import MAX_TOKENS, letter_counters
from fleet.audit import service as audit
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.acts import Acts
from fleet.kit.database import Database
from fleet.kit.language import Language
from tests.fleet.accounts.people import BORIS, NEW_PASSWORD, add, add_activated, last_token, letters
from tests.fleet.conftest import Api, Employ, HandClock
from tests.pace import scaled

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

PAUSE_S = 0.3


@pytest.fixture
async def anna(api: Api, employ: Employ) -> Actor:
    """An Administrator who has signed in."""
    anna = await employ("anna")
    await api.sign_in("anna")
    return anna


def slow(
    patch: pytest.MonkeyPatch, module: Any, name: str, *, before: bool = False
) -> asyncio.Event:
    """Make a step of the first who comes to it slow; the event says that they have come."""
    reached, step = asyncio.Event(), getattr(module, name)

    async def slowly(*given: Any, **named: Any) -> Any:
        first = not reached.is_set()
        done = None if before and first else await step(*given, **named)
        if first:
            reached.set()
            await asyncio.sleep(PAUSE_S)
        return await step(*given, **named) if before and first else done

    patch.setattr(module, name, slowly)
    return reached


async def both(reached: asyncio.Event, first: Awaitable[Any], second: Callable[[], Any]) -> Any:
    async def then() -> Any:
        await reached.wait()
        return await second()

    return await asyncio.wait_for(asyncio.gather(first, then()), scaled(20))


async def test_setting_a_password_during_a_deactivation_leaves_it_in_force(
    api: Api, anna: Actor, database: Database, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await add(api)
    token = await last_token(database)

    async def lock_out() -> None:
        async with database.transaction() as db:
            await employees.deactivate(Act(db, anna, clock()), card["id"])

    taking = slow(monkeypatch, links, "invalidate", before=True)
    setting = links.set_password(Acts(database, clock), token, NEW_PASSWORD, "")
    await both(taking, setting, lock_out)
    assert (await api.get(f"/employees/{card['id']}")).json["status"] == "inactive"
    assert (await api.sign_in("boris@example.org", NEW_PASSWORD)).status == 401


async def test_adding_an_employee_while_a_link_is_sent_does_not_deadlock(
    api: Api, anna: Actor, database: Database, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await add(api)

    async def add_another() -> None:
        async with database.transaction() as db:
            body = NewEmployee(**BORIS | {"login": "another"})
            await employees.add(Act(db, anna, clock()), body)

    async def send() -> None:
        async with database.transaction() as db:
            await employees.send_link(Act(db, anna, clock()), card["id"])

    counted = slow(monkeypatch, attempts, "count")
    await both(counted, add_another(), send)


@pytest.mark.parametrize("way", ["change", "deactivate"])
async def test_an_employee_who_loses_a_mailbox_gets_no_link_there_afterwards(
    api: Api,
    anna: Actor,
    database: Database,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    card = await add_activated(api, database)
    await api.post("/password-recovery", {"email": card["email"]})

    async def leave() -> None:
        body = EmployeeBody(**BORIS | {"email": "new@example.org"})
        async with database.transaction() as db:
            if way == "change":
                await employees.change(Act(db, anna, clock(), Language.EN), card["id"], body)
            else:
                await employees.deactivate(Act(db, anna, clock()), card["id"])

    async def answer() -> None:
        async with database.transaction() as db:
            await recovery.answer_requests(Act(db, None, clock()), 10)

    spent = slow(monkeypatch, employees, "invalidate")
    await both(spent, leave(), answer)
    assert "password_link" not in [letter.template for letter in await letters(database)]


async def test_simultaneous_changes_of_the_organisation_are_logged_in_sequence(
    api: Api, anna: Actor, database: Database, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rename(name: str) -> None:
        async with database.transaction() as db:
            await organisation.change(Act(db, anna, clock()), OrganisationBody(name=name))

    written = slow(monkeypatch, audit, "write", before=True)
    await both(written, rename("First"), lambda: rename("Second"))
    log = (await api.get("/audit?what=accounts.organisation_changed")).json["items"]
    told = [(row["before"]["name"], row["after"]["name"]) for row in log]
    assert told == [("First", "Second"), ("of anna", "First")]


async def test_the_clean_up_skips_locked_rows(
    anna: Actor, database: Database, clock: HandClock
) -> None:
    counters = letter_counters("anna@example.org", anna.partner_id)
    async with database.transaction() as db:
        await attempts.count(Act(db, None, clock()), counters, "", field="email")
    clock.forward(hours=1)
    async with database.transaction() as busy:
        await attempts.count(Act(busy, None, clock()), counters[:1], "", field="email")
        async with database.transaction() as db:
            forgotten = await asyncio.wait_for(
                service.delete_expired_sign_ins(Act(db, None, clock())), scaled(5)
            )
    # The other counter of letters, and two of anna's sign-in.
    assert forgotten == 3


async def test_simultaneous_requests_cannot_exceed_the_token_limit(
    api: Api, anna: Actor, database: Database, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    june = {"name": "CI", "expires_at": "2026-06-01T00:00:00Z"}
    for _ in range(MAX_TOKENS - 1):
        await api.post("/me/api-tokens", june)
    slow(monkeypatch, tokens, "_count_tokens")
    made = await asyncio.gather(*(api.post("/me/api-tokens", june) for _ in range(4)))
    assert sorted(answer.status for answer in made) == [201, 409, 409, 409]
