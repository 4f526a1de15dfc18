"""Reading what the server saw of a register's conversations."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.diagnostics.models import SeenConversation
from fleet.diagnostics.rules import (
    MAX_KEPT_ROWS,
    REASONS,
    SERVED,
    STATES,
    LinkState,
    diagnose,
    printed_lines,
)
from fleet.kit.actor import Actor
from fleet.kit.language import Language
from fleet.registers.errors import REGISTER_NOT_FOUND
from fleet.registers.models import CashRegister
from fleet.registers.queries import find_own
from fleet.telemetry.models import RegisterState


class ConversationView(BaseModel):
    """One conversation, as the server saw it."""

    model_config = ConfigDict(from_attributes=True)

    ended_at: datetime
    road: str = Field(description="tcp, http, tls, https or mqtt.")
    peer: str
    outcome: str = Field(description="`served`, or what went wrong.")
    why: str
    reached: str = Field(description="The furthest state that the conversation got to.")
    steps: int = Field(description="Commands of operations that were given.")
    operations: list[int]
    ms: int = Field(description="How long it lasted.")


class LinkStateView(BaseModel):
    """Whether one end of the way is reached."""

    state: LinkState
    label: str


class DiagnosticsView(BaseModel):
    """The way of a register to the Internet and to the cabinet, as the server sees it."""

    internet: LinkStateView
    cabinet: LinkStateView
    reason: str = Field(description="Stable code.")
    explanation: str = Field(description="The reason and the way out, in words.")
    printed: list[str] = Field(description="The lines of the report that the register prints.")
    seen_at: datetime | None = Field(description="The last reading.")
    conversations: list[ConversationView] = Field(
        description="The last ones, newest first.  Of ordinary calls that come the same way one "
        "after another only the first is kept."
    )


async def of_register(
    db: AsyncSession, actor: Actor, serial_number: str, language: Language, now: datetime
) -> DiagnosticsView:
    """Refuses a register that the actor may not see."""
    register = (await find_own(db, actor, [serial_number])).get(serial_number)
    if register is None:
        raise REGISTER_NOT_FOUND()
    seen_at = await db.scalar(
        select(RegisterState.seen_at).where(RegisterState.serial_number == serial_number)
    )
    conversations = await _last(db, register)
    failure = next((each for each in conversations if each.outcome != SERVED), None)
    failed_at, outcome = (failure.ended_at, failure.outcome) if failure else (None, "")
    found = diagnose(seen_at, failed_at, outcome, register.blocked, now)
    return DiagnosticsView(
        internet=_link(found.internet, language),
        cabinet=_link(found.cabinet, language),
        reason=found.reason,
        explanation=REASONS[found.reason][language],
        printed=printed_lines(found, language),
        seen_at=seen_at,
        conversations=conversations,
    )


async def _last(db: AsyncSession, register: CashRegister) -> list[ConversationView]:
    """Only those since it came to its partner: the former one's are not for others to read."""
    mine = [SeenConversation.serial_number == register.serial_number]
    if register.enrolled_at is not None:
        mine.append(SeenConversation.ended_at >= register.enrolled_at)
    newest = select(SeenConversation).where(*mine).order_by(SeenConversation.id.desc())
    found = await db.scalars(newest.limit(2 * MAX_KEPT_ROWS))
    return [ConversationView.model_validate(row) for row in found]


def _link(state: LinkState, language: Language) -> LinkStateView:
    return LinkStateView(state=state, label=STATES[state][language])
