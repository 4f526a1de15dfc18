"""The state of a letter, for people."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field
from sqlalchemy import select

from fleet.kit.act import Act
from fleet.kit.language import BilingualText
from fleet.notifications.models import Letter
from fleet.notifications.rules import FAILED_ONCE, GIVEN_UP, SENT, WAITING


class LetterState(StrEnum):
    """The state of a letter."""

    WAITING = "waiting"
    SENT = "sent"
    """The mail server has accepted it."""
    GIVEN_UP = "given_up"


class LetterView(BaseModel):
    """A letter and its state."""

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


async def last_about(act: Act, about: str) -> LetterView | None:
    """Return the last letter about an object (``employee:7``); None without one in the outbox."""
    letter = await act.db.scalar(
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
        detail=told.in_language(act.language),
        reason=letter.reason,
    )
