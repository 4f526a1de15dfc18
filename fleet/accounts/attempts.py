"""Counting of attempts, to limit the guessing of passwords and the sending of letters."""

from datetime import datetime

import structlog
from sqlalchemy import case, delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.accounts.errors import TOO_MANY_ATTEMPTS
from fleet.accounts.models import SignInAttempts
from fleet.accounts.rules import ATTEMPTS_WINDOW, Counters, window_left_s
from fleet.kit.act import Act
from fleet.kit.database import insert_into

log = structlog.get_logger(__name__)


async def count(act: Act, counters: Counters, address: str, *, field: str) -> None:
    """Increment each counter; refuse ``too_many_attempts`` (of ``field``) at one over its limit.

    The refusal rolls the increments back with its transaction, so a full counter stays at its
    limit.
    """
    for counter, most in counters:
        attempts, window_began_at = await _increment(act, counter)
        if attempts > most:
            log.warning("attempt_throttled", address=address, counter=counter.partition(":")[0])
            raise TOO_MANY_ATTEMPTS(
                field=field, retry_after_s=window_left_s(window_began_at, act.now)
            )


async def reset(db: AsyncSession, counters: Counters) -> None:
    """Reset each counter to zero."""
    for counter, _ in counters:
        await db.execute(delete(SignInAttempts).where(SignInAttempts.counter == counter))


async def uncount(db: AsyncSession, counters: Counters) -> None:
    """Decrement each counter by the one that ``count`` added."""
    for counter, _ in counters:
        await db.execute(
            update(SignInAttempts)
            .where(SignInAttempts.counter == counter, SignInAttempts.attempts > 0)
            .values(attempts=SignInAttempts.attempts - 1)
        )


async def _increment(act: Act, counter: str) -> tuple[int, datetime]:
    insert = insert_into(act.db, SignInAttempts).values(
        counter=counter, window_began_at=act.now, attempts=1
    )
    over = SignInAttempts.window_began_at <= act.now - ATTEMPTS_WINDOW
    counted = await act.db.execute(
        insert.on_conflict_do_update(
            index_elements=[SignInAttempts.counter],
            set_={
                "attempts": case((over, 1), else_=SignInAttempts.attempts + 1),
                "window_began_at": case((over, act.now), else_=SignInAttempts.window_began_at),
            },
        ).returning(SignInAttempts.attempts, SignInAttempts.window_began_at)
    )
    attempts, window_began_at = counted.one()
    return int(attempts), window_began_at
