"""Writing letters into the outbox."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.language import Language
from fleet.notifications.models import Letter
from fleet.notifications.rules import GivingUpCause, render


async def send(
    db: AsyncSession,
    *,
    to: str,
    template: str,
    params: Mapping[str, str],
    language: Language,
    now: datetime,
    about: str = "",
    expires_at: datetime | None = None,
) -> None:
    """Put a letter into the outbox, in the caller's transaction: it leaves only if that commits.

    ``template`` is one of ``TEMPLATES``.  ``KeyError`` when ``params`` lacks what it names.
    ``about`` whom it is (``employee:7``) finds it again; after ``expires_at``, when its link stops
    working, it does not leave any more.
    """
    render(template, language, params)
    db.add(
        Letter(
            to=to,
            template=template,
            language=language,
            about=about,
            params=dict(params),
            created_at=now,
            expires_at=expires_at,
            due_at=now,
        )
    )
    await db.flush()


async def withdraw_letters(db: AsyncSession, about: str, now: datetime) -> None:
    """Give up the waiting letters about somebody whose links do not work any more."""
    await db.execute(
        update(Letter)
        .where(Letter.about == about, Letter.due_at.is_not(None), Letter.expires_at.is_not(None))
        .values(due_at=None, given_up_at=now, cause=GivingUpCause.WITHDRAWN, params={})
    )
