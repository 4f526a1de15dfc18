"""``Idempotency-Key``: a request that comes again is not done again."""

import asyncio
import hashlib
import json
from typing import Any

import pytest

from fleet.accounts.roles import Role
from fleet.kit import idempotency
from fleet.operations.routes import NewOperation
from protocol.platforms import Platform
from tests.fleet.conftest import Answer, Api, Employ
from tests.fleet.operations.stage import Stage, serial

ONE = serial(1)


@pytest.fixture
async def anna(api: Api, stage: Stage) -> Api:
    await stage.enrol(ONE, Platform.V5_0)
    assert (await api.sign_in("anna")).status == 200
    return api


async def order(anna: Api, key: str, **more: Any) -> Answer:
    params = {"settings": {"279": 8080, "278": "a.example"}}
    body = {"type": "settings_upload", "serial_numbers": [ONE, "?"], "params": params, **more}
    return await anna.post("/operations", body, headers={"Idempotency-Key": key})


async def test_repeated_request_gets_the_same_answer(anna: Api, stage: Stage) -> None:
    first = await order(anna, "k1")
    # The order of the fields is not part of a request.
    again = await order(anna, "k1", params={"settings": {"278": "a.example", "279": 8080}})
    assert (first.status, again.status) == (202, 202) and first.json == again.json
    assert len(await stage.operations()) == 1
    assert (await order(anna, "k2")).json["accepted"] != first.json["accepted"]


async def test_different_request_with_the_same_key_is_refused(anna: Api, stage: Stage) -> None:
    await order(anna, "k1")
    answer = await order(anna, "k1", params={"settings": {"279": 1}})
    assert (answer.status, answer.json["code"]) == (409, "key_reused")
    assert len(await stage.operations()) == 1


async def test_keys_of_different_employees_are_independent(
    anna: Api, stage: Stage, employ: Employ
) -> None:
    first = await order(anna, "k1")
    partner_id = stage.actor.partner_id
    await employ("boris", Role.ENGINEER, partner_id)
    await employ("vera", Role.OBSERVER, partner_id)
    await anna.sign_in("boris")
    again = await order(anna, "k1")
    assert again.status == 202 and again.json != first.json
    await anna.sign_in("vera")
    assert (await order(anna, "k1")).status == 403
    assert len(await stage.operations()) == 2


async def test_refused_request_does_not_use_up_its_key(anna: Api, stage: Stage) -> None:
    assert (await order(anna, "k1", type="no_such_type")).status == 422
    assert (await order(anna, "k1")).status == 202


async def test_concurrent_requests_with_one_key_run_once(anna: Api, stage: Stage) -> None:
    answers = await asyncio.gather(*(order(anna, "k1") for _ in range(8)))
    assert {answer.status for answer in answers} == {202}
    assert all(answer.json == answers[0].json for answer in answers)
    assert len(await stage.operations()) == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 65])
async def test_invalid_key_is_refused(anna: Api, stage: Stage, key: str) -> None:
    answer = await order(anna, key)
    assert (answer.status, answer.json["code"]) == (422, "bad_idempotency_key")
    assert await stage.operations() == []


async def test_idempotency_header_is_documented(api: Api) -> None:
    document = (await api.get("/openapi.json")).json
    parameters = document["paths"]["/api/v1/operations"]["post"]["parameters"]
    assert [(each["name"], each["in"]) for each in parameters] == [("Idempotency-Key", "header")]


def test_a_renamed_request_matches_the_digests_that_were_stored_before() -> None:
    request = NewOperation(type="settings_upload", serial_numbers=["00106100000001"])
    values = json.dumps(request.model_dump(mode="json"), sort_keys=True)
    assert idempotency._digest(request) == hashlib.sha256(f"Order {values}".encode()).digest()
