"""What a person holds themselves: sign-ins, API tokens, the password."""

from typing import Any

import pytest

from fleet.accounts import service
from fleet.accounts.rules import MAX_PASSWORD_CHANGES, MAX_TOKENS
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from tests.fleet.accounts.people import BORIS, NEW_PASSWORD, add_activated, letters, refusal_of
from tests.fleet.conftest import PASSWORD, Api, Employ, HandClock

JUNE = {"name": "CI", "expires_at": "2026-06-01T00:00:00Z"}
CHANGE = {"password": PASSWORD, "new_password": NEW_PASSWORD}


@pytest.fixture
async def anna(api: Api, employ: Employ) -> Actor:
    """An Administrator who has signed in."""
    anna = await employ("anna")
    await api.sign_in("anna")
    return anna


async def sign_in_twice_more(api: Api) -> list[str]:
    """The tokens of three sign-ins; the last one asks from now on."""
    tokens = [api.token]
    for _ in range(2):
        await api.sign_in("anna")
        tokens.append(api.token)
    return tokens


async def alive(api: Api, tokens: list[str]) -> list[bool]:
    found, kept = [], api.token
    for api.token in tokens:
        found.append((await api.get("/me")).status == 200)
    api.token = kept
    return found


async def test_own_sign_ins_are_listed_and_revoked(api: Api, anna: Actor, employ: Employ) -> None:
    tokens = await sign_in_twice_more(api)
    rows = (await api.get("/me/sign-ins")).json["items"]
    assert [row["present"] for row in rows] == [True, False, False]
    assert rows[0]["address"] == "127.0.0.1"
    first = (await api.get("/me/sign-ins?limit=2")).json
    rest = (await api.get(f"/me/sign-ins?limit=2&after={first['next']}")).json
    assert first["items"] + rest["items"] == rows
    path = f"/me/sign-ins/{rows[2]['id']}/revoke"
    assert (await api.post(path)).status == 204
    assert await alive(api, tokens) == [False, True, True]
    assert refusal_of(await api.post(path)) == (404, "sign_in_not_found", "id")
    assert (await api.post("/me/sign-ins/revoke-others")).json == {"revoked": 1}
    assert await alive(api, tokens) == [False, False, True]
    assert [row["present"] for row in (await api.get("/me/sign-ins")).json["items"]] == [True]
    assert (await api.post("/me/sign-ins/revoke-others")).json == {"revoked": 0}
    (one,) = (await api.get("/audit?what=accounts.sign_in_revoked")).json["items"]
    assert (one["before"]["id"], one["before"]["opened_from"]) == (rows[2]["id"], "127.0.0.1")
    (others,) = (await api.get("/audit?what=accounts.sign_ins_revoked")).json["items"]
    assert others["after"] == {"revoked": 1}


async def test_sign_ins_of_others_cannot_be_revoked(api: Api, anna: Actor, employ: Employ) -> None:
    mine = (await api.get("/me/sign-ins")).json["items"][0]["id"]
    tokens = [api.token]
    await employ("boris", partner_id=anna.partner_id)
    await api.sign_in("boris")
    for kind in ("sign-ins", "api-tokens"):
        assert refusal_of(await api.post(f"/me/{kind}/{mine}/revoke"))[1] == "sign_in_not_found"
    await api.post("/me/sign-ins/revoke-others")
    assert await alive(api, tokens) == [True]


async def test_an_api_token_has_the_rights_of_its_employee_until_it_ends(
    api: Api, anna: Actor, database: Database, clock: HandClock
) -> None:
    me = (await api.get("/me")).json
    made = await api.post("/me/api-tokens", JUNE)
    assert made.status == 201 and made.json["name"] == "CI"
    person, api.token = api.token, made.json.pop("token")
    assert (await api.get("/me")).json == me
    assert (await api.get("/employees")).status == 200
    refused = await api.post("/me/api-tokens", JUNE)
    assert refusal_of(refused) == (403, "token_makes_no_token", "Authorization")
    clock.forward(days=80)
    assert await alive(api, [person, api.token]) == [False, True]
    assert (await api.get("/me/api-tokens")).json["items"] == [made.json]
    clock.forward(days=11)
    assert await alive(api, [api.token]) == [False]


async def test_an_api_token_is_listed_and_revoked_separately(api: Api, anna: Actor) -> None:
    made = (await api.post("/me/api-tokens", JUNE)).json
    await sign_in_twice_more(api)
    assert len((await api.get("/me/sign-ins")).json["items"]) == 3
    await api.post("/me/sign-ins/revoke-others")
    assert await alive(api, [made["token"]]) == [True]
    wrong = await api.post(f"/me/sign-ins/{made['id']}/revoke")
    assert refusal_of(wrong)[1] == "sign_in_not_found"
    assert (await api.post(f"/me/api-tokens/{made['id']}/revoke")).status == 204
    assert await alive(api, [made["token"]]) == [False]
    assert (await api.get("/me/api-tokens")).json["items"] == []
    logged = [row["what"] for row in (await api.get("/audit?q=token")).json["items"]]
    assert logged == ["accounts.token_revoked", "accounts.token_created"]
    (revoked,) = (await api.get("/audit?what=accounts.token_revoked")).json["items"]
    assert (revoked["before"]["id"], revoked["before"]["name"]) == (made["id"], "CI")
    assert made["token"] not in str((await api.get("/audit")).json)


async def test_a_sign_in_revoked_during_the_request_creates_no_token(
    api: Api, anna: Actor, database: Database, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = service.authenticate

    async def authenticate(*given: Any) -> Actor | None:
        actor = await known(*given)
        async with database.transaction() as db:
            await service.revoke_sign_ins(Act(db, None, clock()), anna.employee_id)
        return actor

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(service, "authenticate", authenticate)
        refused = await api.post("/me/api-tokens", JUNE)
    assert refusal_of(refused) == (401, "not_signed_in", "Authorization")
    await api.sign_in("anna")
    assert (await api.get("/me/api-tokens")).json["items"] == []


async def test_wrong_tokens_are_refused(api: Api, anna: Actor) -> None:
    for field, value, refusal in (
        ("expires_at", "2026-03-02T09:00:00Z", (422, "token_lifetime", "expires_at")),
        ("expires_at", "2028-03-02T09:00:00Z", (422, "token_lifetime", "expires_at")),
        ("expires_at", "2026-06-01", (422, "invalid_input", "expires_at")),
        ("name", " ", (422, "invalid_input", "name")),
    ):
        assert refusal_of(await api.post("/me/api-tokens", JUNE | {field: value})) == refusal
    for _ in range(MAX_TOKENS):
        assert (await api.post("/me/api-tokens", JUNE)).status == 201
    assert refusal_of(await api.post("/me/api-tokens", JUNE)) == (409, "too_many_tokens", "name")


async def test_a_changed_password_ends_the_other_sign_ins(api: Api, anna: Actor) -> None:
    made = (await api.post("/me/api-tokens", JUNE)).json
    tokens = await sign_in_twice_more(api)
    wrong = await api.post("/me/password", CHANGE | {"password": "wrong"})
    assert refusal_of(wrong) == (422, "wrong_password", "password")
    short = await api.post("/me/password", CHANGE | {"new_password": "short"})
    assert refusal_of(short)[1] == "password_length"
    assert await alive(api, tokens) == [True, True, True]
    assert (await api.post("/me/password", CHANGE)).status == 204
    assert await alive(api, [*tokens, made["token"]]) == [False, False, True, True]
    assert (await api.sign_in("anna")).status == 401
    assert (await api.sign_in("anna", NEW_PASSWORD)).status == 200


async def test_guesses_of_the_current_password_are_limited(api: Api, anna: Actor) -> None:
    guess = CHANGE | {"password": "guessed it"}
    for _ in range(MAX_PASSWORD_CHANGES):
        assert (await api.post("/me/password", guess)).status == 422
    assert refusal_of(await api.post("/me/password", CHANGE)) == (
        429,
        "too_many_attempts",
        "password",
    )


async def test_letters_report_a_new_token_and_tokens_left_after_a_password_change(
    api: Api, anna: Actor, database: Database
) -> None:
    await add_activated(api, database, login="boris")
    await api.sign_in("boris", NEW_PASSWORD)
    await api.post("/me/api-tokens", JUNE)
    change = {"password": NEW_PASSWORD, "new_password": PASSWORD}
    assert (await api.post("/me/password", change)).status == 204
    _, made, changed = await letters(database)
    person = {"name": "Борис Петров", "login": "boris"}
    until = "2026-06-01 00:00 UTC"
    assert (made.template, made.params) == (
        "token_created",
        person | {"token": "CI", "until": until},
    )
    assert (changed.template, changed.params) == ("own_password_changed", person | {"tokens": "1"})


async def test_an_api_token_cannot_take_over_an_account(
    api: Api, anna: Actor, database: Database
) -> None:
    card = await add_activated(api, database)
    path = f"/employees/{anna.employee_id}"
    own = BORIS | {"role": "administrator", "email": "thief@example.org"}
    api.token = (await api.post("/me/api-tokens", JUNE)).json["token"]
    for answer in (
        await api.ask("PUT", path, json=own),
        await api.post("/employees", own | {"login": "thief"}),
        await api.post(f"/employees/{card['id']}/reset-password"),
        await api.post(f"/employees/{card['id']}/deactivate"),
        await api.post(f"/employees/{card['id']}/activate"),
    ):
        assert refusal_of(answer) == (403, "token_manages_no_people", "Authorization")
    assert (await api.get(path)).json["email"] == ""
    assert (await api.get(f"/employees/{card['id']}")).json["status"] == "active"
    assert await letters(database, "thief@example.org") == []
