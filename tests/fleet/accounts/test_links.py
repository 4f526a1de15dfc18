"""Links of letters: once, for a time, for the right person, and no word about anybody else."""

import asyncio

import pytest
from sqlalchemy import func, select, update

from fleet.accounts import recovery, service
from fleet.accounts.models import Employee, PasswordLink
from fleet.accounts.rules import (
    MAX_ADDRESS_RECOVERIES,
    MAX_LOGIN_ATTEMPTS,
    MAX_PARTNER_EMPLOYEES_PER_EMAIL,
    MAX_RECOVERIES,
)
from fleet.kit.act import Act
from fleet.kit.acts import Acts
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.notifications.delivery import LetterSender
from fleet.notifications.rules import GivingUpCause, render
from tests.fleet.accounts.people import (
    NEW_PASSWORD,
    add,
    add_activated,
    last_token,
    letters,
    recover,
    refusal_of,
    use,
)
from tests.fleet.conftest import Api, Employ, HandClock
from tests.fleet.notifications.mailbox import Mailbox, link_token, serving

RECOVERY = {"email": "BORIS@example.org"}


@pytest.fixture
async def admin(api: Api, employ: Employ) -> str:
    """The token of an Administrator who has signed in."""
    await employ("anna")
    await api.sign_in("anna")
    return api.token


async def test_an_invitation_works_once(
    api: Api, admin: str, database: Database, clock: HandClock
) -> None:
    await add(api, login="boris")
    api.token = ""
    token = await last_token(database)
    clock.forward(hours=72, seconds=-1)
    assert (await api.post("/password-links/look", {"token": token})).json == {
        "kind": "invitation",
        "login": "boris",
        "full_name": "Борис Петров",
        "partner": "of anna",
        "expires_at": "2026-03-05T09:00:00Z",
    }
    assert refusal_of(await use(api, token, "short")) == (422, "password_length", "password")
    assert (await use(api, token)).status == 204
    assert refusal_of(await use(api, token)) == (409, "link_spent", "token")
    assert (await api.sign_in("boris", NEW_PASSWORD)).status == 200


async def test_an_expired_link_is_refused_as_expired(
    api: Api, admin: str, database: Database, clock: HandClock
) -> None:
    await add(api)
    token = await last_token(database)
    clock.forward(hours=72)
    for answer in (await use(api, token), await api.post("/password-links/look", {"token": token})):
        assert refusal_of(answer) == (409, "link_expired", "token")
    for unknown in ("x", "0" * 43, "Ж"):
        assert refusal_of(await use(api, unknown)) == (404, "link_unknown", "token")


async def test_two_simultaneous_uses_of_a_link_succeed_once(
    api: Api, admin: str, database: Database
) -> None:
    await add(api)
    token = await last_token(database)
    words = [f"password {number}" for number in range(4)]
    answers = await asyncio.gather(*(use(api, token, word) for word in words))
    assert sorted(answer.status for answer in answers) == [204, 409, 409, 409]
    (winner,) = (word for word, answer in zip(words, answers, strict=True) if answer.status == 204)
    assert (await api.sign_in("boris@example.org", winner)).status == 200


async def test_recovery_sets_the_password_and_ends_all_sign_ins(
    api: Api, admin: str, database: Database, clock: HandClock
) -> None:
    await add_activated(api, database, login="boris")
    await api.sign_in("boris", NEW_PASSWORD)
    made = await api.post("/me/api-tokens", {"name": "CI", "expires_at": "2026-06-01T00:00:00Z"})
    opened = (api.token, made.json["token"])
    for _ in range(MAX_LOGIN_ATTEMPTS):
        await api.sign_in("boris", "forgotten")
    assert (await recover(api, database, clock())).status == 204
    clock.forward(minutes=10)
    assert (await use(api, await last_token(database), "third password")).status == 204
    for api.token in opened:
        assert (await api.get("/me")).status == 401
    assert (await api.sign_in("boris", NEW_PASSWORD)).status == 401
    assert (await api.sign_in("boris", "third password")).status == 200
    sent = [letter.template for letter in await letters(database)]
    assert sent == ["invitation", "token_created", "password_link", "password_changed"]


async def test_the_audit_log_shows_who_used_a_link_and_its_address(
    api: Api, admin: str, database: Database, clock: HandClock
) -> None:
    card = await add_activated(api, database, login="boris")
    await api.post(f"/employees/{card['id']}/reset-password")
    await use(api, await last_token(database), "third password")
    log = (await api.get(f"/audit?object=employee:{card['id']}")).json["items"]
    changed, sent, activated, _ = log
    assert sent["after"] == {"email": "boris@example.org"}
    for row, what in ((changed, "password_changed"), (activated, "activated")):
        assert row["what"] == f"accounts.{what}" and row["after"] == {"by": "link"}
        who = (row["login"], row["employee_id"], row["address"])
        assert who == ("boris", card["id"], "127.0.0.1")


async def test_a_recovery_link_works_for_an_hour(
    api: Api, admin: str, database: Database, clock: HandClock
) -> None:
    await add_activated(api, database)
    await recover(api, database, clock())
    clock.forward(hours=1)
    assert refusal_of(await use(api, await last_token(database)))[1] == "link_expired"


async def test_a_reset_link_names_the_organisation_and_lives_as_long_as_an_invitation(
    api: Api, admin: str, database: Database, clock: HandClock
) -> None:
    card = await add_activated(api, database)
    await api.post(f"/employees/{card['id']}/reset-password", headers={"Accept-Language": "ru"})
    letter = (await letters(database))[-1]
    assert letter.template == "password_reset"
    text = render(letter.template, letter.language, letter.params).plain
    assert "Администратор организации of anna просит вас задать новый пароль" in text
    clock.forward(hours=71, minutes=59)
    assert (await use(api, await last_token(database))).status == 204


async def test_a_letter_with_an_invalid_link_is_not_sent(
    api: Api, admin: str, database: Database, clock: HandClock
) -> None:
    card = await add_activated(api, database)
    await recover(api, database, clock())
    await api.post(f"/employees/{card['id']}/reset-password")
    async with serving(Mailbox()) as mailbox:
        config = FleetConfig(smtp=mailbox.url)
        await LetterSender().run(Acts(database, clock, config=config))
        assert [message["Subject"] for message in mailbox.messages] == [
            "Choose a new password for the cash server"
        ]
        assert (await use(api, link_token(mailbox.messages[0]))).status == 204
        await LetterSender().run(Acts(database, clock, config=config))
        await recover(api, database, clock())
        mailbox.messages.clear()
        clock.forward(hours=1)
        await LetterSender().run(Acts(database, clock, config=config))
        assert mailbox.messages == []
    causes = [letter.cause for letter in await letters(database)]
    assert causes == [
        GivingUpCause.WITHDRAWN,
        GivingUpCause.WITHDRAWN,
        None,
        None,
        GivingUpCause.EXPIRED,
    ]


async def test_a_reset_link_ends_earlier_links(api: Api, admin: str, database: Database) -> None:
    card = await add_activated(api, database)
    await api.post(f"/employees/{card['id']}/reset-password")
    older = await last_token(database)
    await api.post(f"/employees/{card['id']}/reset-password")
    assert refusal_of(await use(api, older))[1] == "link_spent"
    assert (await use(api, await last_token(database))).status == 204


async def test_a_recovery_request_ends_no_link_but_its_use_ends_all(
    api: Api, admin: str, database: Database, clock: HandClock
) -> None:
    await add(api)
    invitation = await last_token(database)
    api.token = ""
    await recover(api, database, clock())
    newer = await last_token(database)
    assert (await use(api, invitation)).status == 204
    assert refusal_of(await use(api, newer))[1] == "link_spent"


async def test_employees_with_a_strangers_address_do_not_displace_the_strangers_letters(
    api: Api, database: Database, employ: Employ, clock: HandClock
) -> None:
    await employ("mallory")
    await api.sign_in("mallory")
    for number in range(MAX_PARTNER_EMPLOYEES_PER_EMAIL + 1):
        await add(api, login=f"squatter-{number}")
    await employ("anna")
    await api.sign_in("anna")
    await add(api, login="invited")
    clock.forward(minutes=15)
    await add_activated(api, database, login="victim")
    before = len(await letters(database))
    await recover(api, database, clock())
    logins = [letter.params["login"] for letter in (await letters(database))[before:]]
    assert logins[:2] == ["squatter-0", "victim"]
    assert len(logins) == MAX_PARTNER_EMPLOYEES_PER_EMAIL + 2


async def test_a_recovery_request_only_stores_a_row(
    api: Api, admin: str, database: Database, clock: HandClock
) -> None:
    await add_activated(api, database)
    before = len(await letters(database))
    await api.post("/password-recovery", RECOVERY)
    assert len(await letters(database)) == before
    async with database.transaction() as db:
        assert await recovery.answer_requests(Act(db, None, clock()), 100) == 1
        assert await recovery.answer_requests(Act(db, None, clock()), 100) == 0
    assert len(await letters(database)) == before + 1


async def test_the_answer_is_the_same_for_an_unknown_address(
    api: Api, admin: str, database: Database, clock: HandClock
) -> None:
    gone = await add_activated(api, database, email="gone@example.org")
    await api.post(f"/employees/{gone['id']}/deactivate")
    await add_activated(api, database)
    api.token = ""
    answers = [
        await recover(api, database, clock(), email)
        for email in ("boris@example.org", "gone@example.org", "nobody@example.org")
        for _ in range(MAX_RECOVERIES + 1)
    ]
    assert [answer.status for answer in answers] == [*[204] * MAX_RECOVERIES, 429] * 3
    assert len({str(answer.json["detail"]) for answer in answers if answer.json}) == 1
    headers = [{name for name in answer.headers} for answer in answers if answer.status == 204]
    assert all(each == headers[0] for each in headers)
    assert len(await letters(database)) == 1 + MAX_RECOVERIES
    assert len(await letters(database, "gone@example.org")) == 1
    assert await letters(database, "nobody@example.org") == []


async def test_recovery_requests_from_one_address_are_limited(
    api: Api, database: Database, clock: HandClock
) -> None:
    for number in range(MAX_ADDRESS_RECOVERIES):
        body = {"email": f"n{number}@example.org"}
        assert (await api.post("/password-recovery", body)).status == 204
    refused = await api.post("/password-recovery", RECOVERY)
    assert refusal_of(refused) == (429, "too_many_attempts", "email")
    assert refused.headers["Retry-After"] == "900"
    clock.forward(minutes=15)
    assert (await api.post("/password-recovery", RECOVERY)).status == 204


async def test_a_shared_mailbox_gets_a_letter_for_each_login(
    api: Api, admin: str, database: Database, clock: HandClock
) -> None:
    for login in ("boris", "b.petrov"):
        await add_activated(api, database, login=login)
    await recover(api, database, clock())
    sent = [letter.params["login"] for letter in (await letters(database))[-2:]]
    assert sorted(sent) == ["b.petrov", "boris"]


async def test_recovery_letters_are_in_the_language_of_the_request(
    api: Api, admin: str, database: Database, clock: HandClock
) -> None:
    await add_activated(api, database)
    for language in ("ru", "en"):
        await api.post("/password-recovery", RECOVERY, headers={"Accept-Language": language})
    async with database.transaction() as db:
        assert await recovery.answer_requests(Act(db, None, clock()), 100) == 2
    sent = [letter.language for letter in await letters(database)]
    assert sent == ["en", "ru", "en"]


async def test_a_link_of_a_deactivated_employee_does_not_work(
    api: Api, admin: str, database: Database
) -> None:
    await add(api)
    token = await last_token(database)
    async with database.transaction() as db:
        await db.execute(update(Employee).values(active=False))
    assert refusal_of(await use(api, token))[1] == "link_spent"


async def test_links_are_deleted_long_after_their_expiry(
    api: Api, admin: str, database: Database, clock: HandClock
) -> None:
    await add(api)
    for days, left in ((32, 1), (2, 0)):
        clock.forward(days=days)
        async with database.transaction() as db:
            await service.delete_expired_sign_ins(Act(db, None, clock()))
            assert await db.scalar(select(func.count()).select_from(PasswordLink)) == left
