"""Hashing has a queue of a bounded length."""

import asyncio

import pytest
from sqlalchemy import select

from fleet.accounts import passwords
from fleet.accounts.models import SignInAttempts
from fleet.accounts.passwords import MAX_WAITING, THREADS, hash_password, verify_password
from fleet.kit.database import Database
from fleet.kit.errors import DomainError
from tests.fleet.conftest import Api, Employ


async def test_a_sign_in_over_the_limit_is_refused_and_the_others_succeed() -> None:
    places = THREADS + MAX_WAITING
    tries = [hash_password("long enough") for _ in range(places + 3)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    refused = [each for each in done if isinstance(each, DomainError)]
    assert [each.code for each in refused] == ["sign_ins_wait"] * 3
    kept = next(each for each in done if isinstance(each, str))
    assert await verify_password("long enough", kept)


async def test_a_sign_in_with_a_full_queue_is_told_when_to_try_again(
    api: Api, employ: Employ, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await employ("anna")
    monkeypatch.setattr(passwords, "_SLOTS", asyncio.Semaphore(0))
    refused = await api.sign_in("anna")
    assert (refused.status, refused.json["code"]) == (503, "sign_ins_wait")
    assert refused.headers["Retry-After"] == "5"
    async with database.read() as db:
        assert list(await db.scalars(select(SignInAttempts))) == []
