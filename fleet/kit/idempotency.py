"""``Idempotency-Key``: a request that is sent twice is carried out once."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

from pydantic import BaseModel
from sqlalchemy import ColumnElement, select, update

from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import insert_into, table_of
from fleet.kit.dialect import delete_portion
from fleet.kit.errors import ErrorKind, Refusal
from fleet.kit.models import IdempotencyKey

Reply = TypeVar("Reply", bound=BaseModel)

KEY_RETENTION: Final = timedelta(hours=24)
"""How long an ``Idempotency-Key`` is remembered."""

KEY_REUSED = Refusal(
    ErrorKind.CONFLICT,
    "key_reused",
    ru="С этим ключом Idempotency-Key уже отправлен другой запрос. Возьмите новый ключ.",
    en="Another request has already used this Idempotency-Key. Use a new one.",
    field="Idempotency-Key",
)


async def run_once(
    act: Act,
    key: str | None,
    request: BaseModel,
    do: Callable[[], Awaitable[Reply]],
    reply: type[Reply],
) -> Reply:
    """Return the reply of ``do``, or the stored one if this employee has used the key before.

    Of two simultaneous requests with one key, the unique index lets the first through; the second
    waits for its commit and returns its reply.  If the first one fails, its key is rolled back
    with its transaction.  Raise ``KEY_REUSED`` when the key was used for a different request.
    """
    if key is None:
        return await do()
    digest = _digest(request)
    if not await _claim_key(act, key, digest):
        return reply.model_validate(await _stored_reply(act, key, digest))
    answer = await do()
    await act.db.execute(
        update(IdempotencyKey)
        .where(*_matches(act.actor, key))
        .values(reply=answer.model_dump(mode="json"))
    )
    return answer


def _matches(actor: Actor, key: str) -> tuple[ColumnElement[bool], ...]:
    return IdempotencyKey.employee_id == actor.employee_id, IdempotencyKey.key == key


def _digest(request: BaseModel) -> bytes:
    """Return the SHA-256 of the request's type and values, whatever the order of its fields.

    A type that was renamed keeps the name that stored digests have, as its ``digest_name``.
    """
    name = getattr(type(request), "digest_name", type(request).__name__)
    values = json.dumps(request.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(f"{name} {values}".encode()).digest()


async def _claim_key(act: Act, key: str, digest: bytes) -> bool:
    row = {
        "employee_id": act.actor.employee_id,
        "key": key,
        "asked_sha256": digest,
        "created_at": act.now,
    }
    claim = insert_into(act.db, IdempotencyKey).values(row).on_conflict_do_nothing()
    return await act.db.scalar(claim.returning(IdempotencyKey.key)) is not None


async def _stored_reply(act: Act, key: str, digest: bytes) -> object:
    kept = select(IdempotencyKey.asked_sha256, IdempotencyKey.reply).where(
        *_matches(act.actor, key)
    )
    asked_sha256, reply = (await act.db.execute(kept)).one()
    if asked_sha256 != digest:
        raise KEY_REUSED()
    return reply


async def delete_expired_keys(act: Act, limit: int) -> int:
    """Delete at most ``limit`` keys older than ``KEY_RETENTION``; return how many."""
    return await delete_portion(
        act.db,
        table_of(IdempotencyKey),
        "created_at <= :created_at",
        limit,
        created_at=act.now - KEY_RETENTION,
    )
