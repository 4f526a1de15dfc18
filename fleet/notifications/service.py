"""Writing letters into the outbox."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.language import Language
from fleet.notifications.models import Letter
from fleet.notifications.rules import word


async def send(
    db: AsyncSession,
    *,
    to: str,
    template: str,
    params: Mapping[str, str],
    language: Language,
    now: datetime,
) -> None:
    """Put a letter into the outbox, in the caller's transaction: it leaves only if that commits.

    ``template`` is one of ``TEMPLATES``.  ``KeyError`` when ``params`` lacks what it names.
    """
    word(template, language, params)
    db.add(
        Letter(
            to=to,
            template=template,
            language=language,
            params=dict(params),
            created_at=now,
            due_at=now,
        )
    )
    await db.flush()
