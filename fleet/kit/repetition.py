"""The same request sent twice is done once: ``Idempotency-Key``."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from pydantic import BaseModel
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.actor import Actor
from fleet.kit.database import insert_into, table_of
from fleet.kit.dialect import delete_some
from fleet.kit.errors import ErrorKind, Refusal
from fleet.kit.models import OrderKey

Reply = TypeVar("Reply", bound=BaseModel)

KEY_KEPT: Final = timedelta(hours=24)
"""How long an ``Idempotency-Key`` is remembered."""

KEY_REUSED = Refusal(
    ErrorKind.CONFLICT,
    "key_reused",
    ru="С этим ключом Idempotency-Key уже отправлен другой запрос. Возьмите новый ключ.",
    en="Another request has already used this Idempotency-Key. Use a new one.",
    field="Idempotency-Key",
)


async def once(
    db: AsyncSession,
    actor: Actor,
    key: str | None,
    asked: BaseModel,
    now: datetime,
    do: Callable[[], Awaitable[Reply]],
    reply: type[Reply],
) -> Reply:
    """What ``do`` answers, or what it answered when the key first came from this employee.

    Of two requests at once the unique key lets one through; the other waits for its commit and
    gets its answer.  If the first one fails, its key goes with its transaction.
    Raises ``KEY_REUSED`` when something else was asked with the key.
    """
    if key is None:
        return await do()
    digest = _digest(asked)
    if not await _take(db, actor, key, digest, now):
        return reply.model_validate(await _answered(db, actor, key, digest))
    answer = await do()
    await db.execute(
        update(OrderKey).where(*_is(actor, key)).values(reply=answer.model_dump(mode="json"))
    )
    return answer


def _is(actor: Actor, key: str) -> tuple[ColumnElement[bool], ...]:
    return OrderKey.employee_id == actor.employee_id, OrderKey.key == key


def _digest(asked: BaseModel) -> bytes:
    """Of the kind of request and its values, in whatever order they were sent."""
    values = json.dumps(asked.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(f"{type(asked).__name__} {values}".encode()).digest()


async def _take(db: AsyncSession, actor: Actor, key: str, digest: bytes, now: datetime) -> bool:
    row = {
        "employee_id": actor.employee_id,
        "key": key,
        "asked_sha256": digest,
        "created_at": now,
    }
    claim = insert_into(db, OrderKey).values(row).on_conflict_do_nothing()
    return await db.scalar(claim.returning(OrderKey.key)) is not None


async def _answered(db: AsyncSession, actor: Actor, key: str, digest: bytes) -> object:
    kept = select(OrderKey.asked_sha256, OrderKey.reply).where(*_is(actor, key))
    asked_sha256, reply = (await db.execute(kept)).one()
    if asked_sha256 != digest:
        raise KEY_REUSED()
    return reply


async def forget_keys(db: AsyncSession, now: datetime, limit: int) -> int:
    """Forget what is older than ``KEY_KEPT``; returns how many."""
    return await delete_some(
        db, table_of(OrderKey), "created_at <= :created_at", limit, created_at=now - KEY_KEPT
    )
