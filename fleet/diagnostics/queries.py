"""Queries of a register's recorded conversations."""

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
from fleet.kit.act import Act
from fleet.kit.language import Language
from fleet.registers.errors import REGISTER_NOT_FOUND
from fleet.registers.models import CashRegister
from fleet.registers.queries import find_own
from fleet.telemetry.models import RegisterState


class ConversationView(BaseModel):
    """A conversation as the server saw it."""

    model_config = ConfigDict(from_attributes=True)

    ended_at: datetime
    road: str = Field(description="tcp, http, tls, https or mqtt.")
    peer: str
    outcome: str = Field(description="`served`, or what went wrong.")
    why: str
    reached: str = Field(description="The furthest state that the conversation reached.")
    steps: int = Field(description="Number of commands given to the register.")
    operations: list[int]
    ms: int = Field(description="Duration in milliseconds.")


class LinkStateView(BaseModel):
    """State of one part of a register's link."""

    state: LinkState
    label: str


class DiagnosticsView(BaseModel):
    """The register's link to the Internet and to the server, as the server sees it."""

    internet: LinkStateView
    cabinet: LinkStateView
    reason: str = Field(description="Stable code.")
    explanation: str = Field(description="The reason and the remedy, in words.")
    printed: list[str] = Field(description="The lines of the report that the register prints.")
    seen_at: datetime | None = Field(description="The last reading.")
    conversations: list[ConversationView] = Field(
        description="The last ones, newest first. A series of routine calls over one "
        "transport leaves its first call only."
    )


async def of_register(act: Act, serial_number: str) -> DiagnosticsView:
    """Return the diagnosis of a register's link with its last conversations.

    Raise ``REGISTER_NOT_FOUND`` for a register that the actor may not see.
    """
    register = (await find_own(act.db, act.actor, [serial_number])).get(serial_number)
    if register is None:
        raise REGISTER_NOT_FOUND()
    seen_at = await act.db.scalar(
        select(RegisterState.seen_at).where(RegisterState.serial_number == serial_number)
    )
    conversations = await _last(act.db, register)
    failure = next((each for each in conversations if each.outcome != SERVED), None)
    failed_at, outcome = (failure.ended_at, failure.outcome) if failure else (None, "")
    found = diagnose(seen_at, failed_at, outcome, register.blocked, act.now)
    return DiagnosticsView(
        internet=_link(found.internet, act.language),
        cabinet=_link(found.cabinet, act.language),
        reason=found.reason,
        explanation=REASONS[found.reason][act.language],
        printed=printed_lines(found, act.language),
        seen_at=seen_at,
        conversations=conversations,
    )


async def _last(db: AsyncSession, register: CashRegister) -> list[ConversationView]:
    """Return the register's last conversations, newest first.

    Conversations before the register came to its partner are left out: they belong to the former
    one.
    """
    mine = [SeenConversation.serial_number == register.serial_number]
    if register.enrolled_at is not None:
        mine.append(SeenConversation.ended_at >= register.enrolled_at)
    newest = select(SeenConversation).where(*mine).order_by(SeenConversation.id.desc())
    found = await db.scalars(newest.limit(2 * MAX_KEPT_ROWS))
    return [ConversationView.model_validate(row) for row in found]


def _link(state: LinkState, language: Language) -> LinkStateView:
    return LinkStateView(state=state, label=STATES[state][language])
