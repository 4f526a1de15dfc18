"""The employees of a partner: added, changed, locked out; nobody locks themselves out."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from fleet.accounts.employees import deactivate, widen_scope_of
from fleet.accounts.models import Employee, PasswordLink, SignInAttempts
from fleet.accounts.roles import Role
from fleet.accounts.rules import MAX_LETTERS, MAX_PARTNER_LETTERS, MAX_SCOPE
from fleet.audit.models import AuditEntry
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.acts import Acts
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.errors import DomainError
from fleet.notifications.delivery import LetterSender, finish_old_letters
from fleet.notifications.rules import GivingUpCause
from tests.fleet.accounts.people import (
    BORIS,
    NEW_PASSWORD,
    add,
    add_activated,
    last_token,
    letters,
    refusal_of,
)
from tests.fleet.conftest import Api, Employ, HandClock
from tests.fleet.notifications.mailbox import Mailbox, serving

INN, SERIAL = "7707083893", "00106900000001"


@pytest.fixture
async def anna(api: Api, employ: Employ) -> Actor:
    """An Administrator who has signed in."""
    anna = await employ("anna")
    await api.sign_in("anna")
    return anna


async def test_an_added_employee_gets_an_invitation(
    api: Api, anna: Actor, database: Database
) -> None:
    card = await add(api)
    assert card.pop("id") and card.pop("created_at") == "2026-03-02T09:00:00Z"
    assert card == {
        "login": "boris@example.org",
        "full_name": "Борис Петров",
        "email": "boris@example.org",
        "phone": "+7 (495) 730-74-20",
        "role": "engineer",
        "status": "invited",
        "limited": False,
        "scope": None,
        "last_letter": {
            "to": "boris@example.org",
            "template": "invitation",
            "created_at": "2026-03-02T09:00:00Z",
            "state": "waiting",
            "detail": "The letter is waiting to be sent.",
            "reason": "",
        },
    }
    (letter,) = await letters(database)
    assert letter.template == "invitation" and letter.params["partner"] == "of anna"
    assert letter.params["link"].startswith("http://127.0.0.1:8080/password#")
    async with database.read() as db:
        kept = str((await db.execute(select(PasswordLink.token_sha256))).all())
        logged = str(list(await db.scalars(select(AuditEntry.after))))
    token = letter.params["link"].rpartition("#")[2]
    assert token not in kept and token not in logged and "boris@example.org" in logged


async def test_an_invited_employee_cannot_sign_in_before_activation(api: Api, anna: Actor) -> None:
    await add(api, login="Boris")
    for password in ("", "x", NEW_PASSWORD):
        assert (await api.sign_in("boris", password)).status in (401, 422)


WRONG: tuple[tuple[dict[str, Any], int, str, str], ...] = (
    ({"login": "a b"}, 422, "login_unfit", "login"),
    ({"login": "Anna"}, 409, "login_taken", "login"),
    ({"email": f"{'x' * 60}@example.org"}, 422, "login_unfit", "login"),
    ({"role": "administrator_plus"}, 403, "role_not_granted", "role"),
    ({"role": "support_operator"}, 403, "role_not_granted", "role"),
    ({"role": "administrator", "scope": {}}, 422, "scope_of_administrator", "scope"),
    ({"role": "owner"}, 422, "invalid_input", "role"),
    ({"email": "boris"}, 422, "invalid_input", "email"),
    ({"email": "a@b"}, 422, "invalid_input", "email"),
    ({"email": "a b@example.org"}, 422, "invalid_input", "email"),
    ({"email": "a@example.org\r\nBcc: b@example.org"}, 422, "invalid_input", "email"),
    ({"email": "a@example.org,b@example.org"}, 422, "invalid_input", "email"),
    ({"email": ".a@example.org"}, 422, "invalid_input", "email"),
    ({"phone": "call me"}, 422, "invalid_input", "phone"),
    ({"full_name": "  "}, 422, "invalid_input", "full_name"),
    ({"full_name": "абонент!\n\nОплатите долг"}, 422, "invalid_input", "full_name"),
    ({"full_name": "a https://evil.example b"}, 422, "invalid_input", "full_name"),
    ({"full_name": "Борис\u202eвортеП"}, 422, "invalid_input", "full_name"),
    ({"full_name": "\u200b\u2060"}, 422, "invalid_input", "full_name"),
    ({"scope": {"clients": ["7707083894"]}}, 422, "invalid_input", "scope.clients.0"),
    ({"scope": {"registers": ["1"]}}, 422, "invalid_input", "scope.registers.0"),
)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"role": "administrator_plus"}, "Роль «Администратор+» назначает"),
        ({"role": "administrator", "scope": {}}, "Роль «Администратор» видит"),
        ({"email": "boris"}, "нужен адрес электронной почты"),
        ({"phone": "call me"}, "нужен номер телефона"),
        ({"full_name": " "}, "нужен хотя бы один видимый символ"),
        ({"role": "owner"}, "допустимые значения: observer, software_specialist, manager"),
    ],
)
async def test_refusals_of_employees_are_sentences_for_people(
    api: Api, anna: Actor, wrong: dict[str, Any], said: str
) -> None:
    answer = await api.post("/employees", BORIS | wrong, headers={"Accept-Language": "ru"})
    assert said in answer.json["detail"]


async def test_a_refused_employee_is_not_stored(api: Api, anna: Actor, database: Database) -> None:
    for field, *refusal in WRONG:
        assert refusal_of(await api.post("/employees", BORIS | field)) == tuple(refusal), field
    async with database.read() as db:
        assert list(await db.scalars(select(Employee.login))) == ["anna"]
        assert list(await db.scalars(select(PasswordLink))) == []
    assert await letters(database) == []


async def test_two_simultaneous_uses_of_a_login_succeed_once(api: Api, anna: Actor) -> None:
    answers = await asyncio.gather(*(api.post("/employees", BORIS) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]


async def test_employees_can_be_searched_filtered_and_paged(
    api: Api, anna: Actor, database: Database
) -> None:
    for number in range(5):
        await add(api, login=f"num{number}", email=f"n{number}@example.org")
    await add_activated(api, database, login="vera", full_name="Вера ЖУК-Ёлкина", role="manager")
    seen, after = [], ""
    for _ in range(4):
        page = (await api.get(f"/employees?limit=2{after}")).json
        seen += [row["login"] for row in page["items"]]
        after = f"&after={page['next']}"
    assert page["next"] is None and seen == ["anna", *(f"num{n}" for n in range(5)), "vera"]
    for query, found in (
        ("q=%D0%B6%D1%83%D0%BA", ["vera"]),
        ("q=%D0%B5%D0%BB%D0%BA", ["vera"]),
        ("q=N3@EX", ["num3"]),
        ("q=730-74", [*(f"num{n}" for n in range(5)), "vera"]),
        ("q=%25", []),
        ("role=manager", ["vera"]),
        ("status=active", ["anna", "vera"]),
        ("status=invited&q=num1", ["num1"]),
        ("status=inactive", []),
    ):
        rows = (await api.get(f"/employees?{query}")).json["items"]
        assert [row["login"] for row in rows] == found, query


async def test_a_change_is_logged_with_its_previous_state(api: Api, anna: Actor) -> None:
    card = await add(api, login="boris")
    path = f"/employees/{card['id']}"
    scope = {"clients": [INN], "registers": [SERIAL]}
    body = BORIS | {"full_name": "Борис", "role": "manager", "scope": scope}
    changed = (await api.ask("PUT", path, json=body)).json
    assert (changed["role"], changed["limited"], changed["scope"]) == ("manager", True, scope)
    assert (await api.get(path)).json == changed
    await api.ask("PUT", path, json=body)
    (entry,) = (await api.get("/audit?what=accounts.employee_changed")).json["items"]
    assert (entry["before"]["role"], entry["after"]["role"]) == ("engineer", "manager")
    assert (entry["before"]["scope"], entry["after"]["scope"]) == (None, scope)
    assert (entry["login"], entry["object"]) == ("anna", f"employee:{card['id']}")


async def test_deactivation_ends_everything_at_once(
    api: Api, anna: Actor, database: Database
) -> None:
    card = await add_activated(api, database, login="boris")
    admin = api.token
    await api.sign_in("boris", NEW_PASSWORD)
    made = await api.post("/me/api-tokens", {"name": "CI", "expires_at": "2026-06-01T00:00:00Z"})
    tokens = (api.token, made.json["token"])
    api.token = admin
    await api.post(f"/employees/{card['id']}/reset-password")
    locked = await api.post(f"/employees/{card['id']}/deactivate")
    assert locked.json["status"] == "inactive"
    for api.token in tokens:
        assert (await api.get("/me")).status == 401
    assert (await api.sign_in("boris", NEW_PASSWORD)).status == 401
    api.token = admin
    again = await api.post(f"/employees/{card['id']}/deactivate")
    assert again.status == 200
    assert refusal_of(await api.post(f"/employees/{card['id']}/reset-password")) == (
        409,
        "employee_inactive",
        "id",
    )
    assert (await api.post(f"/employees/{card['id']}/activate")).json["status"] == "active"
    for api.token in tokens:
        assert (await api.get("/me")).status == 401
    assert (await api.sign_in("boris", NEW_PASSWORD)).status == 200


async def test_nobody_changes_their_own_access(api: Api, anna: Actor) -> None:
    path = f"/employees/{anna.employee_id}"
    own = BORIS | {"role": "administrator"}
    assert refusal_of(await api.post(f"{path}/deactivate")) == (409, "not_yourself", "id")
    lower = own | {"role": "observer"}
    assert refusal_of(await api.ask("PUT", path, json=lower)) == (409, "not_yourself", "role")
    limited = own | {"scope": {}}
    assert refusal_of(await api.ask("PUT", path, json=limited)) == (409, "not_yourself", "scope")
    assert (await api.ask("PUT", path, json=own)).json["email"] == "boris@example.org"


async def test_two_administrators_cannot_deactivate_each_other_at_once(
    database: Database, employ: Employ, clock: HandClock
) -> None:
    anna = await employ("anna")
    boris = await employ("boris", partner_id=anna.partner_id)

    async def lock_out(actor: Actor, other: Actor) -> str:
        try:
            async with database.transaction() as db:
                await deactivate(Act(db, actor, clock()), other.employee_id)
        except DomainError as error:
            return error.code
        return "done"

    tried = await asyncio.gather(lock_out(anna, boris), lock_out(boris, anna))
    assert sorted(tried) == ["done", "last_administrator"]
    async with database.read() as db:
        assert len(list(await db.scalars(select(Employee).where(Employee.active)))) == 1


async def test_an_invited_administrator_does_not_count_as_the_last_one(
    api: Api, database: Database, employ: Employ, clock: HandClock
) -> None:
    anna = await employ("anna")
    boris = await employ("boris", partner_id=anna.partner_id)
    await api.sign_in("anna")
    await add(api, role="administrator")
    async with database.transaction() as db:
        await deactivate(Act(db, boris, clock()), anna.employee_id)
    with pytest.raises(DomainError, match="last_administrator"):
        async with database.transaction() as db:
            await deactivate(Act(db, anna, clock()), boris.employee_id)


async def test_employees_with_more_rights_cannot_be_managed(
    api: Api, database: Database, employ: Employ
) -> None:
    anna = await employ("anna")
    plus = await employ("plus", Role.ADMINISTRATOR_PLUS, anna.partner_id)
    path = f"/employees/{plus.employee_id}"
    await api.sign_in("anna")
    for answer in (
        await api.ask("PUT", path, json=BORIS),
        await api.post(f"{path}/deactivate"),
        await api.post(f"{path}/reset-password"),
    ):
        assert refusal_of(answer) == (403, "employee_above_you", "id")
    await api.sign_in("plus")
    demoted = await api.ask("PUT", f"/employees/{anna.employee_id}", json=BORIS)
    assert demoted.json["role"] == "engineer"
    assert refusal_of(await api.ask("PUT", path, json=BORIS)) == (409, "not_yourself", "role")


async def test_another_partners_employee_is_not_found(
    api: Api, anna: Actor, employ: Employ, database: Database
) -> None:
    stranger = await employ("stranger")
    path = f"/employees/{stranger.employee_id}"
    for answer in (
        await api.get(path),
        await api.ask("PUT", path, json=BORIS),
        *[
            await api.post(f"{path}/{verb}")
            for verb in ("deactivate", "activate", "reset-password")
        ],
    ):
        assert refusal_of(answer) == (404, "employee_not_found", "id")
    assert (await api.get("/employees")).json["items"][0]["login"] == "anna"
    assert len((await api.get("/employees")).json["items"]) == 1
    assert await letters(database, "") == []


async def test_a_new_email_address_ends_the_links_of_the_old_one(
    api: Api, anna: Actor, database: Database
) -> None:
    card = await add(api)
    token = await last_token(database)
    body = BORIS | {"email": "other@example.org"}
    await api.ask("PUT", f"/employees/{card['id']}", json=body)
    assert (await letters(database))[-1].cause is GivingUpCause.WITHDRAWN
    assert refusal_of(await api.post("/password-links/look", {"token": token}))[1] == "link_spent"


async def test_the_old_email_address_is_informed_of_a_new_one(
    api: Api, anna: Actor, database: Database
) -> None:
    card = await add_activated(api, database, login="boris")
    path = f"/employees/{card['id']}"
    await api.ask("PUT", path, json=BORIS | {"full_name": "Борис"})
    await api.ask("PUT", path, json=BORIS | {"email": "other@example.org"})
    invitation, told = await letters(database)
    assert told.template == "email_changed"
    assert told.params == {"name": "Борис", "login": "boris", "by": "anna"}
    assert await letters(database, "other@example.org") == []


async def test_a_mistyped_email_address_is_not_informed_of_its_correction(
    api: Api, anna: Actor, database: Database
) -> None:
    card = await add(api)
    body = BORIS | {"email": "other@example.org"}
    await api.ask("PUT", f"/employees/{card['id']}", json=body)
    assert [letter.template for letter in await letters(database)] == ["invitation"]


async def test_the_card_shows_the_state_of_the_last_letter(
    api: Api, anna: Actor, database: Database, clock: HandClock
) -> None:
    path = f"/employees/{(await add(api))['id']}"

    async def told(language: str = "en") -> Any:
        card = await api.get(path, headers={"Accept-Language": language})
        return card.json["last_letter"]

    async with serving(Mailbox(recipient_answer="450 come again")) as mailbox:
        config = FleetConfig(smtp=mailbox.url)
        await LetterSender().run(Acts(database, clock, config=config))
        waiting = await told()
        assert (waiting["state"], waiting["reason"]) == ("waiting", "450 come again")
        mailbox.recipient_answer = "550 no such mailbox"
        clock.forward(minutes=1)
        await LetterSender().run(Acts(database, clock, config=config))
        given_up = await told("ru")
        assert (given_up["state"], given_up["reason"]) == ("given_up", "550 no such mailbox")
        assert "Проверьте адрес" in given_up["detail"]
        mailbox.recipient_answer = ""
        await api.post(f"{path}/reset-password")
        await LetterSender().run(Acts(database, clock, config=config))
        assert (await told())["state"] == "sent"
    clock.forward(days=31)
    async with database.transaction() as db:
        await finish_old_letters(Act(db, None, clock()), 100)
    await api.sign_in("anna")
    assert await told() is None


async def test_the_card_of_the_organisation_is_shown_and_changed(
    api: Api, anna: Actor, employ: Employ
) -> None:
    card = (await api.get("/organisation")).json
    assert (card["name"], card["inn"], card["code"]) == ("of anna", "", f"{card['id']:06}")
    assert len(card["uuid"]) == 36
    changed = await api.ask("PUT", "/organisation", json={"name": "Ромашка", "inn": INN})
    assert changed.json == card | {"name": "Ромашка", "inn": INN}
    for name in ("Банк\r\nвызывает", "https://evil.example"):
        answer = await api.ask("PUT", "/organisation", json={"name": name})
        assert refusal_of(answer) == (422, "invalid_input", "name")
    wrong = await api.ask("PUT", "/organisation", json={"name": "Ромашка", "inn": "7707083894"})
    assert refusal_of(wrong) == (422, "invalid_input", "inn")
    (entry,) = (await api.get("/audit?q=%D1%80%D0%BE%D0%BC%D0%B0%D1%88")).json["items"]
    assert entry["what"] == "accounts.organisation_changed"
    await employ("stranger")
    await api.sign_in("stranger")
    assert (await api.get("/organisation")).json["uuid"] != card["uuid"]


async def test_letters_to_one_mailbox_are_limited(
    api: Api, anna: Actor, database: Database
) -> None:
    card = await add(api)
    for _ in range(MAX_LETTERS - 1):
        assert (await api.post(f"/employees/{card['id']}/reset-password")).status == 204
    refused = await api.post(f"/employees/{card['id']}/reset-password")
    assert refusal_of(refused) == (429, "too_many_attempts", "id")
    assert refusal_of(await api.post("/employees", BORIS | {"login": "another"}))[0] == 429
    assert len(await letters(database)) == MAX_LETTERS


async def test_letters_of_another_partner_to_a_mailbox_do_not_count(
    api: Api, employ: Employ, database: Database
) -> None:
    await employ("mallory")
    await api.sign_in("mallory")
    squatter = await add(api, login="squatter")
    for _ in range(MAX_LETTERS):
        await api.post(f"/employees/{squatter['id']}/reset-password")
    await employ("anna")
    await api.sign_in("anna")
    card = await add_activated(api, database, login="boris")
    moved = BORIS | {"email": "other@example.org"}
    assert (await api.ask("PUT", f"/employees/{card['id']}", json=moved)).status == 200


async def test_letters_of_a_partner_are_limited(
    api: Api, anna: Actor, database: Database, clock: HandClock
) -> None:
    async with database.transaction() as db:
        counter, most = f"letters-partner:{anna.partner_id}", MAX_PARTNER_LETTERS
        db.add(SignInAttempts(counter=counter, window_began_at=clock(), attempts=most - 1))
    await add(api)
    other = BORIS | {"login": "other", "email": "other@example.org"}
    assert refusal_of(await api.post("/employees", other))[:2] == (429, "too_many_attempts")
    clock.forward(minutes=15)
    await add(api, **other)


async def test_a_name_is_stored_without_surrounding_spaces(api: Api, anna: Actor) -> None:
    assert (await add(api, full_name=" Анна\u00a0Мария \n"))["full_name"] == "Анна\u00a0Мария"


async def test_a_change_with_a_missing_field_is_refused(api: Api, anna: Actor) -> None:
    scope = {"clients": [], "registers": [SERIAL]}
    card = await add(api, scope=scope)
    path = f"/employees/{card['id']}"
    for field in ("scope", "phone"):
        body = {name: value for name, value in BORIS.items() if name != field}
        assert refusal_of(await api.ask("PUT", path, json=body)) == (422, "invalid_input", field)
    assert (await api.get(path)).json == card


async def test_a_scope_over_the_limit_may_stay_or_shrink(
    api: Api, anna: Actor, database: Database
) -> None:
    grown = [f"00106900{number:06}" for number in range(MAX_SCOPE + 2)]
    card = await add(api, scope={"registers": grown[:1]})
    path = f"/employees/{card['id']}"
    async with database.transaction() as db:
        await widen_scope_of(db, card["id"], grown[:-1])
    for registers in (grown[:-1], grown[:-1], grown[:MAX_SCOPE]):
        body = BORIS | {"full_name": "Боря", "scope": {"registers": registers}}
        changed = await api.ask("PUT", path, json=body)
        assert changed.status == 200 and changed.json["scope"]["registers"] == registers
    over = {"scope": {"registers": grown[: MAX_SCOPE + 1]}}
    assert refusal_of(await api.ask("PUT", path, json=BORIS | over)) == (
        422,
        "scope_too_large",
        "scope",
    )
    again = BORIS | {"login": "another"} | over
    assert refusal_of(await api.post("/employees", again)) == (422, "scope_too_large", "scope")
