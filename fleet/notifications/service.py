"""Writing of letters into the outbox."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import update

from fleet.kit.act import Act
from fleet.notifications.models import Letter
from fleet.notifications.rules import GivingUpCause, render


async def send(
    act: Act,
    *,
    to: str,
    template: str,
    params: Mapping[str, str],
    about: str = "",
    expires_at: datetime | None = None,
) -> None:
    """Put a letter into the outbox in the caller's transaction; it is sent only after a commit.

    ``template`` is a key of ``TEMPLATES``; raise ``KeyError`` when ``params`` lacks a parameter of
    it.  ``about`` is the object that the letter concerns (``employee:7``), by which it can be found
    later.  After ``expires_at``, when its link stops working, the letter is not sent any more.
    """
    render(template, act.language, params)
    act.db.add(
        Letter(
            to=to,
            template=template,
            language=act.language,
            about=about,
            params=dict(params),
            created_at=act.now,
            expires_at=expires_at,
            due_at=act.now,
        )
    )
    await act.db.flush()


async def withdraw_letters(act: Act, about: str) -> None:
    """Give up the waiting letters with a link about an object whose links have been ended."""
    await act.db.execute(
        update(Letter)
        .where(Letter.about == about, Letter.due_at.is_not(None), Letter.expires_at.is_not(None))
        .values(due_at=None, given_up_at=act.now, cause=GivingUpCause.WITHDRAWN, params={})
    )
