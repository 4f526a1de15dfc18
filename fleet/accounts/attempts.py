"""Counting what is tried, so that guessing has a limit."""

from datetime import datetime

import structlog
from sqlalchemy import case, delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts.errors import TOO_MANY_ATTEMPTS
from fleet.accounts.models import SignInAttempts
from fleet.accounts.rules import ATTEMPTS_WINDOW, Counters, window_left_s
from fleet.kit.database import insert_into

log = structlog.get_logger(__name__)


async def count(
    db: AsyncSession, counters: Counters, address: str, now: datetime, *, field: str
) -> None:
    """Raise each counter; refuses ``field`` (``too_many_attempts``) at the first over its most.

    The refusal takes the raise back with its transaction, and the counter stays full.
    """
    for counter, most in counters:
        attempts, window_began_at = await _increment(db, counter, now)
        if attempts > most:
            log.warning("attempt_throttled", address=address, counter=counter.partition(":")[0])
            raise TOO_MANY_ATTEMPTS(field=field, retry_after_s=window_left_s(window_began_at, now))


async def reset(db: AsyncSession, counters: Counters) -> None:
    """Begin each counter anew."""
    for counter, _ in counters:
        await db.execute(delete(SignInAttempts).where(SignInAttempts.counter == counter))


async def uncount(db: AsyncSession, counters: Counters) -> None:
    """Lower each counter by the one that ``count`` raised it."""
    for counter, _ in counters:
        await db.execute(
            update(SignInAttempts)
            .where(SignInAttempts.counter == counter, SignInAttempts.attempts > 0)
            .values(attempts=SignInAttempts.attempts - 1)
        )


async def _increment(db: AsyncSession, counter: str, now: datetime) -> tuple[int, datetime]:
    insert = insert_into(db, SignInAttempts).values(
        counter=counter, window_began_at=now, attempts=1
    )
    over = SignInAttempts.window_began_at <= now - ATTEMPTS_WINDOW
    counted = await db.execute(
        insert.on_conflict_do_update(
            index_elements=[SignInAttempts.counter],
            set_={
                "attempts": case((over, 1), else_=SignInAttempts.attempts + 1),
                "window_began_at": case((over, now), else_=SignInAttempts.window_began_at),
            },
        ).returning(SignInAttempts.attempts, SignInAttempts.window_began_at)
    )
    attempts, window_began_at = counted.one()
    return int(attempts), window_began_at
