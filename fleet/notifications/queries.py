"""What became of a letter, for people."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.language import BilingualText, Language
from fleet.notifications.models import Letter
from fleet.notifications.rules import FAILED_ONCE, GIVEN_UP, SENT, WAITING


class LetterState(StrEnum):
    """Where a letter is."""

    WAITING = "waiting"
    SENT = "sent"
    """The mail server has taken it."""
    GIVEN_UP = "given_up"


class LetterView(BaseModel):
    """A letter and what became of it."""

    to: str
    template: str = Field(description="What it is: `invitation`, `password_reset`...")
    created_at: datetime
    state: LetterState
    detail: str = Field(description="What became of it, in the language of the answer.")
    reason: str = Field(description="What its last failed attempt met, as the mail server put it.")


def _state(letter: Letter) -> tuple[LetterState, BilingualText]:
    if letter.sent_at is not None:
        return LetterState.SENT, SENT
    if letter.cause is not None:
        return LetterState.GIVEN_UP, GIVEN_UP[letter.cause]
    return LetterState.WAITING, FAILED_ONCE if letter.reason else WAITING


async def last_about(db: AsyncSession, about: str, language: Language) -> LetterView | None:
    """The last letter about somebody; None = none, or it was long ago."""
    letter = await db.scalar(
        select(Letter).where(Letter.about == about).order_by(Letter.id.desc()).limit(1)
    )
    if letter is None:
        return None
    state, told = _state(letter)
    return LetterView(
        to=letter.to,
        template=letter.template,
        created_at=letter.created_at,
        state=state,
        detail=told.in_language(language),
        reason=letter.reason,
    )
